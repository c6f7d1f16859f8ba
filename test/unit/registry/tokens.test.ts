import { describe, expect, it, vi } from 'vitest'
import type { MethodName } from '../../../src/core/rpc/methods.ts'
import { formatTarget } from '../../../src/core/rpc/request-target.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import type { Logger } from '../../../src/platform/log.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Mail } from '../../../src/registry/mail.ts'
import { Refusal } from '../../../src/registry/refusal.ts'
import { Tokens } from '../../../src/registry/tokens.ts'
import { WrongTokens } from '../../../src/registry/wrong-tokens.ts'
import { emptyDatabase } from '../../support/databases.ts'
import { testRegistry } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const DAY_MS = 24 * 3600 * 1000

/** A registry with a clock that is set, and the tokens that it mailed. */
async function office() {
  const time = { nowMs: Date.now(), monotonicMs: 1_000_000 }
  const mails: Mail[] = []
  const registry = await testRegistry(
    {},
    {
      clock: { ...systemClock, now: () => time.nowMs, monotonicMs: () => time.monotonicMs },
      mailer: { send: async (mail) => void mails.push(mail) },
    },
  )
  return {
    time,
    mails,
    tokens: () => mails.map(({ text }) => /^Token: (\w+)$/m.exec(text)?.[1] ?? ''),
    call: async (
      method: MethodName,
      parameters: Record<string, string>,
      headers: Record<string, string> = {},
    ) => {
      const answer = await fetch(registry.url + formatTarget(method, parameters).slice(1), { headers })
      return { status: answer.status, text: await answer.text() }
    },
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

describe('a token that the registry makes up', () => {
  it('is long, and lives two weeks; one that an operator chose is any text, and lives on', async () => {
    await using registry = await office()
    const { text: token } = await registry.call('addToken', { email: 'a@example.com', token: '' })
    expect(token).toMatch(/^[a-z]{20}$/)
    await registry.call('addToken', { email: 'a@example.com', token: 'short' })
    registry.time.nowMs += 15 * DAY_MS
    expect((await registry.call('isToken', { token })).status).toBe(204)
    expect((await registry.call('requestCertificate', { token, req: csr })).status).toBe(204)
    expect((await registry.call('isToken', { token: 'short' })).text).toBe('1')
    expect((await registry.call('requestCertificate', { token: 'short', req: csr })).status).toBe(200)
  })

  it('is one for each e-mail address as long as it lives, and a mail a minute', async () => {
    await using registry = await office()
    const request = () => registry.call('requestToken', { email: 'a@example.com' })
    for (let time = 0; time < 3; time++) expect((await request()).status).toBe(204)
    expect(registry.tokens()).toHaveLength(1)
    registry.time.monotonicMs += 61_000
    await request()
    const [token = '', again] = registry.tokens()
    expect(again).toBe(token)
    expect((await registry.call('requestCertificate', { token, req: csr })).status).toBe(200)
    registry.time.monotonicMs += 61_000
    await request()
    expect(registry.tokens()[2]).not.toBe(token)
    await registry.call('requestToken', { email: 'b@example.com' })
    expect(registry.mails).toHaveLength(4)
  })

  it('is mailed to who asks again, where the database could not be used the first time', async () => {
    const [path, mails] = [await emptyDatabase(), [] as Mail[]]
    await using store = await openStore(path)
    await using tokens = new Tokens({
      ...{ store, clock: systemClock, log: silentLog, mailPrefixLength: 16, mailSender: 'ca@example.com' },
      mailer: { send: async (mail) => void mails.push(mail) },
    })
    vi.spyOn(store, 'madeTokenFor').mockRejectedValueOnce(new Refusal(503, 'it is away'))
    await expect(tokens.request('a@example.com')).rejects.toMatchObject({ status: 503 })
    await tokens.request('a@example.com')
    expect(mails.map(({ to }) => to)).toEqual(['a@example.com'])
  })
})

describe('guessing', () => {
  it('ends after some wrong tokens, also if the next one would be right, and can be tried again later', async () => {
    await using registry = await office()
    await registry.call('addToken', { email: 'a@example.com', token: 'secret' })
    const guess = async (token: string, address = '203.0.113.9') =>
      (await registry.call('requestCertificate', { token, req: csr }, { 'X-Forwarded-For': address })).status
    const statuses = new Set<number>()
    for (let n = 0; n < 25; n++) statuses.add(await guess(`wrong${n}`))
    expect(statuses).toEqual(new Set([204, 429]))
    expect(await guess('secret')).toBe(429)
    await registry.call('addToken', { email: 'b@example.com', token: 'of another' })
    expect(await guess('of another', '198.51.100.1')).toBe(200)
    registry.time.monotonicMs += 60_000
    expect(await guess('secret')).toBe(200)
  })
})

it('wrong tokens from however many addresses fill no log', () => {
  const lines: unknown[] = []
  const log = { warn: (fields: unknown) => lines.push(fields) } as unknown as Logger
  const wrong = new WrongTokens({ monotonicMs: () => 0 }, log)
  for (let source = 0; source < 500; source++)
    for (let count = 0; count < 20; count++) wrong.count(`source${source}`)
  expect(lines).toHaveLength(5)
})

it('addToken takes only what is an e-mail address, and says why not: + in a URL is a blank', async () => {
  await using registry = await office()
  const { status, text } = await registry.call('addToken', { email: 'a b@example.com', token: '' })
  expect([status, text]).toEqual([400, expect.stringContaining('%2B')])
  expect((await registry.call('addToken', { email: 'foo', token: 't' })).status).toBe(400)
  expect((await registry.call('isToken', { token: 't' })).status).toBe(204)
})
