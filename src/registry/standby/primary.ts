import { Re6stError } from '../../core/errors.ts'
import type { Following, PeerState } from '../../core/standby/messages.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { type Actor, audit } from '../api/audit-log.ts'
import type { ChangeFeed } from '../database/change-feed.ts'
import type { Replica, Store } from '../database/store.ts'
import { Refusal } from '../refusal.ts'
import { removeOldCopies } from './database-copy.ts'
import { Feeding } from './feeding.ts'
import { askPeer, type Peer } from './peer-link.ts'
import type { PeerStream } from './peer-stream.ts'
import { readReplication } from './replication-row.ts'

/** What a primary needs. */
export interface PrimaryComponents {
  readonly store: Store
  readonly feed: ChangeFeed
  readonly peer: Peer
  /** Hash of the public key of the authority. */
  readonly authority: string
  readonly clock: Clock
  readonly log: Logger
}

/** What is known of the standby. */
export interface StandbyState {
  /** Without it nothing is given. */
  readonly isRegistered: boolean
  readonly sinceUnixSeconds: number | undefined
  /** `away`: not connected; `copying`: it does not have everything yet. */
  readonly connection: 'away' | 'copying' | 'current'
  /** Changes that it has not stored; undefined while it is not known. */
  readonly behind: number | undefined
  readonly epoch: number
}

interface Waiting {
  readonly number: number
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  readonly timer: Disposable
}

/** How long a change waits for a standby that has just gone: it may be back. */
const PATIENCE_MS = 20_000
/** How often a primary without a standby looks whether the other one serves in its place. */
const LOOK_MS = 5_000
const RETRY_AFTER_MS = 30_000

/**
 * The registry of a pair that serves. Once its standby has everything, nothing is given away any more that the standby has not stored:
 * no certificate, prefix or serial number, no revocation. While the standby is away, nothing is given at all, until it is back or an
 * operator drops it: whichever of both machines is lost, the other has all that was ever acknowledged. That also keeps a
 * former primary from giving anything after the standby was promoted.
 */
export class Primary implements Replica, Disposable {
  readonly #components: PrimaryComponents
  readonly #epoch: number
  readonly #look: Disposable
  readonly #changes: Disposable
  #registered: { readonly id: string; readonly since: number } | undefined
  #feeding: { readonly id: string; readonly feeding: Feeding } | undefined
  #isRegistering = false
  #waiting: Waiting[] = []
  #fail: (error: Error) => void = () => {}

