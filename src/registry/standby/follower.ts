import { messageOf } from '../../core/errors.ts'
import type { Change, Following } from '../../core/standby/messages.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { MIGRATION_NAMES } from '../database/migrations/index.ts'
import type { FollowedDatabase, IncomingCopy } from './followed-database.ts'
import type { PeerEvent, PeerStream } from './peer-stream.ts'

/** What following a primary needs. */
export interface FollowerComponents {
  /** @throws why the primary is not reached */
  readonly connect: () => Promise<PeerStream>
  readonly database: FollowedDatabase
  readonly self: Pick<Following, 'id' | 'authority'>
  readonly clock: Pick<Clock, 'sleep'>
  readonly log: Logger
}

/** How often the primary is tried when it is not reached. */
const RETRY_MS = 1_000

/** Keeps the database of a standby the same as the primary's. */
export class Follower {
  readonly #components: FollowerComponents
  readonly #stop = new AbortController()
  #stream: PeerStream | undefined
  #isHeard = false
  #copy: IncomingCopy | undefined
  /** What is here is not what the primary has: it is not said that anything is. */
  #needsCopy = false
  /** What was last said of why it does not work: the same is not said again. */
  #reason: string | undefined

  constructor(components: FollowerComponents) {
    this.#components = components
  }

  /** Whether the primary is there. */
  get isConnected(): boolean {
    return this.#isHeard
  }

  /** Whether a copy of the whole is being taken. */
  get isCopying(): boolean {
    return this.#copy !== undefined
  }

  /** Follows until it is stopped, through whatever losses of the connection. */
  async run(): Promise<void> {
    const { clock, log } = this.#components
    const { signal } = this.#stop
    while (!signal.aborted) {
      const reason = await this.#follow().catch(messageOf)
      if (signal.aborted) return
      if (reason !== this.#reason) log.warn({ reason }, 'the primary is not followed')
      this.#reason = reason
      await clock.sleep(RETRY_MS, signal).catch(() => {})
    }
  }

  /** What is under way is finished, or given up. */
  stop(): void {
    this.#stop.abort()
    this.#stream?.end('stopped')
  }

  /** @returns why it has ended */
  async #follow(): Promise<string> {
    const { connect, database, self } = this.#components
    const stream = await connect()
    this.#stream = stream
    if (this.#stop.signal.aborted) stream.end('stopped')
    try {
      // What was read from the log after a crash may not be on the disk yet.
      await database.sync()
      stream.say({
        kind: 'follow',
        following: {
          ...self,
          epoch: database.epoch,
          migrations: MIGRATION_NAMES,
          position: this.#needsCopy ? undefined : database.position,
        },
      })
      for (;;) {
        const event = await stream.next()
        if (!event) return await stream.ended
        if (event.kind === 'refused') return event.reason
        await this.#handle(event, stream)
      }
    } finally {
      this.#isHeard = false
      stream.end('given up')
      await this.#copy?.file.close().catch(() => {})
      this.#copy = undefined
    }
  }

  async #handle(event: PeerEvent, stream: PeerStream): Promise<void> {
    const { database, log } = this.#components
    if (!this.#isHeard) log.info('the primary is followed')
    this.#isHeard = true
    this.#reason = undefined
    switch (event.kind) {
      case 'copy':
        this.#copy = await database.beginCopy(event.position, event.length)
        return
      case 'part':
        await this.#take(event.content)
        break
      case 'change':
        this.#apply(event.change)
        break
      case 'alive':
        break
      default:
        throw new Error(`a standby is told no ${event.kind}`)
    }
    this.#confirm(stream)
  }

  async #take(part: Buffer): Promise<void> {
    const copy = this.#copy
    if (!copy) throw new Error('a part of no copy')
    await copy.add(part)
    if (!copy.isComplete) return
    this.#copy = undefined
    await this.#components.database.take(copy)
    this.#needsCopy = false
    this.#components.log.info('the standby has a copy of the database')
  }

  #apply(change: Change): void {
    try {
      if (this.#components.database.apply(change)) return
    } catch (error) {
      this.#needsCopy = true
      throw error
    }
    throw new Error('a change before it is missing')
  }

  /** Says how far it is, as soon as that survives a power cut. Changes that come meanwhile are made meanwhile. */
  #confirm(stream: PeerStream): void {
    const { database } = this.#components
    const number = this.#needsCopy ? undefined : database.position?.number
    if (number === undefined || this.#copy) return stream.say({ kind: 'alive' })
    database.sync().then(
      () => stream.say({ kind: 'stored', number }),
      (error: unknown) => stream.end(`what was told cannot be stored: ${messageOf(error)}`),
    )
  }
}
