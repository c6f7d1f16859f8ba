import { describe, expect, it } from 'vitest'
import type { WayOutcome } from '../../../../src/core/session/way.ts'
import { type Prefix, prefixOfBits, subnetNameOf } from '../../../../src/core/values/prefix.ts'
import { routeTo } from '../../../../src/registry/api/machine-route.ts'

const NODES = Array.from({ length: 6 }, (_, number) => prefixOfBits(number.toString(2).padStart(16, '0')))
const [OWN, ONE, TWO, THREE, STRANGER] = NODES as [Prefix, Prefix, Prefix, Prefix, Prefix]

const names = (...prefixes: readonly Prefix[]) => prefixes.map(subnetNameOf)

const isOutcome = (way: Prefix | WayOutcome): way is WayOutcome =>
  way === 'no answer' || way === 'not understood' || typeof way === 'object'

/** Where each node sends packets to another, or that it does not say. */
function network(ways: ReadonlyMap<Prefix, Prefix | WayOutcome>, tunnels: readonly string[] = []) {
  const asked: Prefix[] = []
  return {
    asked,
    routeTo: (target: Prefix, own: Prefix | null = OWN) =>
      routeTo(target, {
        own: own ?? undefined,
        askWay: async (prefix) => {
          asked.push(prefix)
          const way = ways.get(prefix) ?? 'no answer'
          return isOutcome(way) ? way : { target, next: way, rttMs: 10, metric: 100 }
        },
        isMember: async (prefix) => prefix !== STRANGER,
        byTunnels: (from) => (tunnels[0] === from ? tunnels : []),
      }),
  }
}

describe('the route from the registry to a machine', () => {
  it('is what the nodes on it have in their routing tables, whatever tunnels would be shorter', async () => {
    const shorter = [OWN, THREE].map(subnetNameOf)
    const { routeTo, asked } = network(
      new Map<Prefix, Prefix>([
        [OWN, ONE],
        [ONE, TWO],
        [TWO, THREE],
      ]),
      shorter,
    )
    const { hops, metric, problem } = await routeTo(THREE)
    expect(hops.map(({ name }) => name)).toEqual(names(OWN, ONE, TWO, THREE))
    expect(hops.slice(1)).toMatchObject([1, 2, 3].map(() => ({ by: 'routing', linkMs: 10 })))
    expect({ metric, problem }).toEqual({ metric: 100, problem: undefined })
    // The one at its end need not be asked.
    expect(asked).toEqual([OWN, ONE, TWO])
  })

  it('to its own node is that node', async () => {
    expect(await network(new Map()).routeTo(OWN)).toEqual({
      hops: [{ name: subnetNameOf(OWN), by: 'routing' }],
    })
  })

  it('is guessed by tunnels behind a node that does not know the question, and says so', async () => {
    const ways = new Map<Prefix, Prefix | 'not understood'>([
      [OWN, ONE],
      [ONE, 'not understood'],
    ])
    const { hops, problem } = await network(ways, names(ONE, TWO, THREE)).routeTo(THREE)
    expect(hops.map(({ name, by }) => [name, by])).toEqual([
      [subnetNameOf(OWN), 'routing'],
      [subnetNameOf(ONE), 'routing'],
      [subnetNameOf(TWO), 'tunnels'],
      [subnetNameOf(THREE), 'tunnels'],
    ])
    expect(problem).toContain('guessed')
    expect((await network(ways).routeTo(THREE)).problem).not.toContain('guessed')
  })

  it.each([
    ['has no way', new Map([[OWN, { target: THREE, next: undefined, rttMs: undefined, metric: undefined }]])],
    ['does not know', new Map([[OWN, { target: THREE, next: undefined, rttMs: 1, metric: 96 }]])],
    ['does not answer', new Map()],
    [
      'circle',
      new Map([
        [OWN, ONE],
        [ONE, OWN],
      ]),
    ],
    ['no machine', new Map([[OWN, STRANGER]])],
  ])('says why it is not known to its end: %s', async (why, ways) => {
    const { problem } = await network(ways as ReadonlyMap<Prefix, Prefix>).routeTo(THREE)
    expect(problem).toContain(why)
  })

  it('is none without a node of the registry', async () => {
    const { routeTo, asked } = network(new Map())
    expect((await routeTo(THREE, null)).problem).toContain('no node')
    expect(asked).toEqual([])
  })
})
