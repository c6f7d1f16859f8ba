import type { Position } from './messages.ts'

/** A change as it is sent. */
export interface LoggedChange {
  readonly number: number
  readonly frame: Buffer
}

/** The last changes of a database, in their order: what a standby that was away for a moment has missed. */
export class ChangeLog {
  readonly #maxLength: number
  #generation: string
  /** Of the last change, or of what was there before the first. */
  #number: number
  #changes: LoggedChange[] = []
  #length = 0

  /** @param maxLength in octets: older changes are forgotten */
  constructor(position: Position, maxLength: number) {
    this.#maxLength = maxLength
    this.#generation = position.generation
    this.#number = position.number
  }

  get position(): Position {
    return { generation: this.#generation, number: this.#number }
  }

  /** @param change numbered one more than the last */
  add(change: LoggedChange): void {
    this.#changes.push(change)
    this.#number = change.number
    this.#length += change.frame.length
    while (this.#length > this.#maxLength) this.#length -= this.#changes.shift()?.frame.length ?? this.#length
  }

  /** Something has changed that is not known here: whoever follows needs a copy. */
  renew(position: Position): void {
    this.#generation = position.generation
    this.#number = position.number
    this.#changes = []
    this.#length = 0
  }

  /** All changes after a position; undefined where they are not all known: a copy is needed. */
  after({ generation, number }: Position): readonly LoggedChange[] | undefined {
    if (generation !== this.#generation || number > this.#number) return undefined
    if (number === this.#number) return []
    const first = this.#changes[0]?.number
    return first === undefined || first > number + 1 ? undefined : this.#changes.slice(number + 1 - first)
  }
}
