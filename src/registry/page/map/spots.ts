import type { NetworkNode, Place } from './network.ts'

/** Nodes at one place of the map: at least one. */
export interface Spot {
  readonly place: Place
  readonly nodes: readonly [NetworkNode, ...NetworkNode[]]
}

/** A part of a whole circle, from `begin` on, both between 0 and 1. */
export interface Share {
  readonly colour: string
  readonly begin: number
  readonly share: number
}

/** Nodes by place, to a degree; the largest first, so that small ones are drawn over them. */
export function spotsOf(nodes: readonly NetworkNode[]): readonly Spot[] {
  const byPlace = new Map<
    string,
    { readonly place: Place; readonly nodes: [NetworkNode, ...NetworkNode[]] }
  >()
  for (const node of nodes) {
    if (node.place === undefined) continue
    const key = `${Math.round(node.place.longitude)} ${Math.round(node.place.latitude)}`
    const spot = byPlace.get(key)
    if (spot === undefined) byPlace.set(key, { place: node.place, nodes: [node] })
    else spot.nodes.push(node)
  }
  return [...byPlace.values()].sort((a, b) => b.nodes.length - a.nodes.length)
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
