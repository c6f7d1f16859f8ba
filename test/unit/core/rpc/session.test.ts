import { describe, expect, it } from 'vitest'
import {
  answerHmac,
  decodeHmac,
  isAnswerAuthentic,
  nextSecret,
  requestHmac,
} from '../../../../src/core/rpc/session.ts'
import { fc, test } from '../../../support/property.ts'
import { hex, vectors } from '../../../support/vectors.ts'

interface Case {
  name: string
  target: string
  headers: { Re6stHMAC?: string }
  response_headers: { Re6stHMAC?: string }
  body: string | null
  secret_before?: string
  secret_after?: string
}
interface Exchange {
  name: string
  request: string
  answer: { headers: [string, string][]; body: string } | null
  secret?: string
  next_secret?: string
}
const recorded = vectors<{
  cases: Case[]
  sessions: Exchange[]
  communities: Exchange[]
  renewal: Exchange[]
}>('registry-rpc.json')

/** All recorded calls with a secret, in one form. */
const calls = [
  ...recorded.cases.map(({ name, target, headers, response_headers, body, secret_before, secret_after }) => ({
    name,
    target,
    hmac: headers.Re6stHMAC,
    answerHmac: response_headers.Re6stHMAC,
    body,
    secret: secret_before,
    next: secret_after,
  })),
  ...[...recorded.sessions, ...recorded.communities, ...recorded.renewal].map(
    ({ name, request, answer, secret, next_secret }) => ({
      name,
      target: typeof request === 'string' ? (request.split(' ')[1] ?? '') : '',
      hmac: typeof request === 'string' ? /^Re6stHMAC: (.*)\r$/m.exec(request)?.[1] : undefined,
      answerHmac: answer?.headers.find(([header]) => header === 'Re6stHMAC')?.[1],
      body: answer?.body ?? null,
      secret,
      next: next_secret,
    }),
  ),
].flatMap((call) => (call.secret === undefined ? [] : [{ ...call, secret: hex(call.secret) }]))

describe('recorded calls', () => {
  const authentic = calls.filter((call) => call.next !== undefined)

  it.each(authentic)('$name', ({ target, hmac, answerHmac: expected, body, secret, next }) => {
    const given = decodeHmac(hmac ?? '')
    expect(given).toEqual({ ok: true, value: requestHmac(secret, target) })
    expect(nextSecret(secret).toString('hex')).toBe(next)
    if (expected === undefined) return
    const answer = hex(body ?? '')
    expect(answerHmac(secret, answer).toString('base64')).toBe(expected)
    expect(isAnswerAuthentic(secret, answer, Buffer.from(expected, 'base64'))).toBe(true)
    expect(isAnswerAuthentic(nextSecret(secret), answer, Buffer.from(expected, 'base64'))).toBe(false)
    expect(
      isAnswerAuthentic(secret, Buffer.concat([answer, Buffer.of(0)]), Buffer.from(expected, 'base64')),
    ).toBe(false)
  })

  it('are many', () => {
    expect(authentic.length).toBeGreaterThan(35)
  })
})

describe('the header', () => {
  test('carries any bytes, blanks in between', fc.uint8Array({ maxLength: 30 }), (bytes) => {
    const header = Buffer.from(bytes).toString('base64').replace(/./g, '$& ')
    expect(decodeHmac(header)).toEqual({ ok: true, value: Buffer.from(bytes) })
  })

  test('of arbitrary text gives bytes or a reason', fc.string(), (text) => {
    expect(decodeHmac(text)).toHaveProperty('ok')
  })
})
