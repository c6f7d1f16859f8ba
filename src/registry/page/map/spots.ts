import type { NetworkNode } from './network.ts'
import type { Position } from './positions.ts'

/** Nodes near to each other on the map: at least one. */
export interface Spot extends Position {
  readonly nodes: readonly [NetworkNode, ...NetworkNode[]]
}

/** A part of a whole circle, from `begin` on, both between 0 and 1. */
export interface Share {
  readonly colour: string
  readonly begin: number
  readonly share: number
}

/**
 * Nodes by where they are drawn: those that would lie on each other are one spot, at the place of most of them.
 * @param placeOf where a node is on the map; undefined: it is not there
 * @param near up to which distance they would, in each direction
 * @returns the largest first, so that small ones are drawn over them
 */
export function spotsOf(
  nodes: readonly NetworkNode[],
  placeOf: (node: NetworkNode) => Position | undefined,
  near: number,
): readonly Spot[] {
  const places = new Map<string, Position & { readonly nodes: NetworkNode[] }>()
  for (const node of nodes) {
    const place = placeOf(node)
    if (place === undefined) continue
    const key = `${place.x} ${place.y}`
    const known = places.get(key)
    if (known === undefined) places.set(key, { ...place, nodes: [node] })
    else known.nodes.push(node)
  }
  const cells = new Map<string, (Position & { readonly nodes: NetworkNode[] })[]>()
  const spots: (Position & { readonly nodes: NetworkNode[] })[] = []
  // What is large keeps its place, and takes in what is small.
  for (const place of [...places.values()].sort((a, b) => b.nodes.length - a.nodes.length)) {
    const [column, row] = [Math.floor(place.x / near), Math.floor(place.y / near)]
    const around = [-1, 0, 1].flatMap((right) =>
      [-1, 0, 1].flatMap((down) => cells.get(`${column + right} ${row + down}`) ?? []),
    )
    const taken = around.find(({ x, y }) => Math.hypot(x - place.x, y - place.y) < near)
    if (taken !== undefined) {
      taken.nodes.push(...place.nodes)
      continue
    }
    const spot = { ...place, nodes: [...place.nodes] }
    spots.push(spot)
    const key = `${column} ${row}`
    cells.set(key, [...(cells.get(key) ?? []), spot])
  }
  return spots
    .flatMap(({ x, y, nodes: [first, ...rest] }) =>
      first === undefined ? [] : { x, y, nodes: [first, ...rest] as const },
    )
    .sort((a, b) => b.nodes.length - a.nodes.length)
}

/** How many of them have each colour, one share after the other around a circle; the largest first. */
export function sharesOf(
  nodes: readonly NetworkNode[],
  colourOf: (node: NetworkNode) => string,
): readonly Share[] {
  const counts = new Map<string, number>()
  for (const node of nodes) counts.set(colourOf(node), (counts.get(colourOf(node)) ?? 0) + 1)
  let begin = 0
  return [...counts]
    .sort(([, one], [, other]) => other - one)
    .map(([colour, count]) => {
      const share = count / nodes.length
      begin += share
      return { colour, begin: begin - share, share }
    })
}
