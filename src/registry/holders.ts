import { setImmediate } from 'node:timers/promises'
import { searchStartOf } from '../core/values/search-words.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'
import { HEAD_BITS, type HolderRow } from './database/tables.ts'

/** What the registry knows of a live certificate without reading it again. */
export interface Holder {
  readonly prefix: string
  readonly email: string | null
  readonly serial: number
  readonly subjectSerial: number
  readonly notAfterMs: number
}

/** Machines that were found by their e-mail addresses, names and serial numbers. */
export interface FoundHolders {
  /** In their order. */
  readonly prefixes: readonly string[]
  /** There are more, or may be. */
  readonly isMore: boolean
}

/** A certificate of the database that the registry cannot use: its prefix stays occupied until it is revoked. */
export interface Unreadable {
  readonly prefix: string
  readonly reason: string
}

/** In a network of no more, a text is found wherever it is in an address or a name; else by what a word begins with. */
const SEARCHED = 5_000
/** No more are found: whoever looks for one machine writes more of what it is known by. */
export const MAX_FOUND = 1_000

/**
 * Who has which certificate: looked up by indexes, so that the cost does not depend on how many there are; where all are looked
 * at, others have their turn meanwhile.
 */
export class Holders {
  readonly #store: Store

  constructor(store: Store) {
    this.#store = store
  }

  /** Certificates that can be used. */
  size(): Promise<number> {
    return this.count('')
  }

  /** All certificates inside a prefix that can be used, in the order of their prefixes; each as it is when it is looked at. */
  async *holders(within = ''): AsyncGenerator<Holder> {
    for await (const some of this.batches(within)) yield* some
  }

  /** The same, some at a time, as they are read. */
  async *batches(within = ''): AsyncGenerator<readonly Holder[]> {
    let rows = await this.#store.holdersFrom(within)
    for (;;) {
      const own = rows.filter(({ prefix }) => prefix.startsWith(within))
      yield own.flatMap((row) => holderOf(row) ?? [])
      const last = own.at(-1)
      if (last === undefined || own.length < rows.length) return
      // Of a million of them: whoever calls meanwhile is answered in between.
      await setImmediate()
      rows = await this.#store.holdersAfter(last.prefix)
    }
  }

  /** Those that are searched for, by their e-mail addresses, names and serial numbers: what that costs has a limit. */
  async search(text: string): Promise<FoundHolders> {
    const isSmall = (await this.size()) <= SEARCHED
    const found = isSmall ? await this.#withPart(text) : await this.#withWord(text)
    // Names are kept of who is gone, until the prefix is another's.
    const living = isSmall
      ? found
      : (await this.holdersOf([...new Set(found.slice(0, MAX_FOUND))])).map(({ prefix }) => prefix)
    const bySerial = /^\d{1,15}$/.test(text) ? await this.holderOfSerial(Number(text)) : undefined
    const prefixes = new Set([...living, ...(bySerial ? [bySerial.prefix] : [])])
    return { prefixes: [...prefixes].sort(), isMore: !isSmall && found.length > MAX_FOUND }
  }

  async #withPart(text: string): Promise<string[]> {
    const part = text.toLowerCase()
    const rows = await this.#store.all<{ prefix: string; email: string | null; name: string | null }>(
      'SELECT holder.prefix, holder.email, machine.name FROM holder LEFT JOIN machine ON machine.prefix = holder.prefix WHERE holder.reason IS NULL',
    )
    return rows.flatMap(({ prefix, email, name }) =>
      [email, name].some((one) => one?.toLowerCase().includes(part)) ? [prefix] : [],
    )
  }

  async #withWord(text: string): Promise<string[]> {
    const start = searchStartOf(text)
    return start === '' ? [] : this.#store.prefixesOfWords(start, MAX_FOUND + 1)
  }

  /** Those that end after one time and by another, the next to end first; each as it is when it is looked at. */
  async *ending(afterMs: number, untilMs: number): AsyncGenerator<Holder> {
    // Comes after all prefixes.
    let last = { not_after: Math.floor(afterMs / 1000), prefix: '2' }
    for (;;) {
      const until = Math.floor(untilMs / 1000)
      const rows = await this.#store.holdersEnding(last.not_after, last.prefix, until)
      if (rows.length === 0) return
      for (const row of rows) {
        const holder = holderOf(row)
        if (holder) yield holder
        last = { not_after: row.not_after ?? 0, prefix: row.prefix }
      }
      await setImmediate()
    }
  }

  /** How many end after one time and by another; without the other, after it. The more they are, the longer it takes. */
  countEnding(afterMs: number, untilMs?: number): Promise<number> {
    const until = untilMs === undefined ? Number.MAX_SAFE_INTEGER : Math.floor(untilMs / 1000)
    return this.#store.countHoldersEnding(Math.floor(afterMs / 1000), until)
  }

  /** Those of these prefixes that can be used. */
  async holdersOf(prefixes: readonly string[]): Promise<Holder[]> {
    const rows = await this.#store.allIn<HolderRow>('SELECT * FROM holder WHERE prefix IN ?', prefixes)
    return rows.flatMap((row) => holderOf(row) ?? [])
  }

  /** Those of these serials that can be used. */
  async holdersOfSerials(serials: readonly number[]): Promise<Holder[]> {
    const rows = await this.#store.allIn<HolderRow>('SELECT * FROM holder WHERE serial IN ?', serials)
    return rows.flatMap((row) => holderOf(row) ?? [])
  }

  /** How many there are inside a prefix. */
  async count(within: string): Promise<number> {
    if (within.length <= HEAD_BITS) return this.#store.countHolders(within, endOf(within))
    const [row] = await this.#store.all<{ n: number }>(
      'SELECT COUNT(*) AS n FROM holder WHERE reason IS NULL AND prefix >= ? AND prefix < ?',
      ...[within, endOf(within)],
    )
    return row?.n ?? 0
  }

  async unreadable(): Promise<Unreadable[]> {
    return (await this.#store.unreadable()).map(({ prefix, reason }) => ({ prefix, reason: reason ?? '' }))
  }

  async holder(prefix: string, queries: Queries = this.#store): Promise<Holder | undefined> {
    return holderOf(await queries.holder(prefix))
  }

  async holderOfSerial(serial: number, queries: Queries = this.#store): Promise<Holder | undefined> {
    return holderOf(await queries.holderOfSerial(serial))
  }

  /** The first certificate that was given for an e-mail address. */
  async holderOfEmail(email: string): Promise<Holder | undefined> {
    return holderOf(await this.#store.holderOfEmail(email))
  }

  /** Those whose certificates ended before this. */
  async endedBefore(queries: Queries, unixMs: number): Promise<Holder[]> {
    const rows = await queries.holdersEndedBefore(Math.ceil(unixMs / 1000))
    return rows.flatMap((row) => holderOf(row) ?? [])
  }

  /** Whether a prefix is given to somebody, or can be to nobody. */
  async isUsed(prefix: string): Promise<boolean> {
    const row = await this.#store.certificate(prefix)
    return row !== undefined && row.cert !== null
  }
}

/** Comes after all prefixes that begin with these bits. */
const endOf = (within: string): string => `${within}2`

const holderOf = (row: HolderRow | undefined): Holder | undefined =>
  row === undefined || row.reason !== null
    ? undefined
    : {
        prefix: row.prefix,
        email: row.email,
        serial: row.serial ?? 0,
        subjectSerial: row.subject_serial ?? 0,
        notAfterMs: (row.not_after ?? 0) * 1000,
      }
