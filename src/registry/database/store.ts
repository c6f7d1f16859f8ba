import { type Clock, systemClock } from '../../platform/clock.ts'
import { Refusal } from '../refusal.ts'
import type { ChangeFeed } from './change-feed.ts'
import { type Engine, type Executor, OutcomeUnknown, type Topic } from './engine.ts'
import { Queries } from './queries.ts'
import { type Statements, statementsFor } from './statements.ts'

/** How often changes are tried while another process holds the database, or there is none. */
const RETRY_MS = 200

/** More than a batch of changes takes, written for a moment. */
const TRIED_OCTETS = 256 * 1024
const TRIED_NAME = 'tried'

/**
 * One change of the database; several are written in one transaction. It may be run again after it was rolled back:
 * nothing but the database may be changed by it.
 */
export type Write<T = unknown> = (writable: Queries) => Promise<T>

/** What a change is acknowledged for: where a standby must have it, too, unless its loss does no harm. */
export interface WriteOptions {
  /** Counters, sessions, what is tried again by itself: may be lost with this machine, and is written without a standby. */
  readonly isExpendable?: boolean
}

/** Another machine that has a copy of the database. */
export interface Replica {
  /** Why nothing may be given away at the moment; undefined: it may. */
  refusal(): Error | undefined
  /** Resolves when it has everything that was committed up to now. Rejects when it takes too long. */
  stored(): Promise<void>
}

interface Queued {
  readonly write: Write
  readonly isExpendable: boolean
  readonly done: (result: unknown) => void
  readonly failed: (error: unknown) => void
}

/**
 * The registry's database behind typed queries. What is read was committed. Changes of requests that come together are
 * written together, and the disk is waited for once for all of them: each is acknowledged only then.
 */
export class Store extends Queries implements AsyncDisposable {
  readonly #engine: Engine
  readonly #clock: Pick<Clock, 'after' | 'monotonicMs'>
  readonly #statements: Statements
  #queue: Queued[] = []
  #flushing: Promise<void> | undefined
  /** Since when nothing can be written. */
  #busySinceMs: number | undefined
  #retry: { readonly timer: Disposable; readonly now: () => void } | undefined
  #isClosing = false
  #replica: Replica | undefined
  /** Why changes could not be written, and have not been tried since; undefined: they were, or were wrong themselves. */
  #trouble: unknown

  constructor(engine: Engine, clock: Pick<Clock, 'after' | 'monotonicMs'> = systemClock) {
    const statements = statementsFor(engine.kind)
    super({ engine, executor: refusingWhenAway(engine), statements })
    this.#engine = engine
    this.#clock = clock
    this.#statements = statements
  }

  /** Whether other processes may have this database at the same time. */
  get isShared(): boolean {
    return this.#engine.kind === 'postgres'
  }

  /** What the database takes on the disk, in bytes. */
  bytes(): Promise<number> {
    return this.#engine.bytes()
  }

  /** Calls `listener` when any process notifies, when notifications may have been lost, and now where there are other processes. */
  onNotification(listener: (topic: Topic) => void): void {
    this.#engine.onNotification(listener)
  }

  /** All changes from now on, for a standby; undefined where the database has standbys of its own, or no log to follow. */
  feed(): ChangeFeed | undefined {
    return this.#engine.feed()
  }

  /** From now on, changes are acknowledged only when this one has them, too. */
  replicateTo(replica: Replica): void {
    this.#replica = replica
  }

