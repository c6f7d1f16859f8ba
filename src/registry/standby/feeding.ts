import { messageOf } from '../../core/errors.ts'
import type { Following, Position } from '../../core/standby/messages.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { ChangeFeed } from '../database/change-feed.ts'
import { MIGRATION_NAMES } from '../database/migrations/index.ts'
import { DatabaseCopy } from './database-copy.ts'
import type { PeerStream } from './peer-stream.ts'

/** How often something is said when nothing has changed. */
const ALIVE_MS = 1_000

/** Tells one standby, over one connection, everything from where it is. */
export class Feeding {
  readonly #stream: PeerStream
  readonly #components: FeedingComponents
  readonly #alive: Disposable
  readonly #changes: Disposable
  /** Up to where it was told. */
  #told: Position | undefined
  #stored: number | undefined
  #isTelling = false
  #isEnded = false
  #isCurrent = false
  #hear: () => void = () => {}

  constructor(stream: PeerStream, { position, migrations }: Following, components: FeedingComponents) {
    this.#stream = stream
    this.#components = components
    const { clock, feed } = components
    this.#alive = clock.every(ALIVE_MS, () => this.#stream.say({ kind: 'alive' }))
    this.#changes = feed.onChange(() => this.#tell())
    stream.onEnd(() => {
      this.#isEnded = true
      this.#isCurrent = false
      this.#alive[Symbol.dispose]()
      this.#changes[Symbol.dispose]()
    })
    stream.onEvent((event) => {
      if (event.kind === 'stored') this.#hasStored(event.number)
    })
    const unknown = MIGRATION_NAMES.filter((name) => !migrations.includes(name))
    if (unknown.length > 0) {
      const reason = `the standby is of an older version: update it first (it does not know ${unknown.join(', ')})`
      components.log.warn({ reason }, 'a standby was turned away')
      stream.finish({ kind: 'refused', reason })
      return
    }
    this.#told = position
    // It has stored what it says it has, if that is of this generation.
    if (position && feed.after(position)) this.#hasStored(position.number)
    this.#tell()
  }

  /** Calls `listener` with the reason when it ends, or has ended. */
  onEnd(listener: (reason: string) => void): void {
    this.#stream.onEnd(listener)
  }

  /** Number of the last change that it has stored; undefined: not known yet. */
  get stored(): number | undefined {
    return this.#stored
  }

  /** Whether it has had everything at some moment of this connection, and has missed nothing since. */
  get isCurrent(): boolean {
    return this.#isCurrent
  }

  /** Calls `listener` each time it says how far it is. */
  onStored(listener: () => void): void {
    this.#hear = listener
  }

  end(reason: string): void {
    this.#isCurrent = false
    this.#stream.end(reason)
  }

  #hasStored(number: number): void {
    const { feed } = this.#components
    // Of a generation that is no more, numbers say nothing.
    if (this.#told?.generation !== feed.position.generation || number > this.#told.number) return
    this.#stored = Math.max(this.#stored ?? 0, number)
    if (this.#stored === feed.position.number) this.#isCurrent = true
    this.#hear()
  }

  #tell(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    this.#tellAll().catch((error: unknown) => {
      this.#components.log.error({ err: error }, 'the standby cannot be told of changes')
      this.end(messageOf(error))
    })
  }

  /** Until there is nothing more to tell: in the same turn as the last look, or a change could come in between. */
  async #tellAll(): Promise<void> {
    const { feed } = this.#components
    while (!this.#isEnded) {
      const changes = this.#told && feed.after(this.#told)
      if (!changes) {
        await this.#copy()
        continue
      }
      if (changes.length === 0) {
        this.#isTelling = false
        return
      }
      for (const { number, frame } of changes) {
        this.#stream.sendFrame(frame)
        this.#told = { generation: feed.position.generation, number }
      }
      await this.#stream.drained()
    }
  }

  async #copy(): Promise<void> {
    const { feed, log } = this.#components
    this.#isCurrent = false
    this.#stored = undefined
    using copy = await DatabaseCopy.of(feed.path)
    const { position, length } = copy
    log.info({ octets: length }, 'the standby gets a copy of the database')
    this.#stream.say({ kind: 'copy', position, length })
    for await (const part of copy.parts()) await this.#stream.sendPart(part)
    this.#told = position
  }
}

/** What feeding a standby needs. */
export interface FeedingComponents {
  readonly feed: ChangeFeed
  readonly clock: Pick<Clock, 'every' | 'after'>
  readonly log: Logger
}
