import type { Clock } from '../../platform/clock.ts'

/** How many connections of strangers are read at once, and how long one waits for that. */
export interface ReadingLimits {
  /** Connections of strangers that are read while nothing has come on them yet. */
  readonly readAtOnce: number
  /** How often others get their turn; one on which nothing came for so long has had its own. */
  readonly turnMs: number
  /** One that waits for longer is told to come back. */
  readonly longestWaitMs: number
  /** One that was told to come back is not read for so long. */
  readonly restMs: number
}

/** A connection that is read when it is its turn. */
export interface Reader {
  readonly source: string | undefined
  /** Its turn begins. */
  read(): void
  /** Nothing is read of it until its next turn. */
  pause(): void
  /** It has waited for too long. */
  turnAway(): void
}

/**
 * Who is read when. All that has come on all connections would be done in one turn of the event loop, and whoever comes
 * last waits for all of it: so only a few strangers are read at once, each source in its turn, while those that the registry
 * knows are read at any time. What is not read waits in the kernel and costs nothing.
 */
export class ReadingTurns {
  readonly #clock: Pick<Clock, 'monotonicMs' | 'after'>
  readonly #limits: ReadingLimits
  readonly #isStranger: (source: string) => boolean
  /** Those whose turn it is, and since when; the first came first. */
  readonly #reading = new Map<Reader, number>()
  /** Those that wait, and since when; the first came first. */
  readonly #waiting = new Map<Reader, number>()
  /** The same by source; the one whose turn is next comes first. */
  readonly #rotation = new Map<string | undefined, Set<Reader>>()
  /** Those that were told to come back, and when they wait again; all rest equally long. */
  readonly #resting = new Map<Reader, number>()
  #isTurning = false

  constructor(
    {
      clock,
      isStranger,
    }: { clock: Pick<Clock, 'monotonicMs' | 'after'>; isStranger: (source: string) => boolean },
    limits: ReadingLimits,
  ) {
    this.#clock = clock
    this.#isStranger = isStranger
    this.#limits = limits
  }

  /** How many wait, or rest. */
  get waiting(): number {
    return this.#waiting.size + this.#resting.size
  }

  /** It wants to be read: it is new, or its last call was answered. It is told when: perhaps at once. */
  await(reader: Reader): void {
    const { source } = reader
    if (source === undefined || !this.#isStranger(source)) return reader.read()
    if (this.#waiting.size === 0 && this.#reading.size < this.#limits.readAtOnce) return this.#begin(reader)
    reader.pause()
    this.#wait(reader)
  }

  /** Its last call was answered by "come back later": nothing is read before. */
  awaitAfterRest(reader: Reader): void {
    if (reader.source === undefined) return reader.read()
    reader.pause()
    this.#resting.set(reader, this.#clock.monotonicMs() + this.#limits.restMs)
    this.#turnLater()
  }

  /** A call has come, or the connection is gone: its turn, or its waiting, is over. */
  leave(reader: Reader): void {
    this.#reading.delete(reader)
    this.#resting.delete(reader)
    if (this.#waiting.delete(reader)) this.#removeFromRotation(reader)
  }

  #begin(reader: Reader): void {
    this.#reading.set(reader, this.#clock.monotonicMs())
    reader.read()
  }

  #wait(reader: Reader): void {
    this.#waiting.set(reader, this.#clock.monotonicMs())
    const siblings = this.#rotation.get(reader.source)
    if (siblings) siblings.add(reader)
    else this.#rotation.set(reader.source, new Set([reader]))
    this.#turnLater()
  }

  #turnLater(): void {
    if (this.#isTurning) return
    this.#isTurning = true
    this.#clock.after(this.#limits.turnMs, () => {
      this.#isTurning = false
      this.#turn()
      if (this.#waiting.size > 0 || this.#resting.size > 0) this.#turnLater()
    })
  }

  #turn(): void {
    const nowMs = this.#clock.monotonicMs()
    for (const [reader, untilMs] of this.#resting) {
      if (untilMs > nowMs) break
      this.#resting.delete(reader)
      this.#wait(reader)
    }
    for (const [reader, sinceMs] of this.#waiting) {
      if (nowMs - sinceMs < this.#limits.longestWaitMs) break
      this.leave(reader)
      reader.turnAway()
    }
    // Who says nothing gives way to who waits.
    const silent: Reader[] = []
    for (const [reader, sinceMs] of this.#reading) {
      if (this.#waiting.size <= silent.length || nowMs - sinceMs < this.#limits.turnMs) break
      this.#reading.delete(reader)
      silent.push(reader)
    }
    while (this.#reading.size < this.#limits.readAtOnce) {
      const next = this.#next()
      if (!next) break
      this.leave(next)
      this.#begin(next)
    }
    for (const reader of silent) this.await(reader)
  }

  /** Of the source whose turn it is, the connection that has waited for longest; that source's next turn is after all others. */
  #next(): Reader | undefined {
    for (const [source, siblings] of this.#rotation) {
      this.#rotation.delete(source)
      this.#rotation.set(source, siblings)
      for (const reader of siblings) return reader
    }
    return undefined
  }

  #removeFromRotation(reader: Reader): void {
    const siblings = this.#rotation.get(reader.source)
    siblings?.delete(reader)
    if (siblings?.size === 0) this.#rotation.delete(reader.source)
  }
}
