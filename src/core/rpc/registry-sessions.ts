import { isSameOctets } from '../octets.ts'
import { remember } from '../remember.ts'
import { nextSecret, requestHmac } from './session.ts'

/** What the registry finds when a node calls: the secret for the answer, and the protocol that it has said; or what is wrong. */
export type Authentication =
  | { readonly kind: 'authentic'; readonly secret: Buffer; readonly protocol: number }
  | { readonly kind: 'no-session' }
  | { readonly kind: 'wrong-hmac' }

/** A secret that was sent to a node, or has followed from one. */
interface Secret {
  /** Octets as characters: a small buffer for each of many nodes takes ten times as much. */
  readonly text: string
  /** The protocol that was said in the `hello`: whoever says another in the node's name does not know the secret. */
  readonly protocol: number
  readonly sinceMs: number
}

/** How many hellos in a node's name count beside each other, and for how long: a node uses its own at once. */
const MAX_OFFERED = 64
const OFFERED_MS = 60_000

/** How much is kept. */
export interface SessionLimits {
  /** Nodes whose last secret is kept: one that was forgotten says hello again. */
  readonly nodes: number
  /** Nodes in whose name somebody has said hello within a minute, and nobody has called since. */
  readonly offered: number
}

const LIMITS: SessionLimits = { nodes: 50_000, offered: 10_000 }

/**
 * The registry's sessions. For each node it keeps the secret that was last really used, and those of the last hellos:
 * so one who says `hello` in the node's name neither breaks the node's session nor keeps it from getting one. Of too many
 * nodes, those that were heard of least lately are forgotten; hellos, which anybody can say, push out no session.
 */
export class RegistrySessions {
  readonly #limits: SessionLimits
  /** The successor of the secret that each node has really used last. */
  readonly #used = new Map<string, Secret>()
  /** Of the last hellos, oldest first: the node's own may be any of them. Nodes in the order of their last hello. */
  readonly #offered = new Map<string, readonly Secret[]>()

  constructor(limits: Partial<SessionLimits> = {}) {
    this.#limits = { ...LIMITS, ...limits }
  }

  /** A node's certificate was asked for a session: `secret` was sent to it. */
  begin(prefix: string, secret: Buffer, { protocol, nowMs }: { protocol: number; nowMs: number }): void {
    const isRecent = ({ sinceMs }: Secret) => nowMs - sinceMs < OFFERED_MS
    const recent = (this.#offered.get(prefix) ?? []).filter(isRecent).slice(1 - MAX_OFFERED)
    const offered = [...recent, { text: textOf(secret), protocol, sinceMs: nowMs }]
    remember(this.#offered, prefix, offered, this.#limits.offered)
    for (const [other, secrets] of this.#offered) {
      if (secrets.some(isRecent)) break
      this.#offered.delete(other)
    }
  }

  /** The protocol of a node, as it said itself. */
  protocolOf(prefix: string): number | undefined {
    return this.#used.get(prefix)?.protocol
  }

  /** Checks a call; a match keeps only its successor. */
  authenticate(prefix: string, target: string, given: Uint8Array): Authentication {
    const used = this.#used.get(prefix)
    const all = [...(used ? [used] : []), ...(this.#offered.get(prefix) ?? [])]
    if (all.length === 0) return { kind: 'no-session' }
    const [match] = all.filter(({ text }) => isSameOctets(requestHmac(octetsOf(text), target), given))
    if (match === undefined) return { kind: 'wrong-hmac' }
    const secret = octetsOf(match.text)
    remember(this.#used, prefix, { ...match, text: textOf(nextSecret(secret)) }, this.#limits.nodes)
    this.#offered.delete(prefix)
    return { kind: 'authentic', secret, protocol: match.protocol }
  }

  /** What is kept of a node, as text for another process; undefined: nothing. */
  stateOf(prefix: string): string | undefined {
    const [used, offered = []] = [this.#used.get(prefix), this.#offered.get(prefix)]
    if (!used && offered.length === 0) return undefined
    const write = ({ text, protocol, sinceMs }: Secret): WrittenSecret => [
      octetsOf(text).toString('base64'),
      protocol,
      sinceMs,
    ]
    return JSON.stringify([used ? write(used) : null, offered.map((secret) => write(secret))])
  }

  /** Goes on with what `stateOf` has told, here or in another process. */
  restore(prefix: string, state: string): void {
    const [used, offered] = JSON.parse(state) as [WrittenSecret | null, WrittenSecret[]]
    const read = ([bytes, protocol, sinceMs]: WrittenSecret): Secret => ({
      text: textOf(Buffer.from(bytes, 'base64')),
      protocol,
      sinceMs,
    })
    if (used) this.#used.set(prefix, read(used))
    if (offered.length > 0) this.#offered.set(prefix, offered.map(read))
  }

  /** A secret that `begin` was called with counts no more: it is not sent. */
  withdraw(prefix: string, secret: Buffer): void {
    const left = (this.#offered.get(prefix) ?? []).filter(({ text }) => text !== textOf(secret))
    if (left.length > 0) this.#offered.set(prefix, left)
    else this.#offered.delete(prefix)
  }

  /** The node is gone: its certificate was revoked or has expired. */
  end(prefix: string): void {
    this.#used.delete(prefix)
    this.#offered.delete(prefix)
  }
}

type WrittenSecret = [bytes: string, protocol: number, sinceMs: number]

const textOf = (secret: Buffer): string => secret.toString('latin1')
const octetsOf = (text: string): Buffer => Buffer.from(text, 'latin1')
