/** After that time only half of the slowest answer counts. */
const HALF_LIFE_MS = 10_000
/** How long an answer tells what the next one will take. */
const RECENT_MS = 10_000
/** More questions than are ever underway. */
const MAX_ASKED = 64

interface Slowest {
  readonly ms: number
  readonly atMs: number
}

const NONE: Slowest = { ms: 0, atMs: 0 }

/**
 * How long a neighbour takes to answer our questions, the longest lately. Each question is known by its number: where a cut or
 * a stop of the other side has held up several, all of them are answered at once, and the last one tells that the next answer
 * will be quick. A full queue makes all of them late.
 */
export class AnswerTimes {
  #slowest = NONE
  /** The slowest before the questions of now. */
  #before = NONE
  #asked: { readonly opaque: number; readonly atMs: number }[] = []

  /** How long an answer may take, by those that there were, in milliseconds. */
  atMost(nowMs: number): number {
    return valueAt(this.#slowest, nowMs)
  }

  /** How long they took lately, if there were any; other than what the kernel measures, it does not count what was lost. */
  recentMs(nowMs: number): number | undefined {
    return this.#slowest !== NONE && nowMs < this.#slowest.atMs + RECENT_MS ? this.#slowest.ms : undefined
  }

  /** The questions that follow are asked for a reason of their own. */
  begin(): void {
    this.#before = this.#slowest
    this.#asked = []
  }

  asked(nowMs: number, opaque: number): void {
    this.#asked.push({ opaque, atMs: nowMs })
    if (this.#asked.length > MAX_ASKED) this.#asked.shift()
  }

  /** A question was answered. @returns whether it was one of those of now; of others, nothing can be said */
  answered(nowMs: number, opaque: number): boolean {
    const question = this.#asked.find((one) => one.opaque === opaque)
    if (question === undefined) return false
    const ms = nowMs - question.atMs
    this.#slowest = ms >= valueAt(this.#before, nowMs) ? { ms, atMs: nowMs } : this.#before
    return true
  }
}

const valueAt = ({ ms, atMs }: Slowest, nowMs: number): number => ms * 2 ** ((atMs - nowMs) / HALF_LIFE_MS)
