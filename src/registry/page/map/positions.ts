import { type Network, pairKey } from './network.ts'

/** A place in the drawing, in its own units. */
export interface Position {
  readonly x: number
  readonly y: number
}

export type Positions = ReadonlyMap<string, Position>

/** Where every node of a network begins, and which of them has never been placed by the layout. */
export interface Placement {
  readonly positions: Positions
  readonly fresh: ReadonlySet<string>
}

/** Radius of the circle that nodes begin on. */
const RADIUS = 100
/** Distance of a new node from a neighbour that has a place. */
const BESIDE = 4

/** Nodes stay where they were; a new one begins beside a neighbour, or where its name says: the same each time. */
export function place(network: Network, known: Positions): Placement {
  const neighbours = new Map<string, string[]>()
  for (const { client, server } of network.tunnels) {
    neighbours.set(client, [...(neighbours.get(client) ?? []), server])
    neighbours.set(server, [...(neighbours.get(server) ?? []), client])
  }
  const fresh = new Set<string>()
  const positions = new Map<string, Position>()
  for (const { id } of network.nodes) {
    const before = known.get(id)
    if (before !== undefined) positions.set(id, before)
    else {
      fresh.add(id)
      positions.set(id, beginning(id, neighbours.get(id) ?? [], known))
    }
  }
  return { positions, fresh }
}

function beginning(id: string, neighbours: readonly string[], known: Positions): Position {
  const angle = fractionOf(id) * 2 * Math.PI
  const beside = neighbours.flatMap((neighbour) => known.get(neighbour) ?? [])[0]
  const radius = beside === undefined ? RADIUS * (0.3 + 0.7 * fractionOf(`${id}.`)) : BESIDE
  const centre = beside ?? { x: 0, y: 0 }
  return { x: centre.x + radius * Math.cos(angle), y: centre.y + radius * Math.sin(angle) }
}

/** A number from 0 to 1 that a text always has (FNV-1a). */
function fractionOf(text: string): number {
  let hash = 0x811c9dc5
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193)
  return (Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d) >>> 0) / 2 ** 32
}

/** What is kept between visits: whole numbers are precise enough, and short. */
export function savedText(positions: Positions): string {
  return JSON.stringify([...positions].map(([id, { x, y }]) => [id, Math.round(x * 10), Math.round(y * 10)]))
}

/** What {@link savedText} gave; anything else is no position. */
export function savedPositions(text: string | null): Positions {
  const positions = new Map<string, Position>()
  for (const entry of parsedArray(text)) {
    if (!Array.isArray(entry)) continue
    const [id, x, y] = entry as readonly unknown[]
    if (typeof id === 'string' && Number.isFinite(x) && Number.isFinite(y))
      positions.set(id, { x: Number(x) / 10, y: Number(y) / 10 })
  }
  return positions
}

function parsedArray(text: string | null): readonly unknown[] {
  try {
    const parsed: unknown = JSON.parse(text ?? '[]')
    return Array.isArray(parsed) ? parsed : []
  } catch {
    return []
  }
}

/** Tunnels as pairs, each once: for drawing and layout it does not matter who opened it, or how many there are. */
export function pairsOf({ nodes, tunnels }: Network): readonly (readonly [string, string])[] {
  const ids = new Set(nodes.map(({ id }) => id))
  const pairs = new Map<string, readonly [string, string]>()
  for (const { client, server } of tunnels)
    if (client !== server && ids.has(client) && ids.has(server))
      pairs.set(pairKey(client, server), [client, server])
  return [...pairs.values()]
}
