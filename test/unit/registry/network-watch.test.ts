import { describe, expect, it } from 'vitest'
import { type Prefix, prefixOfBits } from '../../../src/core/values/prefix.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Store } from '../../../src/registry/database/store.ts'
import type { Holder } from '../../../src/registry/holders.ts'
import { NetworkWatch } from '../../../src/registry/network-watch.ts'
import { setNotice } from '../../../src/registry/operator-notices.ts'
import type { NetworkEvent } from '../../../src/registry/webhooks.ts'
import { emptyDatabase, holdDatabaseClock } from '../../support/databases.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

const nodes = Array.from({ length: 10 }, (_, n) => prefixOfBits(n.toString(2).padStart(16, '0')))
const [own, ...others] = nodes as [Prefix, ...Prefix[]]

const gone = (...names: string[]): NetworkEvent => ({ event: 'nodes.gone', nodes: names })

const endingIn = (serial: number, days: number): Holder => ({
  ...{ serial, email: null, prefix: serial.toString(2).padStart(16, '0'), subjectSerial: serial },
  notAfterMs: steppedClock().now() + days * DAY_MS,
})

/** A network whose registries have one database, and a clock that is held. */
async function network(holders: Holder[] = [], { isShared = false } = {}) {
  const store = await openStore(await emptyDatabase())
  const clock = steppedClock()
  holdDatabaseClock(clock)
  const told: NetworkEvent[] = []
  const versions = new Map<string, Buffer>()
  let present = Buffer.from([1])
  let underWay = 0
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    underWay++
    try {
      return await work()
    } finally {
      underWay--
    }
  }
  /** Whether what is told cannot be written. */
  const state = { isFull: false }
  const watched: Pick<Store, 'all' | 'isShared' | 'commonTimeMs'> = {
    isShared,
    all: (sql, ...values) => step(() => store.all(sql, ...values)),
    commonTimeMs: (own) => store.commonTimeMs(own),
  }
  /** One more process: what it sees, until it ends. */
  const process = () => {
    const seen = { there: others as readonly Prefix[], isOwnThere: true }
    const watch = new NetworkWatch({
      ...{ clock, log: silentLog, store: watched, ownNode: () => own },
      followers: {
        behind: async (prefixes, version) =>
          prefixes.filter((prefix) => (versions.get(prefix)?.compare(version) ?? -1) < 0),
      },
      async *ending(afterMs, untilMs) {
        yield* holders.filter(({ notAfterMs }) => notAfterMs > afterMs && notAfterMs <= untilMs)
      },
      tell: (decide) =>
        step(async () => {
          if (state.isFull) throw new Error('the disk is full')
          const event = await store.write(decide)
          if (event) told.push(event)
          return event !== undefined
        }),
      reachable: { list: async () => seen.there },
      localNode: { ask: async () => (seen.isOwnThere ? Buffer.from('1') : undefined) },
    })
    return { seen, watch, [Symbol.dispose]: () => watch[Symbol.dispose]() }
  }
  return {
    ...{ process, told, state, holders, store, clock },
    /** So many rounds, each at its end before the next. */
    async minutes(count: number) {
      for (let minute = 0; minute < count; minute++) {
        await clock.pass(MINUTE_MS)
        while (underWay > 0) await clock.pass(0)
      }
    },
    /** A step is taken that was at this one, by a process that may die then. */
    async rotate(step: 'idle' | 'announced' | 'used') {
      const version = present.toString('hex')
      present = Buffer.from([(present[0] ?? 0) + 1])
      await store.write((writable) =>
        setNotice(writable, 'keys.left_behind', step === 'idle' ? undefined : { version }),
      )
    },
    fetches: (prefix: string) => versions.set(prefix, present),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

describe('the operator hears', () => {
  it('once that many nodes are gone at once, and nothing of one', async () => {
    await using net = await network()
    using one = net.process()
    await net.minutes(6)
    one.seen.there = others.slice(1)
    await net.minutes(10)
    expect(net.told).toEqual([])
    one.seen.there = others.slice(4)
    await net.minutes(10)
    expect(net.told).toEqual([gone('2/16', '3/16', '4/16')])
  })

  it('of the same nodes again when they were back', async () => {
    await using net = await network()
    using one = net.process()
    for (let time = 0; time < 2; time++) {
      one.seen.there = others
      await net.minutes(6)
      one.seen.there = others.slice(3)
      await net.minutes(6)
    }
    expect(net.told).toEqual([gone('1/16', '2/16', '3/16'), gone('1/16', '2/16', '3/16')])
  })

  it('that its own node is gone, and is back, and then not that all are gone', async () => {
    await using net = await network()
    using one = net.process()
    await net.minutes(5)
    one.seen.isOwnThere = false
    one.seen.there = []
    await net.minutes(2)
    expect(net.told).toEqual([])
    await net.minutes(10)
    one.seen.isOwnThere = true
    await net.minutes(1)
    one.seen.there = others
    await net.minutes(10)
    expect(net.told.map(({ event }) => event)).toEqual(['registry_node.gone', 'registry_node.back'])
  })

  it('whom a rotation of keys leaves behind, also when the process that took the step has died', async () => {
    await using net = await network()
    using one = net.process()
    await net.rotate('idle')
    for (const prefix of others.slice(2)) net.fetches(prefix)
    await net.rotate('announced')
    // Without a node of its own, it sees nobody.
    one.seen.there = []
    await net.minutes(2)
    expect(net.told).toEqual([])
    one.seen.there = others
    using _ = net.process()
    await net.minutes(2)
    expect(net.told).toEqual([{ event: 'keys.left_behind', nodes: ['1/16', '2/16'] }])
    for (const prefix of others) net.fetches(prefix)
    await net.rotate('used')
    await net.minutes(2)
    expect(net.told).toHaveLength(1)
  })

  it('once which certificates end soon, also of those that come later', async () => {
    await using net = await network([endingIn(1, 6), endingIn(2, 8), endingIn(3, -1)])
    using _ = net.process()
    await net.minutes(10)
    expect(net.told).toEqual([{ event: 'certificates.ending', nodes: ['1/16'] }])
    // One that is given now ends before the other.
    net.holders.push(endingIn(4, 5))
    await net.minutes(2)
    expect(net.told.slice(1)).toEqual([{ event: 'certificates.ending', nodes: ['4/16'] }])
    await net.clock.pass(DAY_MS)
    await net.minutes(2)
    expect(net.told.slice(2)).toEqual([{ event: 'certificates.ending', nodes: ['2/16'] }])
  })

  it('of certificates that end soon although it was told of later ones by a clock that was years ahead', async () => {
    await using net = await network([endingIn(1, 6)])
    await net.store.write((writable) =>
      setNotice(writable, 'certificates.ending', { untilMs: net.clock.now() + 1e11, serial: 9 }),
    )
    using _ = net.process()
    await net.minutes(3)
    expect(net.told).toEqual([{ event: 'certificates.ending', nodes: ['1/16'] }])
  })

  it('all of it later when it cannot be written now', async () => {
    await using net = await network([endingIn(1, 6)])
    using one = net.process()
    net.state.isFull = true
    await net.minutes(6)
    net.state.isFull = false
    await net.minutes(6)
    one.seen.there = others.slice(4)
    net.state.isFull = true
    await net.minutes(1)
    net.state.isFull = false
    await net.minutes(1)
    expect(net.told.map(({ event }) => event)).toEqual(['certificates.ending', 'nodes.gone'])
  })
})

describe('of several processes', () => {
  it('one tells, and nobody again: not one that is started then', async () => {
    await using net = await network([endingIn(1, 6)], { isShared: true })
    {
      using one = net.process()
      using other = net.process()
      await net.minutes(6)
      for (const { seen } of [one, other]) seen.there = others.slice(4)
      await net.minutes(6)
      for (const { seen } of [one, other]) Object.assign(seen, { isOwnThere: false, there: [] })
      await net.minutes(6)
    }
    using third = net.process()
    Object.assign(third.seen, { isOwnThere: false, there: [] })
    await net.minutes(6)
    Object.assign(third.seen, { isOwnThere: true, there: others.slice(4) })
    await net.minutes(6)
    expect(net.told.map(({ event }) => event)).toEqual([
      ...['certificates.ending', 'nodes.gone', 'registry_node.gone', 'registry_node.back'],
    ])
  })

  it('one tells what happened while another died', async () => {
    await using net = await network([], { isShared: true })
    using one = net.process()
    {
      using other = net.process()
      await net.minutes(6)
      other.seen.there = others.slice(4)
    }
    one.seen.there = others.slice(4)
    await net.minutes(1)
    expect(net.told).toEqual([gone('1/16', '2/16', '3/16', '4/16')])
  })

  it('those whose machine has no node say nothing of it, as long as another has an answer', async () => {
    await using net = await network([], { isShared: true })
    using one = net.process()
    using without = net.process()
    Object.assign(without.seen, { isOwnThere: false, there: [] })
    await net.minutes(10)
    expect(net.told).toEqual([])
    one.seen.isOwnThere = false
    await net.minutes(6)
    expect(net.told.map(({ event }) => event)).toEqual(['registry_node.gone'])
  })
})
