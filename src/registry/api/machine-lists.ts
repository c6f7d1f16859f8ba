import { MACHINE_STATES, type MachineState } from '../../core/values/machine-states.ts'
import type { Prefix } from '../../core/values/prefix.ts'
import type { Store } from '../database/store.ts'
import type { GeoIp } from '../geoip.ts'
import type { Holder } from '../holders.ts'
import type { KnownAddresses } from '../known-addresses.ts'
import type { Ledger } from '../ledger.ts'
import type { ListFilter } from '../list-filter.ts'
import type { ListCount, ListedMachines, ListOrder, Place } from '../listed-machines.ts'
import { type Cursor, comesBefore, merged, notACursor, type Run } from './machine-runs.ts'
import type { MachineSearch } from './machine-search.ts'
import type { MachineViews, SeenHolder } from './machine-views.ts'
import type { MachineQuery } from './schemas/machines.ts'
import type { TopologyWatch } from './topology-watch.ts'
import type { WantedOfDatabase } from './wanted-of-database.ts'

/** What lists are made of. */
export interface MachineListComponents {
  readonly store: Pick<Store, 'allIn'>
  readonly ledger: Pick<Ledger, 'holdersOf'>
  readonly listed: ListedMachines
  readonly known: Pick<KnownAddresses, 'unwritten'>
  readonly watch: Pick<TopologyWatch, 'informed'>
  readonly search: Pick<MachineSearch, 'thereOrRevoked' | 'wantedAmong'>
  readonly views: MachineViews
  readonly geoip: GeoIp | undefined
  readonly wanted: Pick<WantedOfDatabase, 'of'>
}

/** Of a state that any number of machines may be in, or of none. */
export type ListState = Extract<MachineState, 'offline' | 'never-seen' | 'expiring'> | undefined

/** What a list has; what is searched for, or of a state that few are in, is none. */
export interface ListQuery extends Omit<MachineQuery, 'search' | 'state'> {
  readonly state?: ListState
}

/** One page of a list. */
export interface ListPage {
  readonly seen: readonly SeenHolder[]
  /** Where the next one begins; undefined: there is none. */
  readonly next: Cursor | undefined
}

const COLUMN_OF = {
  name: 'prefix',
  email: 'email',
  serial: 'serial',
  notAfter: 'not_after',
  lastSeen: 'seen',
  country: 'country',
} as const satisfies Record<string, ListOrder['column']>

/** At least so many are read of the database at a time, where some of them may not be wanted. */
const BATCH = 200

/**
 * Lists of all machines, or of all in a state, in any order, a page at a time: the database has their orders, and what is known only here
 * (who is there, what it runs, when it was seen just now) is put in between.
 */
export class MachineLists {
  readonly #components: MachineListComponents

  constructor(components: MachineListComponents) {
    this.#components = components
  }

