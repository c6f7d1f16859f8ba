import { describe, expect, it } from 'vitest'
import { networkOfBits } from '../../../src/core/values/prefix.ts'
import { discoveryOf } from '../../../src/registry/discovery.ts'
import type { Refusal } from '../../../src/registry/refusal.ts'
import { Metrics } from '../../../src/registry/server/metrics.ts'
import { oneAnswer } from '../../../src/registry/server/one-answer.ts'
import { StatusPages } from '../../../src/registry/server/status-pages.ts'
import { changeIn, emptyDatabase } from '../../support/databases.ts'
import { rawExchange } from '../../support/recorded-registry.ts'
import { testRegistry } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const [OPERATOR, STRANGER] = ['127.0.0.1', '127.0.0.2']

async function statusRegistry() {
  const databasePath = await emptyDatabase()
  const registry = await testRegistry({ databasePath })
  const ask = async (page: string, source = OPERATOR) => {
    const { status, body, headers } = await rawExchange(
      registry.addresses[0]?.port ?? 0,
      `GET /${page} HTTP/1.1\r\nHost: localhost\r\n\r\n`,
      { source },
    )
    return { status, type: headers['content-type'], text: body.toString() }
  }
  return { ask, databasePath, [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose]() }
}

describe('the pages for programs of an operator', () => {
  it.each(['healthz', 'readyz', 'metrics', 'discovery'])('are for nobody else: %s', async (page) => {
    await using registry = await statusRegistry()
    expect(await registry.ask(page)).toMatchObject({ status: 200 })
    expect(await registry.ask(page, STRANGER)).toMatchObject({ status: 403 })
  })

  it('tell a registry that runs from one that cannot serve', async () => {
    await using registry = await statusRegistry()
    await changeIn(registry.databasePath, 'DROP TABLE config')
    expect(await registry.ask('healthz')).toMatchObject({ status: 200 })
    expect(await registry.ask('readyz')).toMatchObject({ status: 503 })
  })

  it('count calls by method and status, and not by what a stranger makes up', async () => {
    await using registry = await statusRegistry()
    for (const target of ['getCa', '//getCa', 'made-up', 'made-up-again', 'isToken?token=x'])
      await registry.ask(target, STRANGER)
    const { type, text } = await registry.ask('metrics')
    expect(type).toBe('text/plain; version=0.0.4; charset=utf-8')
    const count = (labels: string) =>
      Number(new RegExp(`^re6st_registry_call_seconds_count{${labels}} (\\d+)$`, 'm').exec(text)?.[1])
    expect(count('method="getCa",status="200"')).toBe(2)
    expect(count('method="isToken",status="403"')).toBe(1)
    expect(text).not.toContain('made-up')
    expect(text).toMatch(/^re6st_registry_ready 1$/m)
    expect(text).toMatch(/^re6st_registry_certificates 0$/m)
    for (const state of ['valid', 'expired', 'revoked'])
      expect(text).toMatch(new RegExp(`^re6st_registry_certificates_by_state{state="${state}"} 0$`, 'm'))
    expect(text).toMatch(/^re6st_registry_connections [1-9]/m)
    expect(text).toMatch(/^process_resident_memory_bytes [1-9]/m)
  })
})

describe('while the database is away', () => {
  const never = () => new Promise<never>(() => {})
  const broken = async () => {
    throw new Error('the database is away')
  }
  const SOON_MS = 5_000

  /** What is asked of a registry, of which so much is known. */
  function pagesOf(
    database: () => Promise<never>,
    checkReadable: () => Promise<unknown> = oneAnswer(database),
  ) {
    const clock = steppedClock()
    const checkReady = oneAnswer(database)
    const metrics = new Metrics({
      ...{ certificates: database, ending: database, revoked: database, databaseBytes: database },
      ...{ connections: () => 3, unread: () => 0, waitingCalls: () => ({ computing: 0, asking: 1 }) },
      ...{
        authorityEndMs: 7_000,
        tlsEndMs: undefined,
        nowMs: () => clock.now(),
        checkReady,
        clock,
      },
    })
    metrics.called('hello', 500, 20)
    const discovery = discoveryOf({
      ...{
        network: networkOfBits('0'.repeat(32)),
        clock,
        checkReadable,
        ownNode: () => undefined,
        reachable: { list: async () => [] },
      },
      holders: async function* () {
        yield await database()
      },
    })
    const pages = new StatusPages({ checkReady, metrics, discovery, log: silentLog, clock })
    return {
      /** What is said before whoever asks gives up. */
      async ask(page: 'readyz' | 'healthz' | 'metrics' | 'discovery') {
        const said = pages.answer(page, `/${page}`).then(
          ({ status, body }) => ({ status, text: String(body) }),
          (error: Refusal) => ({ status: error.status, text: error.message }),
        )
        await clock.pass(SOON_MS)
        return Promise.race([said, clock.sleep(0)])
      },
    }
  }

  it.each([
    ['does not answer', never, 'no answer'],
    ['fails', broken, 'is away'],
  ])('a registry runs, is not ready, and says what else it knows: it %s', async (_, database, why) => {
    const pages = pagesOf(database)
    expect(await pages.ask('healthz')).toMatchObject({ status: 200 })
    expect(await pages.ask('readyz')).toMatchObject({ status: 503, text: expect.stringContaining(why) })
    const metrics = await pages.ask('metrics')
    expect(metrics).toMatchObject({ status: 200 })
    const { text = '' } = metrics ?? {}
    expect(text).toMatch(/^re6st_registry_ready 0$/m)
    expect(text).toMatch(/^re6st_registry_certificates Nan$/im)
    expect(text).toMatch(/^re6st_registry_connections 3$/m)
    expect(text).toMatch(/^re6st_registry_waiting_calls{queue="asking"} 1$/m)
    expect(text).not.toMatch(/^re6st_registry_certificates_by_state{/m)
    expect(text).toMatch(/^re6st_registry_call_seconds_count{method="hello",status="500"} 1$/m)
  })

  it('nodes are not told, whether it was away before or went in the middle', async () => {
    const refused = { status: 503, text: 'no answer of the database within 3 s' }
    expect(await pagesOf(never).ask('discovery')).toEqual(refused)
    expect(await pagesOf(never, async () => {}).ask('discovery')).toEqual(refused)
  })

  it('it is not asked anew for each of those who want to know', async () => {
    let asked = 0
    const pages = pagesOf(() => {
      asked += 1
      return never()
    })
    const askAll = async () => {
      for (const page of ['readyz', 'metrics', 'discovery'] as const) await pages.ask(page)
      return asked
    }
    const once = await askAll()
    for (let times = 0; times < 5; times++) expect(await askAll()).toBe(once)
  })
})