  /**
   * Whether changes can be written: it is tried where the last ones could not.
   * @throws what the database says
   */
  async checkWritable(): Promise<void> {
    const trouble = this.#trouble
    if (trouble === undefined) return
    // On a full disk, there is always a little room in a log.
    for (const value of [Buffer.alloc(TRIED_OCTETS), undefined])
      await this.write((writable) => writable.setConfig(TRIED_NAME, value), { isExpendable: true })
    if (this.#trouble === trouble) this.#trouble = undefined
  }

  /**
   * Writes with whatever else is waiting; resolves when it is on the disk, and at the standby where there is one.
   * @throws Refusal when the standby is away, or the database
   */
  async write<T>(write: Write<T>, { isExpendable = false }: WriteOptions = {}): Promise<T> {
    const refusal = isExpendable ? undefined : this.#replica?.refusal()
    if (refusal) throw refusal
    return new Promise((resolve, failed) => {
      this.#queue.push({
        ...{ write, isExpendable, done: (result) => resolve(result as T) },
        failed: (error) => failed(awayOr(this.#engine, error)),
      })
      this.#flushing ??= this.#flush()
    })
  }

  /**
   * Resolves when what was read just now can be given away: no loss of this machine takes it back. Whoever wrote it may have been told
   * that it is not known whether it was: a change after it is safe only where it is, too.
   * @throws Refusal as `write`
   */
  async settled(): Promise<void> {
    await this.write(async () => {})
  }

  async #flush(): Promise<void> {
    // What comes in the same turn is written together.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#queue.length > 0) {
      const batch = this.#queue.splice(0)
      try {
        await this.#commit(batch)
      } catch (error) {
        if (error instanceof OutcomeUnknown) this.#refuse(batch, error)
        else if (this.#engine.isRetryable(error)) await this.#wait(batch, error)
        else await this.#commitEach(batch, error)
      }
    }
    // In the same turn as the last look at what waits: else a change could come in between, and wait for ever.
    this.#flushing = undefined
  }

  /** All of them or none. */
  async #commit(batch: readonly Queued[]): Promise<void> {
    const results = await this.#engine.transaction(async (executor) => {
      const writable = new Queries({ engine: this.#engine, executor, statements: this.#statements })
      const results: unknown[] = []
      for (const { write } of batch) results.push(await write(writable))
      return results
    })
    this.#busySinceMs = undefined
    const here = this.#engine.sync()
    const everywhere = this.#replica ? Promise.all([here, this.#replica.stored()]) : here
    for (const [index, { isExpendable, done, failed }] of batch.entries())
      (isExpendable ? here : everywhere).then(() => done(results[index]), failed)
    // Perhaps nobody has asked for both.
    everywhere.catch(() => {})
  }

  /** One of them fails: each on its own, so that it takes no other with it. */
  async #commitEach(batch: readonly Queued[], error: unknown): Promise<void> {
    if (batch.length === 1) return this.#refuse(batch, error)
    this.#busySinceMs = undefined
    for (const queued of batch) {
      try {
        await this.#commit([queued])
      } catch (error) {
        this.#refuse([queued], error)
      }
    }
  }

  #refuse(batch: readonly Queued[], error: unknown): void {
    this.#busySinceMs = undefined
    if (error instanceof OutcomeUnknown || this.#engine.isAway(error)) this.#trouble = error
    for (const { failed } of batch) failed(error)
  }

  /** Nothing of them is written: all of them later, or none. */
  async #wait(batch: readonly Queued[], error: unknown): Promise<void> {
    const nowMs = this.#clock.monotonicMs()
    this.#busySinceMs ??= nowMs
    if (this.#isClosing || nowMs - this.#busySinceMs >= this.#engine.giveUpMs)
      return this.#refuse(batch, error)
    this.#queue = [...batch, ...this.#queue]
    await new Promise<void>((resolve) => {
      this.#retry = { timer: this.#clock.after(RETRY_MS, resolve), now: resolve }
    })
    this.#retry = undefined
  }

  /** Writes what waits, and closes the database. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosing = true
    this.#retry?.timer[Symbol.dispose]()
    this.#retry?.now()
    await this.#flushing
    await this.#engine.close()
  }
}

/** What is asked of one that cannot be used at the moment is refused: whoever asks comes again, and need not know why. */
const refusingWhenAway = (engine: Engine): Executor => {
  const refuse = (error: unknown) => {
    throw awayOr(engine, error)
  }
  return {
    all: (statement, args) => engine.all(statement, args).catch(refuse),
    run: (sql, parameters) => engine.run(sql, parameters).catch(refuse),
  }
}

const awayOr = (engine: Engine, error: unknown): unknown =>
  engine.isAway(error) || error instanceof OutcomeUnknown
    ? new Refusal(503, 'the database of the registry cannot be used at the moment: try again later', {
        cause: error,
      })
    : error
