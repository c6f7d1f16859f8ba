import { createHash, createHmac } from 'node:crypto'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { readRegistryCommandLine } from '../../../src/core/options/registry-commands.ts'
import { refuse } from '../../../src/core/result.ts'
import { type Prefix, prefixOfBits } from '../../../src/core/values/prefix.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Holder } from '../../../src/registry/holders.ts'
import { NetworkWatch } from '../../../src/registry/network-watch.ts'
import { type NetworkEvent, Webhooks } from '../../../src/registry/webhooks.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'
import { webhookReceiver } from '../../support/webhook-receiver.ts'

const DEADLINE_MS = 20_000
const MINUTE_MS = 60_000

const gone = (...nodes: string[]): NetworkEvent => ({ event: 'nodes.gone', nodes })

const newStore = () => openStore(join(temporaryDirectory(), 'registry.db'))

describe('a message', () => {
  it('is signed, and sent again until it is taken; those after it wait', async () => {
    await using there = await webhookReceiver([500, 302])
    await using store = await newStore()
    const clock = steppedClock()
    await using webhooks = new Webhooks({
      ...{ store, urls: [there.url], secret: 'a secret', network: 'fd00::/48', clock, log: silentLog },
    })
    webhooks.send(gone('1/16'))
    webhooks.send(gone('2/16'))
    await there.arrived(1)
    // While the clock stands still, it is not tried again.
    await clock.pass(0)
    expect(there.received).toHaveLength(1)
    await waitFor(
      async () => {
        await clock.pass(10_000)
        return there.received.length === 4
      },
      { what: 'all attempts', deadlineMs: DEADLINE_MS, intervalMs: 20 },
    )
    const bodies = there.received.map(({ body }) => body)
    expect(new Set(bodies.slice(0, 3)).size).toBe(1)
    expect(JSON.parse(bodies[3] ?? '')).toMatchObject({ ...gone('2/16'), network: 'fd00::/48' })
    for (const { body, signature } of there.received)
      expect(signature).toBe(`sha256=${createHmac('sha256', 'a secret').update(body).digest('hex')}`)
  })

  it('that nobody took is sent when the registry is started again, with the same id', async () => {
    await using there = await webhookReceiver([500])
    const path = join(temporaryDirectory(), 'registry.db')
    const clock = steppedClock()
    const components = { urls: [there.url], secret: 'x', network: 'fd00::/48', clock, log: silentLog }
    {
      await using store = await openStore(path)
      await using webhooks = new Webhooks({ ...components, store })
      webhooks.send(gone('1/16'))
      await there.arrived(1)
    }
    await using store = await openStore(path)
    await using _ = new Webhooks({ ...components, store })
    await waitFor(
      async () => {
        await clock.pass(10_000)
        return there.received.length === 2
      },
      { what: 'the second attempt', deadlineMs: DEADLINE_MS, intervalMs: 20 },
    )
    expect(there.received[1]?.body).toBe(there.received[0]?.body)
    await waitFor(async () => (await store.all('SELECT id FROM webhook_message')).length === 0, {
      ...{ what: 'that nothing waits', deadlineMs: DEADLINE_MS, intervalMs: 10 },
    })
  })

  it('that a clock which was ahead has put off for years is sent', async () => {
    await using there = await webhookReceiver()
    await using store = await newStore()
    const clock = steppedClock()
    await using webhooks = new Webhooks({
      ...{ store, urls: [there.url], secret: 'x', network: 'fd00::/48', clock, log: silentLog },
    })
    // Written in one step with its insertion: nothing of it was sent.
    await store.write(async (writable) => {
      await writable.run(
        'INSERT INTO webhook_message VALUES (1, ?, ?, ?, ?, 1, ?)',
        ...['an id', createHash('sha256').update(there.url.href).digest('hex'), '{}', clock.now()],
        clock.now() + 1e11,
      )
    })
    webhooks.send(gone('1/16'))
    await there.arrived(2)
    expect(there.received[0]?.body).toBe('{}')
  })

  it('is sent by one of several processes that have the same database', async () => {
    await using there = await webhookReceiver()
    await using store = await newStore()
    const clock = steppedClock()
    const components = { store, urls: [there.url], secret: 'x', network: 'fd00::/48', clock, log: silentLog }
    await using one = new Webhooks(components)
    await using other = new Webhooks(components)
    for (let number = 0; number < 10; number++) (number % 2 === 0 ? one : other).send(gone(`${number}/16`))
    await there.arrived(10)
    await waitFor(async () => (await store.all('SELECT id FROM webhook_message')).length === 0, {
      ...{ what: 'that nothing waits', deadlineMs: DEADLINE_MS, intervalMs: 10 },
    })
    expect(there.received.map(({ body }) => JSON.parse(body).nodes[0])).toEqual(
      Array.from({ length: 10 }, (_, number) => `${number}/16`),
    )
  })

  it('makes room for newer ones when nobody takes any', async () => {
    await using there = await webhookReceiver(Array<number>(2).fill(500))
    await using store = await newStore()
    const clock = steppedClock()
    await using webhooks = new Webhooks({
      ...{ store, urls: [there.url], secret: 'x', network: 'fd00::/48', clock, log: silentLog },
    })
    for (let number = 0; number < 300; number++) webhooks.send(gone(`${number}/16`))
    await waitFor(
      async () => {
        await clock.pass(10_000)
        return there.received.length >= 102
      },
      { what: 'all messages', deadlineMs: DEADLINE_MS, intervalMs: 10 },
    )
    expect(there.received).toHaveLength(102)
    expect(there.received.at(-1)?.body).toContain('299/16')
  })

  it.each([
    ['http://hooks.example.com/', 'https://'],
    ['https://hooks.example.com/', '--webhook-secret'],
  ])('goes nowhere in the clear, and not unsigned: %s', (url, reason) => {
    const args = ['--ca', 'a', '--key', 'k', '--webhook', url]
    expect(readRegistryCommandLine(args, () => refuse('no such file'))).toMatchObject({
      ok: false,
      reason: expect.stringContaining(reason),
    })
  })
})