  /**
   * One page.
   * @param cursor where it begins: as the page before has said
   * @param total how many there are in all, if it is known exactly
   */
  async page(
    query: ListQuery,
    { cursor, revoked, total }: { cursor: Cursor | undefined; revoked: ReadonlySet<number>; total?: number },
  ): Promise<ListPage> {
    const { country, limit = 100, sort = 'name' } = query
    const isNumber = sort === 'serial' || sort === 'notAfter' || sort === 'lastSeen'
    if (cursor !== undefined && (typeof cursor.after.place === 'number') !== isNumber) throw notACursor()
    if (country !== undefined && !this.#components.geoip) return { seen: [], next: undefined }
    if (cursor === undefined && total !== undefined && (query.offset ?? 0) > total / 2) {
      const last = await this.#fromEnd(query, total)
      if (last) return last
    }
    const runs = await this.#runs(query, revoked)
    const seen: SeenHolder[] = []
    let skipped = cursor === undefined ? (query.offset ?? 0) : 0
    for (const [at, run] of runs.entries()) {
      if (cursor !== undefined && at < cursor.run) continue
      const after = at === cursor?.run ? cursor.after : undefined
      // Passed by in the database, where all of them are wanted.
      const offset = run.isWanted === undefined && runs.length === 1 ? skipped : 0
      skipped -= offset
      let batch: Place[] = []
      const take = async (): Promise<Cursor | undefined> => {
        const places = batch
        batch = []
        for (const [place, one] of await this.#resolved(places)) {
          if (run.isWanted?.(one) === false) continue
          if (skipped > 0) skipped -= 1
          else seen.push(one)
          if (seen.length === limit) return { run: at, after: place }
        }
        return undefined
      }
      for await (const place of run.places(after, offset, limit)) {
        if (skipped > 0 && run.isDense) {
          skipped -= 1
          continue
        }
        batch.push(place)
        if (batch.length < Math.min(limit - seen.length + skipped, BATCH)) continue
        const next = await take()
        if (next) return { seen, next }
      }
      const next = await take()
      if (next) return { seen, next }
    }
    return { seen, next: undefined }
  }

  /** How many there are. */
  async count(query: ListQuery, revoked: ReadonlySet<number>): Promise<ListCount> {
    const { country, state, community = '' } = query
    const { listed, geoip, search, views, store } = this.#components
    if (country !== undefined && !geoip) return { count: 0, isAtLeast: false }
    const filter = this.#filterOf(query)
    const counted = await listed.count(filter)
    if (counted.isAtLeast || filter.isSeen === undefined) return counted
    // Those who are there, or revoked, are in another state; of who was seen just now, the database does not know.
    const others = new Map(
      (
        await search.wantedAmong(
          [...(await search.thereOrRevoked(revoked)), ...(await this.#justSeen())],
          query,
        )
      ).flatMap((holder) => (holder.prefix.startsWith(community) ? [[holder.prefix, holder] as const] : [])),
    )
    const rows = await store.allIn<{ prefix: string; seen: number; country: string }>(
      'SELECT prefix, seen, country FROM listed_machine WHERE prefix IN ?',
      [...others.keys()],
    )
    const wrong = rows.filter(
      (row) => row.seen > 0 === filter.isSeen && (country === undefined || row.country === country),
    )
    let { count } = counted
    count -= wrong.length
    for await (const one of views.seen(others.values()))
      if (views.isWanted(one, { state, country }, revoked)) count += 1
    return { count: Math.max(0, count), isAtLeast: false }
  }

  /** A page near the end of what the database has in this order: it is begun there. Undefined: there is more than the database has. */
  async #fromEnd(query: ListQuery, total: number): Promise<ListPage | undefined> {
    const { offset = 0, limit = 100, sort = 'name', order, state, country } = query
    if (sort === 'version' || sort === 'state' || sort === 'lastSeen') return undefined
    if (country !== undefined || (state !== undefined && state !== 'expiring')) return undefined
    if (this.#components.wanted.of(query)) return undefined
    const count = Math.min(limit, total - offset)
    if (count <= 0) return { seen: [], next: undefined }
    const places = await this.#components.listed.part(
      this.#filterOf(query),
      { column: COLUMN_OF[sort], isDescending: order !== 'descending' },
      { limit: count, offset: total - offset - count },
    )
    const resolved = await this.#resolved(places.toReversed())
    const last = places[0]
    return {
      seen: resolved.map(([, one]) => one),
      next: last && offset + count < total ? { run: 0, after: last } : undefined,
    }
  }

  #filterOf(query: ListQuery): ListFilter {
    const { community = '', country, state } = query
    return {
      ...{ within: community, country, ...this.#components.wanted.of(query) },
      ...(state === 'offline' ? { isSeen: true } : state === 'never-seen' ? { isSeen: false } : {}),
      ...(state === 'expiring' ? { endsBy: this.#components.views.expiringBy() } : {}),
    }
  }

  async #runs(query: ListQuery, revoked: ReadonlySet<number>): Promise<Run[]> {
    const { sort = 'name', state, country, community = '' } = query
    const { views, search } = this.#components
    const isDescending = query.order === 'descending'
    const filter = this.#filterOf(query)
    const isWanted = (one: SeenHolder) =>
      one.holder.prefix.startsWith(community) && views.isWanted(one, { state, country }, revoked)
    // What the database has of them need not be looked at again.
    const isKnown = country === undefined && filter.isSeen === undefined
    switch (sort) {
      case 'state':
        return this.#byState(query, filter, { isDescending, isWanted, revoked })
      case 'version':
        return this.#byVersion(query, filter, { isDescending, isWanted })
      case 'lastSeen': {
        const unwritten = await search.wantedAmong(
          this.#components.known.unwritten().filter(({ prefix }) => prefix.startsWith(community)),
          query,
        )
        const run = this.#along(filter, { column: 'seen', isDescending }, isWanted, {
          skipped: new Set(unwritten.map(({ prefix }) => prefix)),
          between: unwritten.map(({ prefix, seenMs }) => ({ prefix, place: Math.floor(seenMs / 1000) })),
        })
        // Whoever is put in between may have any prefix, and be gone.
        return [
          isKnown && unwritten.length === 0
            ? { places: run.places }
            : { ...run, isDense: isKnown && filter.endsBy === undefined },
        ]
      }
      default: {
        const column = COLUMN_OF[sort]
        const between =
          state === 'offline'
            ? await this.#placesOf(await search.wantedAmong(await this.#justSeen(), query), column)
            : ([] as Place[])
        const run = this.#along(filter, { column, isDescending }, isWanted, { between })
        return [isKnown ? { places: run.places } : run]
      }
    }
  }

  /** States have the order of their names; in each, machines have that of their prefixes. */
  async #byState(
    query: ListQuery,
    filter: ListFilter,
    {
      isDescending,
      isWanted,
      revoked,
    }: {
      readonly isDescending: boolean
      readonly isWanted: (one: SeenHolder) => boolean
      readonly revoked: ReadonlySet<number>
    },
  ): Promise<Run[]> {
    const { views, search } = this.#components
    const { state: wanted } = query
    const order: ListOrder = { column: 'prefix', isDescending }
    const few = new Map<MachineState, Place[]>()
    for await (const one of views.seen(
      await search.wantedAmong(await search.thereOrRevoked(revoked), query),
    )) {
      const state = views.state(one, revoked)
      few.set(state, [...(few.get(state) ?? []), { place: one.holder.prefix, prefix: one.holder.prefix }])
    }
    const justSeen = await this.#placesOf(await search.wantedAmong(await this.#justSeen(), query), 'prefix')
    // Of those that expire some are in other states, too.
    const states = wanted === undefined || wanted === 'expiring' ? MACHINE_STATES.toSorted() : [wanted]
    return (isDescending ? states.toReversed() : states).map((state) => {
      const isInState = (one: SeenHolder) => views.state(one, revoked) === state && isWanted(one)
      if (state === 'offline')
        return this.#along({ ...filter, isSeen: true }, order, isInState, { between: justSeen })
      if (state === 'never-seen') return this.#along({ ...filter, isSeen: false }, order, isInState, {})
      return runOf(few.get(state) ?? [], order, isInState)
    })
  }

