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

/** What the registry finds when a node calls: the secret for the answer, or what is wrong. */
export type Authentication =
  | { readonly kind: 'authentic'; readonly secret: Buffer }
  | { readonly kind: 'no-session' }
  | { readonly kind: 'wrong-hmac' }

/** A secret that was sent to a node, or has followed from one. */
interface Secret {
  readonly bytes: Buffer
  /** The protocol that was said in the `hello`: whoever says another in the node's name does not know the secret. */
  readonly protocol: number
  readonly sinceMs: number
}

/** What the registry keeps of a node. */
interface NodeSecrets {
  /** The successor of the one that was really used last. */
  readonly used: Secret | undefined
  /** Of the last hellos, oldest first: the node's own may be any of them. */
  readonly offered: readonly Secret[]
}

/** How many hellos in a node's name count beside each other, and for how long: a node uses its own at once. */
const MAX_OFFERED = 64
const OFFERED_MS = 60_000

/**
 * The registry's sessions. For each node it keeps the secret that was last really used, and those of the last hellos:
 * so one who says `hello` in the node's name neither breaks the node's session nor keeps it from getting one.
 */
export class RegistrySessions {
  readonly #secrets = new Map<string, NodeSecrets>()

  /** A node's certificate was asked for a session: `secret` was sent to it. */
  begin(prefix: string, secret: Buffer, { protocol, nowMs }: { protocol: number; nowMs: number }): void {
    const { used, offered = [] } = this.#secrets.get(prefix) ?? {}
    const recent = offered.filter(({ sinceMs }) => nowMs - sinceMs < OFFERED_MS).slice(1 - MAX_OFFERED)
    this.#secrets.set(prefix, { used, offered: [...recent, { bytes: secret, protocol, sinceMs: nowMs }] })
  }

  /** The protocol of a node, as it said itself. */
  protocolOf(prefix: string): number | undefined {
    return this.#secrets.get(prefix)?.used?.protocol
  }

  /** Checks a call; a match keeps only its successor. */
  authenticate(prefix: string, target: string, given: Uint8Array): Authentication {
    const secrets = this.#secrets.get(prefix)
    if (!secrets) return { kind: 'no-session' }
    const all = secrets.used ? [secrets.used, ...secrets.offered] : secrets.offered
    const [match] = all.filter(({ bytes }) => isSameOctets(requestHmac(bytes, target), given))
    if (match === undefined) return { kind: 'wrong-hmac' }
    this.#secrets.set(prefix, { used: { ...match, bytes: nextSecret(match.bytes) }, offered: [] })
    return { kind: 'authentic', secret: match.bytes }
  }

  /** What is kept of a node, as text for another process; undefined: nothing. */
  stateOf(prefix: string): string | undefined {
    const secrets = this.#secrets.get(prefix)
    const write = ({ bytes, protocol, sinceMs }: Secret) => [bytes.toString('base64'), protocol, sinceMs]
    return (
      secrets &&
      JSON.stringify([
        secrets.used ? write(secrets.used) : null,
        secrets.offered.map((secret) => write(secret)),
      ])
    )
  }

  /** Goes on with what `stateOf` has told, here or in another process. */
  restore(prefix: string, state: string): void {
    type Written = [bytes: string, protocol: number, sinceMs: number]
    const [used, offered] = JSON.parse(state) as [Written | null, Written[]]
    const read = ([bytes, protocol, sinceMs]: Written): Secret => ({
      bytes: Buffer.from(bytes, 'base64'),
      protocol,
      sinceMs,
    })
    this.#secrets.set(prefix, { used: used ? read(used) : undefined, offered: offered.map(read) })
  }

  /** The node is gone: its certificate was revoked or has expired. */
  end(prefix: string): void {
    this.#secrets.delete(prefix)
  }
}
