import { DAY_MS } from '../../src/core/day.ts'
import type { Network, NetworkNode } from '../../src/registry/page/map/network.ts'

const COUNTRIES = [
  ['FR', 2.4, 48.9],
  ['DE', 10, 51],
  ['JP', 139.7, 35.7],
  ['BR', -46.6, -23.5],
  ['US', -95, 38],
  ['CN', 116.4, 39.9],
] as const
/** What a node of the real network opens, by default. */
const TUNNELS = 5

const validityFrom = (certificateBeginMs: number) => ({
  certificateBeginMs,
  certificateEndMs: certificateBeginMs + 365 * DAY_MS,
})

/** A network like those that grow: each node opened tunnels to some that were there before. The same each time. */
export function syntheticNetwork(count: number): Network {
  let seed = 1
  const random = (below: number) => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((seed / 2 ** 32) * below)
  }
  const nodes = Array.from({ length: count }, (_, at): NetworkNode => {
    const [country, longitude, latitude] = COUNTRIES[random(COUNTRIES.length)] ?? COUNTRIES[0]
    return {
      id: `${at}/24`,
      name: at === 0 ? 'registry' : `node-${at}`,
      registry: at === 0,
      state: random(20) === 0 ? 'offline' : random(50) === 0 ? 'never-seen' : 'online',
      version: `0.${random(4)}`,
      country,
      place: { longitude: longitude + random(8), latitude: latitude + random(8) },
      ...validityFrom(Date.UTC(2026, 0, 1) + random(365) * DAY_MS),
    }
  })
  const tunnels = nodes.flatMap(({ id }, at) =>
    Array.from({ length: Math.min(at, TUNNELS) }, () => ({ client: id, server: `${random(at)}/24` })),
  )
  return { nodes, tunnels }
}
