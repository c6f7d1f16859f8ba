import { type Authentication, RegistrySessions } from '../core/rpc/registry-sessions.ts'
import type { Clock } from '../platform/clock.ts'
import type { Store } from './database/store.ts'

/** The sessions of nodes (protocol, section 4), of one process or of all that serve one network. */
export interface Sessions {
  /** A node's certificate was asked for a session: `secret` was sent to it. */
  begin(
    prefix: string,
    secret: Buffer,
    said: { readonly protocol: number; readonly nowMs: number },
  ): Promise<void>
  /** The protocol of a node, as it said itself. */
  protocolOf(prefix: string): Promise<number | undefined>
  /** Checks a call; a match keeps only its successor. */
  authenticate(prefix: string, target: string, given: Uint8Array): Promise<Authentication>
  /** A secret that `begin` was called with counts no more: it is not sent. What the node has besides stays. */
  withdraw(prefix: string, secret: Buffer): Promise<void>
  /** The node is gone: its certificate was revoked or has expired. */
  end(prefix: string): Promise<void>
}

/** Sessions in the memory of one process. */
export function ownSessions(): Sessions {
  const sessions = new RegistrySessions()
  return {
    begin: async (prefix, secret, said) => sessions.begin(prefix, secret, said),
    protocolOf: async (prefix) => sessions.protocolOf(prefix),
    authenticate: async (prefix, target, given) => sessions.authenticate(prefix, target, given),
    withdraw: async (prefix, secret) => sessions.withdraw(prefix, secret),
    end: async (prefix) => sessions.end(prefix),
  }
}

/** How often a change is tried again when another process has changed the same session meanwhile. */
const MAX_TRIES = 20

/** Sessions in the database: each call may be answered by another process. */
export class SharedSessions implements Sessions {
  readonly #store: Store
  readonly #clock: Pick<Clock, 'now'>

  constructor(store: Store, clock: Pick<Clock, 'now'>) {
    this.#store = store
    this.#clock = clock
  }

  async begin(prefix: string, secret: Buffer, { protocol }: { readonly protocol: number }): Promise<void> {
    // Of all processes, so by the time of day.
    const nowMs = this.#clock.now()
    await this.#change(prefix, (sessions) => sessions.begin(prefix, secret, { protocol, nowMs }))
  }

  async protocolOf(prefix: string): Promise<number | undefined> {
    return readSessions(prefix, await this.#store.session(prefix)).protocolOf(prefix)
  }

  authenticate(prefix: string, target: string, given: Uint8Array): Promise<Authentication> {
    return this.#change(prefix, (sessions) => sessions.authenticate(prefix, target, given))
  }

  async withdraw(prefix: string, secret: Buffer): Promise<void> {
    await this.#change(prefix, (sessions) => sessions.withdraw(prefix, secret))
  }

  async end(prefix: string): Promise<void> {
    await this.#store.endSession(prefix)
  }

  /** What one has read is changed only if it is still so: else an HMAC could be used twice. */
  async #change<T>(prefix: string, change: (sessions: RegistrySessions) => T): Promise<T> {
    for (let time = 0; time < MAX_TRIES; time++) {
      const before = await this.#store.session(prefix)
      const sessions = readSessions(prefix, before)
      const result = change(sessions)
      const after = sessions.stateOf(prefix) ?? (before === undefined ? undefined : NOTHING)
      if (after === undefined || after === before) return result
      if (await this.#store.setSession(prefix, before, after, Math.floor(this.#clock.now() / 1000)))
        return result
    }
    throw new Error('many processes change the session of one node at once')
  }
}

/** Of a node of which nothing is kept, where something was. */
const NOTHING = JSON.stringify([null, []])

function readSessions(prefix: string, state: string | undefined): RegistrySessions {
  const sessions = new RegistrySessions()
  if (state !== undefined) sessions.restore(prefix, state)
  return sessions
}