  private constructor(components: PrimaryComponents, row: Awaited<ReturnType<typeof readReplication>>) {
    this.#components = components
    this.#epoch = row.epoch
    if (row.standby !== null) this.#registered = { id: row.standby, since: row.since ?? 0 }
    const { clock, feed, log, store } = components
    this.#look = clock.every(LOOK_MS, () => this.#lookForOther())
    // Another program may have changed the database: the next transaction tells the standby so.
    this.#changes = clock.every(1_000, () => {
      if (feed.isStale)
        store
          .write(async () => {}, { isExpendable: true })
          .catch((error: unknown) => log.warn({ err: error }, 'the standby cannot be told of changes'))
    })
  }

  /** @throws Re6stError `CONFLICT` when the other one serves */
  static async of(components: PrimaryComponents): Promise<Primary> {
    const row = await readReplication(components.store)
    const other = await askPeer(components.peer, components.clock)
    if (other?.role === 'primary' && other.epoch >= row.epoch) throw otherServes(other, row.epoch)
    removeOldCopies(components.feed.path)
    return new Primary(components, row)
  }

  /** Calls `listener` when the other one serves rightly: this one must end. */
  onSuperseded(listener: (error: Error) => void): void {
    this.#fail = listener
  }

  /** What this one says of itself. */
  get peerState(): PeerState {
    return { role: 'primary', epoch: this.#epoch }
  }

  get state(): StandbyState {
    const feeding = this.#feeding?.feeding
    return {
      isRegistered: this.#registered !== undefined,
      sinceUnixSeconds: this.#registered?.since,
      connection: feeding === undefined ? 'away' : feeding.isCurrent ? 'current' : 'copying',
      behind:
        feeding?.stored === undefined ? undefined : this.#components.feed.position.number - feeding.stored,
      epoch: this.#epoch,
    }
  }

  refusal(): Error | undefined {
    return this.#registered && !this.#feeding?.feeding.isCurrent ? standbyIsAway() : undefined
  }

  stored(): Promise<void> {
    const { number } = this.#components.feed.position
    if (!this.#registered || (this.#feeding?.feeding.stored ?? -1) >= number) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const waiting: Waiting = {
        ...{ number, resolve, reject },
        timer: this.#components.clock.after(PATIENCE_MS, () => {
          this.#waiting = this.#waiting.filter((other) => other !== waiting)
          reject(standbyIsAway())
        }),
      }
      this.#waiting.push(waiting)
    })
  }

  /** A standby begins to follow. */
  follow(stream: PeerStream, following: Following): void {
    const { log, authority, feed } = this.#components
    const refuse = (reason: string) => {
      log.warn({ reason }, 'a standby was turned away')
      stream.finish({ kind: 'refused', reason })
    }
    if (following.epoch > this.#epoch)
      return refuse(
        `its database is of epoch ${following.epoch}, that of the primary of epoch ${this.#epoch}: one of them is an old copy. Move the database of the standby away if this is the right one`,
      )
    if (following.authority !== authority)
      return refuse('it has the key of another authority: copy --ca and --key of the primary to the standby')
    if (this.#registered && this.#registered.id !== following.id)
      return refuse('another standby is registered: re6st-registry standby drop, on the primary, ends that')
    // The same one again: the connection before has not been noticed to be gone.
    this.#feeding?.feeding.end('it has connected anew')
    const feeding = new Feeding(stream, following, { feed, clock: this.#components.clock, log })
    const current = { id: following.id, feeding }
    this.#feeding = current
    log.info('the standby is connected')
    feeding.onStored(() => this.#hasStored(current))
    this.#hasStored(current)
    feeding.onEnd((reason) => {
      log.warn({ reason }, 'the standby is away')
      if (this.#feeding === current) this.#feeding = undefined
    })
  }

  #hasStored({ id, feeding }: { readonly id: string; readonly feeding: Feeding }): void {
    if (this.#feeding?.feeding !== feeding) return
    const { stored } = feeding
    if (stored === undefined) return
    const [ready, waiting] = [
      this.#waiting.filter(({ number }) => number <= stored),
      this.#waiting.filter(({ number }) => number > stored),
    ]
    this.#waiting = waiting
    for (const { timer, resolve } of ready) {
      timer[Symbol.dispose]()
      resolve()
    }
    if (feeding.isCurrent && !this.#registered && !this.#isRegistering) this.#register(id)
  }

  /** From this change on, nothing is given away without it; it knows so when it has stored the change. */
  #register(id: string): void {
    const { store, clock, log } = this.#components
    const since = Math.floor(clock.now() / 1000)
    this.#isRegistering = true
    store
      .write(
        async (writable) => {
          // Before it is committed: nothing that is written with it or after it is acknowledged without the standby.
          this.#registered = { id, since }
          await writable.run('UPDATE replication SET standby = ?, since = ?', id, since)
        },
        { isExpendable: true },
      )
      .then(
        () => log.info('the standby has everything: from now on, nothing is given that it has not stored'),
        (error: unknown) => {
          this.#registered = undefined
          log.error({ err: error }, 'the standby cannot be registered')
        },
      )
      .finally(() => {
        this.#isRegistering = false
      })
  }

  /** Goes on without the standby. @throws Refusal 409 when there is none, when it has everything, or when it serves itself */
  async drop(actor: Actor): Promise<void> {
    const { store, clock, peer } = this.#components
    if (!this.#registered) throw new Refusal(409, 'no standby is registered')
    if (!this.refusal()) throw new Refusal(409, 'the standby is connected, and has everything: stop it first')
    const other = await askPeer(peer, clock)
    if (other?.role === 'primary' && other.epoch > this.#epoch)
      throw new Refusal(409, 'the standby was promoted, and serves the network: stop this registry')
    await store.write(
      async (writable) => {
        await writable.run('UPDATE replication SET standby = NULL, since = NULL')
        await audit(writable, actor, { action: 'standby.dropped' }, clock.now())
      },
      { isExpendable: true },
    )
    this.#registered = undefined
    for (const { timer, resolve } of this.#waiting.splice(0)) {
      timer[Symbol.dispose]()
      resolve()
    }
  }

  /** While no standby follows, it may be because it was promoted. */
  #lookForOther(): void {
    if (this.#feeding) return
    const { peer, clock } = this.#components
    askPeer(peer, clock).then(
      (other) => {
        if (other?.role === 'primary' && other.epoch > this.#epoch)
          this.#fail(otherServes(other, this.#epoch))
      },
      () => {},
    )
  }

  [Symbol.dispose](): void {
    this.#look[Symbol.dispose]()
    this.#changes[Symbol.dispose]()
    this.#feeding?.feeding.end('the primary stops')
    for (const { timer, reject } of this.#waiting.splice(0)) {
      timer[Symbol.dispose]()
      reject(standbyIsAway())
    }
  }
}

const standbyIsAway = (): Refusal =>
  new Refusal(
    503,
    'the standby is away: nothing is given until it is back, or re6st-registry standby drop says to go on without it',
    { retryAfterMs: RETRY_AFTER_MS },
  )

const otherServes = (other: PeerState, epoch: number): Re6stError =>
  new Re6stError(
    'CONFLICT',
    other.epoch > epoch
      ? `the other registry of the pair (--peer) was promoted, and serves this network in epoch ${other.epoch}; this database is of epoch ${epoch}: to make this one its standby, start it with --standby`
      : `the other registry of the pair (--peer) serves in epoch ${other.epoch}, too, and this one has epoch ${epoch}: start one of them with --standby`,
  )
