import { parseAddressList } from '../core/values/address-list.ts'
import { searchWordsOf } from '../core/values/search-words.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { SqlValue } from './database/engine.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'
import { countryOf, type GeoIp } from './geoip.ts'

/** What is needed to make up for what others have left undone. */
export interface CatchUpComponents {
  readonly store: Pick<Store, 'all' | 'write' | 'config' | 'isShared'>
  /** Undefined: nobody here knows where an address is. */
  readonly geoip: GeoIp | undefined
  readonly clock: Pick<Clock, 'after' | 'every' | 'sleep'>
  readonly log: Logger
}

const FIRST_ROUND_MS = 5_000
const ROUND_MS = 60_000
/** Rows of one change: calls that change something wait for it. */
const TOGETHER = 200
/** Between two changes: of a million machines, others have the processor and the database most of the time. */
const PAUSE_MS = 20

/** In the table `config`: the database of places that all countries were looked up in. */
const LOCATED_BY = 'located_by'

/**
 * Makes up for what whoever wrote to the database did not do: the country of an address that was written down, which the database cannot
 * look up; words of addresses and names that a registry of an earlier version has written, which still runs with the same database; and
 * all countries anew when the database of places is another. At the start, and once a minute.
 */
export class CatchUp implements AsyncDisposable {
  readonly #components: CatchUpComponents
  readonly #timers: readonly Disposable[]
  readonly #stop = new AbortController()
  #running: Promise<void> | undefined
  /** All by our database of places, once: another process may have another one, and both would look up all by turns, for ever. */
  #isLocated = false

  constructor(components: CatchUpComponents) {
    this.#components = components
    const { clock, log } = components
    const round = () => {
      this.#running ??= this.round().finally(() => {
        this.#running = undefined
      })
      inBackground(log, 'making up for what other registries have not written', this.#running)
    }
    this.#timers = [clock.after(FIRST_ROUND_MS, round), clock.every(ROUND_MS, round)]
  }

  /** Does all that is due. */
  async round(): Promise<void> {
    await this.#words()
    const { geoip, store } = this.#components
    if (!geoip) return
    const isOther = !this.#isLocated && (await store.config(LOCATED_BY)) !== geoip.edition
    await this.#locate(geoip, isOther)
    if (this.#isStopped) return
    if (isOther)
      await store.write((writable) => writable.setConfig(LOCATED_BY, geoip.edition), { isExpendable: true })
    this.#isLocated = true
  }

  async #words(): Promise<void> {
    const { store } = this.#components
    while (!this.#isStopped) {
      // Without a change, where nothing is due: as a rule.
      if ((await store.all('SELECT prefix FROM word_due LIMIT 1')).length === 0) return
      await store.write(async (writable) => {
        const due = await writable.all<DueWords>(
          'SELECT prefix, kind, text FROM word_due ORDER BY prefix LIMIT ?',
          TOGETHER,
        )
        for (const one of due) await keepWords(writable, one)
      })
      await this.#pause()
    }
  }

  /** Looks up who has no country yet, or all. */
  async #locate(geoip: GeoIp, isAll: boolean): Promise<void> {
    const { store } = this.#components
    const which = isAll ? 'seen > 0' : 'is_located = 0'
    // SQLite would go through all.
    const index = store.isShared ? '' : `INDEXED BY ${isAll ? 'listed_ever' : 'listed_unlocated'}`
    const next = (queries: Pick<Queries, 'all'>, last: string) =>
      queries.all<Located>(
        `SELECT listed_machine.prefix, listed_machine.country, listed_machine.is_located, node_address.addresses FROM listed_machine ${index} LEFT JOIN node_address ON node_address.prefix = listed_machine.prefix WHERE listed_machine.${which} AND listed_machine.prefix > ? ORDER BY listed_machine.prefix LIMIT ?`,
        ...[last, TOGETHER],
      )
    for (let last = ''; !this.#isStopped; ) {
      const rows = await next(store, last)
      const end = rows.at(-1)
      if (!end) return
      if (changedBy(geoip, rows).size > 0)
        await store.write(
          async (writable) => {
            // It may have moved meanwhile.
            for (const [country, prefixes] of changedBy(geoip, await next(writable, last)))
              await setCountry(writable, country, prefixes)
          },
          { isExpendable: true },
        )
      last = end.prefix
      await this.#pause()
    }
  }

  get #isStopped(): boolean {
    return this.#stop.signal.aborted
  }

  async #pause(): Promise<void> {
    await this.#components.clock.sleep(PAUSE_MS, this.#stop.signal).catch(() => {})
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const timer of this.#timers) timer[Symbol.dispose]()
    this.#stop.abort()
    await this.#running?.catch(() => {})
  }
}

/** A text of which no words were kept, or one of before whose words may be there still; empty: none. */
interface DueWords {
  readonly prefix: string
  readonly kind: 'email' | 'name'
  readonly text: string
}

async function keepWords(writable: Queries, { prefix, kind, text }: DueWords): Promise<void> {
  const [row] = await writable.all<{ text: string | null }>(
    kind === 'email'
      ? 'SELECT email AS text FROM holder WHERE prefix = ? AND reason IS NULL'
      : 'SELECT name AS text FROM machine WHERE prefix = ?',
    prefix,
  )
  const words = searchWordsOf(row?.text ?? '')
  await writable.changeWords(
    prefix,
    kind,
    searchWordsOf(text).filter((word) => !words.includes(word)),
    words,
  )
  await writable.run('DELETE FROM word_due WHERE prefix = ? AND kind = ? AND text = ?', prefix, kind, text)
}

interface Located {
  readonly prefix: string
  readonly country: string
  readonly is_located: number
  readonly addresses: string | null
}

/** Those of which the database has another country, or none yet, by their countries. */
function changedBy(geoip: GeoIp, rows: readonly Located[]): Map<string, string[]> {
  const changed = new Map<string, string[]>()
  for (const { prefix, country, is_located: isLocated, addresses } of rows) {
    const present = countryOf(geoip, parseAddressList(addresses ?? '').addresses)
    if (present === country && isLocated === 1) continue
    const prefixes = changed.get(present)
    if (prefixes) prefixes.push(prefix)
    else changed.set(present, [prefix])
  }
  return changed
}

async function setCountry(writable: Queries, country: string, prefixes: readonly string[]): Promise<void> {
  const places = Array(TOGETHER).fill('?').join(', ')
  await writable.run(
    `UPDATE listed_machine SET country = ?, is_located = 1 WHERE prefix IN (${places})`,
    country,
    // One text however many there are: it is prepared once.
    ...Array.from({ length: TOGETHER }, (_, at): SqlValue => prefixes[at] ?? null),
  )
}