  /** Of few the version is known; all others come before them. */
  async #byVersion(
    query: ListQuery,
    filter: ListFilter,
    {
      isDescending,
      isWanted,
    }: { readonly isDescending: boolean; readonly isWanted: (one: SeenHolder) => boolean },
  ): Promise<Run[]> {
    const informed = [...this.#components.watch.informed()].filter(([, { version }]) => version !== '')
    const known = await this.#components.search.wantedAmong(
      informed.map(([prefix, { version }]) => ({ prefix, place: version })),
      query,
    )
    const skipped = new Set(informed.map(([prefix]) => prefix))
    const others = {
      ...this.#along(filter, { column: 'prefix', isDescending }, isWanted, { skipped }),
      isDense: filter.country === undefined && filter.isSeen === undefined,
    }
    const isEnding = (one: SeenHolder) =>
      isWanted(one) && (filter.endsBy === undefined || one.holder.notAfterMs / 1000 <= filter.endsBy)
    const runs = [others, runOf(known, { column: 'prefix', isDescending }, isEnding)]
    return isDescending ? runs.reverse() : runs
  }

  /** What the database has in an order, without some, and with others in between. */
  #along(
    filter: ListFilter,
    order: ListOrder,
    isWanted: (one: SeenHolder) => boolean,
    {
      skipped = new Set(),
      between = [],
    }: { readonly skipped?: ReadonlySet<string>; readonly between?: readonly Place[] },
  ): Run {
    const { listed } = this.#components
    async function* read(after: Place | undefined, offset: number, limit: number): AsyncGenerator<Place> {
      let from = after
      for (let size = limit; ; size = Math.max(limit, BATCH)) {
        const part = await listed.part(filter, order, {
          ...{ after: from, limit: size },
          offset: from === after ? offset : 0,
        })
        yield* part
        from = part.at(-1)
        if (part.length < size) return
      }
    }
    return {
      isWanted,
      places: (after, offset, limit) =>
        merged(read(after, offset, limit), { skipped, between, after, isDescending: order.isDescending }),
    }
  }

  /** Those that were seen, which the database does not know yet. */
  async #justSeen(): Promise<Holder[]> {
    const { known, store, ledger } = this.#components
    const perhaps = known.unwritten().flatMap(({ prefix, isPerhapsNew }) => (isPerhapsNew ? [prefix] : []))
    const rows = await store.allIn<{ prefix: string }>(
      'SELECT prefix FROM listed_machine WHERE seen = 0 AND prefix IN ?',
      perhaps,
    )
    return ledger.holdersOf(rows.map(({ prefix }) => prefix))
  }

  async #placesOf(
    holders: readonly Holder[],
    column: (typeof COLUMN_OF)[keyof typeof COLUMN_OF],
  ): Promise<Place[]> {
    const { views } = this.#components
    const places: Place[] = []
    for await (const one of views.seen(holders)) {
      const { prefix, email, serial, notAfterMs } = one.holder
      const keys = {
        ...{ prefix, email: email ?? '', serial, not_after: notAfterMs / 1000 },
        ...{ seen: (one.seen?.seenMs ?? 0) / 1000, country: views.place(one).country ?? '' },
      }
      places.push({ prefix, place: keys[column] })
    }
    return places
  }

  /** Who has these prefixes, in the same order; who is gone meanwhile is not there. */
  async #resolved(places: readonly Place[]): Promise<(readonly [Place, SeenHolder])[]> {
    const { ledger, views } = this.#components
    const holders = await ledger.holdersOf(places.map(({ prefix }) => prefix))
    const byPrefix = new Map(holders.map((holder) => [holder.prefix, holder] as const))
    const present = places.filter(({ prefix }) => byPrefix.has(prefix))
    const seen: SeenHolder[] = []
    for await (const one of views.seen(present.flatMap(({ prefix }) => byPrefix.get(prefix as Prefix) ?? [])))
      seen.push(one)
    return present.flatMap((place, at) => {
      const one = seen[at]
      return one ? [[place, one] as const] : []
    })
  }
}

const runOf = (
  places: readonly Place[],
  { isDescending }: ListOrder,
  isWanted: (one: SeenHolder) => boolean,
): Run => ({
  isWanted,
  async *places(after) {
    const before = comesBefore(isDescending)
    yield* places
      .toSorted((one, other) => (before(one, other) ? -1 : 1))
      .filter((place) => after === undefined || before(after, place))
  },
})
