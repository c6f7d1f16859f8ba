import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { waitFor } from '../../../../lab/wait-for.ts'
import { PairWatch } from '../../../../src/registry/standby/pair-watch.ts'
import { becomeStandby } from '../../../../src/registry/standby/standby.ts'
import type { NetworkEvent } from '../../../../src/registry/webhooks.ts'
import { fastClock } from '../../../support/fast-clock.ts'
import { freePort } from '../../../support/free-port.ts'
import { temporaryDirectory, testRegistry } from '../../../support/registry.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'
import { vectors } from '../../../support/vectors.ts'
import { webhookReceiver } from '../../../support/webhook-receiver.ts'

const { ca: caPem } = vectors<{ ca: string }>('pki.json')
const MINUTE_MS = 60_000

describe('the operator hears of the other registry of a pair', () => {
  function watched() {
    const clock = steppedClock()
    const told: NetworkEvent[] = []
    const state = { isAway: false }
    const watch = new PairWatch({
      ...{ other: 'standby', clock, isAway: () => state.isAway },
      tell: (event) => told.push(event),
    })
    const events = () => told.map(({ event }) => event)
    return { clock, events, state, [Symbol.dispose]: () => watch[Symbol.dispose]() }
  }

  it('once that it is away for a minute, and once that it is back', async () => {
    using pair = watched()
    await pair.clock.pass(10 * MINUTE_MS)
    pair.state.isAway = true
    await pair.clock.pass(0.9 * MINUTE_MS)
    expect(pair.events()).toEqual([])
    await pair.clock.pass(10 * MINUTE_MS)
    expect(pair.events()).toEqual(['standby.away'])
    pair.state.isAway = false
    await pair.clock.pass(10 * MINUTE_MS)
    expect(pair.events()).toEqual(['standby.away', 'standby.back'])
  })

  it('nothing of one that is started again, however often', async () => {
    using pair = watched()
    for (let time = 0; time < 5; time++) {
      pair.state.isAway = true
      await pair.clock.pass(0.8 * MINUTE_MS)
      pair.state.isAway = false
      await pair.clock.pass(0.2 * MINUTE_MS)
    }
    expect(pair.events()).toEqual([])
  })
})

it('a primary tells by its webhooks that its standby is away, and a standby that its primary is', async () => {
  await using there = await webhookReceiver()
  const [one, other] = [await freePort(), await freePort()]
  const secret = '0123456789abcdef0123456789abcdef'
  const side = (listen: number, peer: number) => ({
    peer: { host: '127.0.0.1', port: peer, secret },
    listen: { kind: 'address', address: '127.0.0.1', port: listen } as const,
  })
  const webhooks = { urls: [there.url], secret: 'signs' }
  const clock = fastClock(60)
  const primary = await testRegistry({ pair: side(one, other), webhooks }, { clock })
  const databasePath = join(temporaryDirectory(), 'registry.db')
  const startStandby = async () => {
    const standby = await becomeStandby({
      ...{ databasePath, caPem, webhooks, clock, log: silentLog },
      commandSocket: undefined,
      pair: side(other, one),
    })
    if (!standby) throw new Error('it serves')
    return standby
  }
  const isReady = () =>
    waitFor(async () => (await fetch(new URL('readyz', primary.url))).status === 200, {
      ...{ what: 'the standby', deadlineMs: 20_000, intervalMs: 20 },
    })
  try {
    const first = await startStandby()
    // Registered: only then it is missed.
    await waitFor(
      async () =>
        /^re6st_registry_standby_registered 1$/m.test(
          await (await fetch(new URL('metrics', primary.url))).text(),
        ),
      { what: 'the standby', deadlineMs: 20_000, intervalMs: 20 },
    )
    await first[Symbol.asyncDispose]()
    await there.arrived(1)
    expect(there.events()).toEqual(['standby.away'])
    await using second = await startStandby()
    await isReady()
    await there.arrived(2)
    await primary[Symbol.asyncDispose]()
    await there.arrived(3)
    expect(there.events()).toEqual(['standby.away', 'standby.back', 'primary.away'])
    expect(second).toBeDefined()
  } finally {
    await primary[Symbol.asyncDispose]()
  }
})
