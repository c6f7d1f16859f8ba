import { describe, expect, it } from 'vitest'
import { MESSAGE_CODE } from '../../../../src/core/session/message-codes.ts'
import { type Prefix, prefixOfBits, subnetNameOf } from '../../../../src/core/values/prefix.ts'
import type { TopologyChange, TopologyNode } from '../../../../src/registry/api/schemas/network.ts'
import { TopologyWatch } from '../../../../src/registry/api/topology-watch.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

const NODES = Array.from({ length: 4 }, (_, number) => prefixOfBits(number.toString(2).padStart(8, '0')))
const [OWN, ONE, TWO, LATE] = NODES as [Prefix, Prefix, Prefix, Prefix]
/** What a node has to answer, and what changes must be told of by. */
const ANSWER_MS = 3_000
const SOON_MS = 5_000

/** A network that is watched: who has a route and a tunnel to whom, and who does not answer. */
function watched() {
  const clock = steppedClock()
  const state = {
    members: [OWN, ONE, TWO] as readonly Prefix[],
    routed: [ONE, TWO] as readonly Prefix[],
    silent: new Set<Prefix>(),
    tunnels: new Map<Prefix, readonly Prefix[]>([
      [OWN, [ONE]],
      [ONE, [TWO]],
    ]),
  }
  const answerOf = (prefix: Prefix, code: number) => {
    if (code !== MESSAGE_CODE.topology) return Buffer.from('0.2.0, Linux')
    const names = (state.tunnels.get(prefix) ?? []).map(subnetNameOf)
    return Buffer.from([names.length, ...names].join(' '))
  }
  const watch: TopologyWatch = new TopologyWatch({
    ...{ clock, log: silentLog, registryPrefix: () => OWN },
    localNode: {
      ask: (prefix, code) =>
        new Promise((resolve) => {
          if (state.silent.has(prefix)) clock.after(ANSWER_MS, () => resolve(undefined))
          else resolve(answerOf(prefix, code))
        }),
    },
    reachable: { list: async () => [...state.routed] },
    isMember: async (prefix) => state.members.includes(prefix),
    async *nodes() {
      for (const prefix of state.members)
        yield {
          name: subnetNameOf(prefix),
          state: watch.isOnline(prefix) ? 'online' : 'offline',
        } satisfies TopologyNode
    },
  })
  const changes: TopologyChange[] = []
  watch.subscribe((change) => changes.push(change))
  /** What is told of from now on, until then. */
  const toldIn = async (ms: number) => {
    changes.length = 0
    await clock.pass(ms)
    return {
      nodes: changes.flatMap(({ nodes }) => nodes.map(({ name, state: its }) => `${name} ${its}`)),
      ended: changes.flatMap(({ tunnelsEnded }) => tunnelsEnded),
      made: changes.flatMap(({ tunnelsMade }) => tunnelsMade),
    }
  }
  return { state, clock, watch, toldIn, [Symbol.dispose]: () => watch[Symbol.dispose]() }
}

describe('whoever looks at the network', () => {
  it('is told within five seconds of what changes', async () => {
    using network = watched()
    const first = await network.toldIn(SOON_MS)
    expect(first.nodes).toHaveLength(3)
    expect(first.made).toHaveLength(2)
    network.state.members = [...network.state.members, LATE]
    network.state.routed = [ONE]
    network.state.silent.add(TWO)
    network.state.tunnels.set(ONE, [])
    const told = await network.toldIn(SOON_MS)
    expect(told.nodes.toSorted()).toEqual([`${subnetNameOf(TWO)} offline`, `${subnetNameOf(LATE)} offline`])
    expect(told.ended).toEqual([{ client: subnetNameOf(ONE), server: subnetNameOf(TWO) }])
  })

  it.each([
    ['a node', ONE],
    ['the node of the registry', OWN],
  ])('is told as soon where %s does not answer, which has a route', async (_, silent) => {
    using network = watched()
    await network.toldIn(SOON_MS)
    network.state.silent.add(silent)
    // At whatever moment it is in asking.
    for (let phase = 0; phase < 12; phase++) {
      await network.clock.pass(4 * ANSWER_MS + phase * 500)
      const joined = prefixOfBits((100 + phase).toString(2).padStart(8, '0'))
      network.state.members = [...network.state.members, joined]
      expect((await network.toldIn(SOON_MS)).nodes).toContain(`${subnetNameOf(joined)} offline`)
    }
    network.state.routed = [ONE]
    expect((await network.toldIn(2 * SOON_MS)).nodes).toContain(`${subnetNameOf(TWO)} offline`)
  })

  it('does not wait for who does not answer, to see the rest', async () => {
    using network = watched()
    network.state.silent.add(OWN)
    let isThere = false
    const snapshot = network.watch.snapshot().then((seen) => {
      isThere = true
      return seen
    })
    await network.clock.pass(ANSWER_MS - 1_000)
    expect(isThere).toBe(true)
    expect((await snapshot).nodes).toHaveLength(3)
  })
})
