import { createHash, createHmac } from 'node:crypto'
import { isSameOctets } from '../octets.ts'
import { ok, type Result, refuse } from '../result.ts'
import { HMAC_HEADER } from './methods.ts'

/*
 * Authentication of calls (protocol, section 4). Both sides hold a secret K, from `hello`:
 *
 *   request   HMAC-SHA1(K, request target)
 *   answer    HMAC-SHA1(SHA1(K), body)
 *   next call K' = SHA1(SHA1(K))
 *
 * So each HMAC is used once, and none can be replayed.
 */

const sha1 = (data: Uint8Array): Buffer => createHash('sha1').update(data).digest()
const hmac = (key: Uint8Array, data: Uint8Array | string): Buffer =>
  createHmac('sha1', key).update(data).digest()

/** The secret after this one. */
export const nextSecret = (secret: Uint8Array): Buffer => sha1(sha1(secret))

/** The HMAC of a request. */
export const requestHmac = (secret: Uint8Array, target: string): Buffer => hmac(secret, target)

/** The HMAC of an answer. */
export const answerHmac = (secret: Uint8Array, body: Uint8Array): Buffer => hmac(sha1(secret), body)

/** Reads the header's base64 as the recorded registry does: other characters are skipped, padding must be there. */
export function decodeHmac(header: string): Result<Buffer> {
  const text = header.replace(/[^A-Za-z0-9+/=]/g, '')
  return text.length % 4 === 0
    ? ok(Buffer.from(text, 'base64'))
    : refuse(`the header ${HMAC_HEADER} is not base64`)
}

/** Whether an answer comes from who knows the secret. Takes the same time whatever is wrong. */
export const isAnswerAuthentic = (secret: Uint8Array, body: Uint8Array, given: Uint8Array): boolean =>
  isSameOctets(answerHmac(secret, body), given)
