import { createHash, createHmac } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { readRegistryCommandLine } from '../../../src/core/options/registry-commands.ts'
import { refuse } from '../../../src/core/result.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { type NetworkEvent, Webhooks } from '../../../src/registry/webhooks.ts'
import { DATABASE_KIND, emptyDatabase, holdDatabaseClock } from '../../support/databases.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'
import { webhookReceiver } from '../../support/webhook-receiver.ts'

const DEADLINE_MS = 20_000

const gone = (...nodes: string[]): NetworkEvent => ({ event: 'nodes.gone', nodes })

const newStore = async () => openStore(await emptyDatabase())

/** Of the process, and of its database. */
const heldClock = () => {
  const clock = steppedClock()
  holdDatabaseClock(clock)
  return clock
}

describe('a message', () => {
  it('is signed, and sent again until it is taken; those after it wait', async () => {
    await using there = await webhookReceiver([500, 302])
    await using store = await newStore()
    const clock = heldClock()
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
    const path = await emptyDatabase()
    const clock = heldClock()
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
    const clock = heldClock()
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
    const clock = heldClock()
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
    const clock = heldClock()
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

// A database that is a file has one machine.
describe.runIf(DATABASE_KIND === 'PostgreSQL')('with PostgreSQL', () => {
  it.each([
    ['ahead', 3600_000],
    ['behind', -3600_000],
  ])('a message is sent once also where the clock of another machine is an hour %s', async (_, apartMs) => {
    const database = await emptyDatabase()
    let answer: (status: number) => void = () => {}
    const answered = new Promise<number>((resolve) => {
      answer = resolve
    })
    await using there = await webhookReceiver([answered])
    const process = async (clock: ReturnType<typeof steppedClock>) => {
      const store = await openStore(database)
      const looked = vi.spyOn(store, 'all')
      const webhooks = new Webhooks({
        ...{ store, urls: [there.url], secret: 'x', network: 'fd00::/48', clock, log: silentLog },
      })
      return {
        ...{ store, looked, webhooks, clock },
        async [Symbol.asyncDispose]() {
          await webhooks[Symbol.asyncDispose]()
          await store[Symbol.asyncDispose]()
        },
      }
    }
    await using one = await process(steppedClock(Date.now()))
    await using other = await process(steppedClock(Date.now() + apartMs))
    await expect.poll(() => other.looked.mock.calls.length).toBe(1)
    one.webhooks.send(gone('1/16'))
    await there.arrived(1)
    // It looks twice more while that is under way, and leaves it alone.
    for (const looks of [2, 3])
      await waitFor(
        async () => {
          await other.clock.pass(60_000)
          return other.looked.mock.calls.length >= looks
        },
        { what: 'that the other looks', deadlineMs: DEADLINE_MS, intervalMs: 20 },
      )
    answer(200)
    await waitFor(async () => (await one.store.all('SELECT id FROM webhook_message')).length === 0, {
      ...{ what: 'that nothing waits', deadlineMs: DEADLINE_MS, intervalMs: 10 },
    })
    expect(there.received).toHaveLength(1)
  })
})