describe('the operator hears', () => {
  const nodes = Array.from({ length: 10 }, (_, n) => prefixOfBits(n.toString(2).padStart(16, '0')))
  const [own, ...others] = nodes as [Prefix, ...Prefix[]]

  function watched(holders: readonly Holder[] = []) {
    const clock = steppedClock()
    const told: NetworkEvent[] = []
    const state = { there: others as readonly Prefix[], isOwnThere: true }
    const versions = new Map<string, Buffer>()
    let present = Buffer.from([1])
    const watch = new NetworkWatch({
      followers: {
        read: async () => {},
        hasVersion: (prefix, version) => (versions.get(prefix)?.compare(version) ?? -1) >= 0,
      },
      ...{ clock, log: silentLog, ownNode: () => own },
      async *ending(afterMs, untilMs) {
        yield* holders.filter(({ notAfterMs }) => notAfterMs > afterMs && notAfterMs <= untilMs)
      },
      tell: (event) => told.push(event),
      reachable: { list: async () => state.there },
      localNode: { ask: async () => (state.isOwnThere ? Buffer.from('1') : undefined) },
    })
    /** A step is taken that was at this one. */
    const rotate = (step: 'idle' | 'announced' | 'used') => {
      const version = present
      present = Buffer.from([(present[0] ?? 0) + 1])
      return watch.keysRotated({ step, version })
    }
    const fetches = (prefix: string) => versions.set(prefix, present)
    return { clock, told, state, rotate, fetches, [Symbol.dispose]: () => watch[Symbol.dispose]() }
  }

  it('once that many nodes are gone at once, and nothing of one', async () => {
    using net = watched()
    await net.clock.pass(6 * MINUTE_MS)
    net.state.there = others.slice(1)
    await net.clock.pass(10 * MINUTE_MS)
    expect(net.told).toEqual([])
    net.state.there = others.slice(4)
    await net.clock.pass(10 * MINUTE_MS)
    expect(net.told).toEqual([gone('2/16', '3/16', '4/16')])
  })

  it('that its own node is gone, and is back, and then not that all are gone', async () => {
    using net = watched()
    await net.clock.pass(5 * MINUTE_MS)
    net.state.isOwnThere = false
    net.state.there = []
    await net.clock.pass(2 * MINUTE_MS)
    expect(net.told).toEqual([])
    await net.clock.pass(10 * MINUTE_MS)
    net.state.isOwnThere = true
    await net.clock.pass(MINUTE_MS)
    net.state.there = others
    await net.clock.pass(10 * MINUTE_MS)
    expect(net.told.map(({ event }) => event)).toEqual(['registry_node.gone', 'registry_node.back'])
  })

  it('whom a rotation of keys leaves behind', async () => {
    using net = watched()
    await net.rotate('idle')
    for (const prefix of others.slice(2)) net.fetches(prefix)
    await net.rotate('announced')
    expect(net.told).toEqual([{ event: 'keys.left_behind', nodes: ['1/16', '2/16'] }])
    for (const prefix of others) net.fetches(prefix)
    await net.rotate('used')
    expect(net.told).toHaveLength(1)
  })

  it('whom it leaves behind also when the registry was started again since the step before', async () => {
    using net = watched()
    for (const prefix of others.slice(1)) net.fetches(prefix)
    await net.rotate('announced')
    expect(net.told).toEqual([{ event: 'keys.left_behind', nodes: ['1/16'] }])
  })

  it('once which certificates end soon', async () => {
    const holder = (serial: number, days: number): Holder => ({
      ...{ serial, email: null, prefix: serial.toString(2).padStart(16, '0'), subjectSerial: serial },
      notAfterMs: steppedClock().now() + days * 24 * 60 * MINUTE_MS,
    })
    using net = watched([holder(1, 6), holder(2, 8), holder(3, -1)])
    await net.clock.pass(10 * MINUTE_MS)
    expect(net.told).toEqual([{ event: 'certificates.ending', nodes: ['1/16'] }])
  })
})
