import type { SqlValue } from './database/engine.ts'
import type { Store } from './database/store.ts'

/** Where it is counted. */
type CountedStore = Pick<Store, 'all' | 'allIn' | 'isShared'>

/** How many machines have one thing. */
export interface Counted<Value> {
  readonly value: Value
  readonly n: number
}

/** Columns of `listed_machine`, and the index that each is counted by. */
const INDEXES = {
  authority: 'listed_authority',
  protocol: 'listed_protocol',
  software: 'listed_software',
} as const

/** Counts machines by what they have said, those not whose certificates have ended by a time: they are not let in. */
export class SaidCounts {
  readonly #store: CountedStore
  readonly #endedBy: number

  /** @param endedBy in Unix seconds */
  constructor(store: CountedStore, endedBy: number) {
    this.#store = store
    this.#endedBy = endedBy
  }

  /** How many have another value than this one in a column, however many values there are. */
  async others(column: 'authority', than: string): Promise<number> {
    let n = 0
    for (const side of ['<', '>'] as const) n += await this.#count(column, `${column} ${side} ?`, than)
    return n
  }

  /** How many have a value in a column. */
  of(column: 'authority', value: string): Promise<number> {
    return this.#count(column, `${column} = ?`, value)
  }

  async #count(
    column: keyof typeof INDEXES,
    where: string,
    ...parameters: readonly SqlValue[]
  ): Promise<number> {
    const [all] = await this.#store.all<{ n: number }>(
      `SELECT COUNT(*) AS n FROM listed_machine ${this.#by(INDEXES[column])} WHERE ${where}`,
      ...parameters,
    )
    const [ended] = await this.#store.all<{ n: number }>(
      `SELECT COUNT(*) AS n FROM ${this.#ended()} AND ${where}`,
      ...[this.#endedBy, ...parameters],
    )
    return Number(all?.n ?? 0) - Number(ended?.n ?? 0)
  }

  /** The values that most have, others than one, the most first; no more than so many. */
  async most(column: 'authority', than: string, limit: number): Promise<Counted<string>[]> {
    const groups: Counted<string>[] = []
    for (const side of ['<', '>'] as const)
      groups.push(
        ...(await this.#store.all<Counted<string>>(
          `SELECT ${column} AS value, COUNT(*) AS n FROM listed_machine ${this.#by(INDEXES[column])} WHERE ${column} ${side} ? GROUP BY ${column} ORDER BY n DESC, ${column} LIMIT ?`,
          ...[than, limit],
        )),
      )
    const ended = await this.#store.all<Counted<string>>(
      `SELECT ${column} AS value, COUNT(*) AS n FROM ${this.#ended()} AND ${column} <> ? GROUP BY ${column} ORDER BY n DESC LIMIT ?`,
      ...[this.#endedBy, than, MOST_ENDED],
    )
    return without(groups, ended)
      .sort((one, other) => other.n - one.n)
      .slice(0, limit)
  }

  /** How many have each value of a column. */
  async each<Value extends string | number>(column: 'protocol' | 'software'): Promise<Counted<Value>[]> {
    const groups = await this.#store.all<Counted<Value>>(
      `SELECT ${column} AS value, COUNT(*) AS n FROM listed_machine ${this.#by(INDEXES[column])} GROUP BY ${column}`,
    )
    const ended = await this.#store.all<Counted<Value>>(
      `SELECT ${column} AS value, COUNT(*) AS n FROM ${this.#ended()} GROUP BY ${column}`,
      this.#endedBy,
    )
    return without(groups, ended)
  }

  /** How many certificates have at least this serial number in their subjects. */
  async subjectSerialsFrom(first: number): Promise<number> {
    const [row] = await this.#store.all<{ n: number }>(
      'SELECT COUNT(*) AS n FROM holder WHERE subject_serial >= ? AND reason IS NULL AND not_after > ?',
      ...[first, this.#endedBy],
    )
    return Number(row?.n ?? 0)
  }

  /** Those whose certificates have ended; its first parameter is by when. */
  #ended(): string {
    return `holder ${this.#by('holder_page_not_after')} CROSS JOIN listed_machine WHERE holder.reason IS NULL AND holder.not_after <= ? AND listed_machine.prefix = holder.prefix`
  }

  /** SQLite has no idea of how many there are of what, and must be told. */
  #by(index: string): string {
    return this.#store.isShared ? '' : `INDEXED BY ${index}`
  }
}

/** Of more values than that, the rarest of those whose certificates have ended count on. */
const MOST_ENDED = 1_000

function without<Value>(
  groups: readonly Counted<Value>[],
  ended: readonly Counted<Value>[],
): Counted<Value>[] {
  const left = new Map(ended.map(({ value, n }) => [value, Number(n)] as const))
  return groups
    .map(({ value, n }) => ({ value, n: Number(n) - (left.get(value) ?? 0) }))
    .filter(({ n }) => n > 0)
}
