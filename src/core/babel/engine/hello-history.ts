import { seqnoMinus, seqnoPlus } from './seqno.ts'

/** How many hellos are remembered. */
const LENGTH = 16
/** RFC 8966, A.1: the extra margin allows for delay due to jitter. */
const MARGIN = 1.5

/** Which of a neighbour's hellos of one kind were heard (RFC 8966, A.1). */
export class HelloHistory {
  /** The newest in the lowest bit. */
  #bits = 0
  /** How many hellos there have been, as far as they are remembered. */
  #length = 0
  #expected: number | undefined
  #intervalMs = 0
  #deadlineMs = Number.POSITIVE_INFINITY

  /** When the next one is missing; Infinity: none is promised. */
  get deadlineMs(): number {
    return this.#deadlineMs
  }

  /** Whether none of those that are remembered was heard. */
  get isEmpty(): boolean {
    return this.#bits === 0
  }

  /**
   * Notes a hello.
   * @param intervalMs 0: unscheduled; an earlier promise still holds (RFC 8966, 3.4.1)
   * @param assumedMs when the next one is expected if nothing was promised yet
   * @returns 'restarted': its number shows that the sender has lost its state; nothing was noted
   */
  hear(nowMs: number, seqno: number, intervalMs: number, assumedMs: number): 'heard' | 'restarted' {
    if (this.#expected !== undefined && !this.isEmpty) {
      const ahead = seqnoMinus(seqno, this.#expected)
      if (Math.abs(ahead) > LENGTH) return 'restarted'
      if (ahead < 0) {
        // The sender made its interval longer, and we counted hellos that it never sent.
        this.#bits >>>= -ahead
        this.#length = Math.max(0, this.#length + ahead)
      } else for (let missing = 0; missing < ahead; missing++) this.#append(0)
    }
    this.#append(1)
    this.#expected = seqnoPlus(seqno, 1)
    if (intervalMs > 0 || this.#deadlineMs === Number.POSITIVE_INFINITY) {
      this.#intervalMs = intervalMs > 0 ? intervalMs : assumedMs
      this.#deadlineMs = nowMs + MARGIN * this.#intervalMs
    }
    return 'heard'
  }

  /** Notes that one is missing. */
  miss(): void {
    this.#append(0)
    this.#expected = seqnoPlus(this.#expected ?? 0, 1)
    // No margin: it was part of the deadline that has just passed.
    this.#deadlineMs += this.#intervalMs
  }

  /** Moves the deadline: we ourselves were late, what is to be heard may not have been read yet. */
  wait(untilMs: number): void {
    this.#deadlineMs = Math.max(this.#deadlineMs, untilMs)
  }

  /** How many of the last `count` were missed, of those that there have been. */
  missed(count: number): number {
    const looked = Math.min(count, this.#length)
    let missed = 0
    for (let age = 0; age < looked; age++) if (((this.#bits >>> age) & 1) === 0) missed++
    return missed
  }

  #append(bit: 0 | 1): void {
    this.#bits = ((this.#bits << 1) | bit) & 0xffff
    this.#length = Math.min(LENGTH, this.#length + 1)
  }
}
