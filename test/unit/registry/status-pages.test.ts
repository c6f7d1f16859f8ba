import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { rawExchange } from '../../support/recorded-registry.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'

const [OPERATOR, STRANGER] = ['127.0.0.1', '127.0.0.2']

async function statusRegistry() {
  const databasePath = join(temporaryDirectory(), 'registry.db')
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
    const database = new Database(registry.databasePath)
    database.exec('DROP TABLE config')
    database.close()
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
    expect(text).toMatch(/^re6st_registry_certificates 0$/m)
    for (const state of ['valid', 'expired', 'revoked'])
      expect(text).toMatch(new RegExp(`^re6st_registry_certificates_by_state{state="${state}"} 0$`, 'm'))
    expect(text).toMatch(/^re6st_registry_connections [1-9]/m)
    expect(text).toMatch(/^process_resident_memory_bytes [1-9]/m)
  })
})
