import type { SqlValue } from './database/engine.ts'
import type { Store } from './database/store.ts'
import { HEAD_BITS } from './database/tables.ts'
import {
  type Condition,
  conditionsOf,
  endOf,
  type ListFilter,
  type ListTable as Table,
} from './list-filter.ts'

/** What they are in the order of; those that are the same in that, by their prefixes. */
export interface ListOrder {
  readonly column: keyof typeof COLUMNS
  readonly isDescending: boolean
}

/** Where a machine is in an order. */
export interface Place {
  readonly place: string | number
  readonly prefix: string
}

/** Which part of a list. */
export interface ListPart {
  /** Begins after this one; undefined: at the beginning. */
  readonly after?: Place | undefined
  /** Passes by so many first. */
  readonly offset?: number
  readonly limit: number
}

/** How many there are; `isAtLeast`: or more. */
export interface ListCount {
  readonly count: number
  readonly isAtLeast: boolean
}

/** Where a column is, and the indexes that have its order: that of all, and that of each head. */
interface Column {
  readonly table: Table
  readonly key: string
  readonly index: string | undefined
  readonly headIndex: string | undefined
}

const ofListed = (column: string, index?: string, headIndex?: string): Column => ({
  ...{ table: 'listed_machine', key: `listed_machine.${column}`, index, headIndex },
})
const ofHolder = (key: string, index: string, headIndex?: string): Column => ({
  ...{ table: 'holder', key, index, headIndex },
})

const COLUMNS = {
  prefix: ofListed('prefix'),
  seen: ofListed('seen', 'listed_seen', 'listed_head_seen'),
  country: ofListed('country', 'listed_country', 'listed_head_country'),
  email: ofHolder("COALESCE(holder.email, '')", 'holder_page_email', 'holder_head_email'),
  serial: ofHolder('holder.serial', 'holder_serial', 'holder_head_serial'),
  not_after: ofHolder('holder.not_after', 'holder_page_not_after', 'holder_head_not_after'),
  subject_serial: ofHolder('holder.subject_serial', 'holder_subject_serial'),
  protocol: ofListed('protocol', 'listed_protocol'),
} satisfies Record<string, Column>

type ListedStore = Pick<Store, 'all' | 'allIn' | 'countHolders' | 'isShared'>

/** A text without its limits. */
interface Query {
  readonly text: string
  readonly parameters: readonly SqlValue[]
}

/** A part of what comes after a place. */
interface PartAfter {
  readonly where: (table: string) => readonly string[]
  readonly parameters: readonly SqlValue[]
  readonly orderBy: (table: string) => string
}

/** The machines of a filter that are looked up by an index; of these, others are left out that are not wanted. */
interface Source {
  readonly table: Table
  readonly index: string | undefined
  readonly ranges: readonly Condition['name'][]
  /** Columns that the index has them in the order of, before their prefixes. */
  readonly order?: string
}

/** More are not counted: whoever looks for some of them wants to know of few how many they are. */
export const MAX_COUNTED = 10_000
/** So many are sorted, where no index has their order; of more, one that has it is gone along: the next wanted one is near. */
const SORTED = 2_000

/** Of a community so many heads are read beside each other: each makes the text longer that the database is to understand. */
const MAX_HEADS = 64
/** Of each of them so many are passed by at most. */
const MAX_PASSED = 1_000
/** Of no machine. */
const NO_HEAD = '-'

/**
 * Machines as the database lists them: in whatever order, from wherever on, what is read does not grow with how many there are. Only
 * those that are wanted by one thing and sorted by another may have to be looked for; not so those of a community of few bits, which is
 * some heads: the first bits of prefixes, by which there is an index for each order.
 */
export class ListedMachines {
  readonly #store: ListedStore

  constructor(store: ListedStore) {
    this.#store = store
  }

  /** The next ones of a list. */
  async part(filter: ListFilter, order: ListOrder, { after, offset = 0, limit }: ListPart): Promise<Place[]> {
    const conditions = conditionsOf(filter)
    const along = sourceAlong(order, filter)
    const isDirect = conditions.every(({ name }) => along.ranges.includes(name))
    const source = isDirect ? undefined : await this.#fewBy(filter)
    const heads = isDirect || source || offset > MAX_PASSED ? undefined : await this.#headsOf(filter, order)
    const places: Place[] = []
    for (const from of partsAfter(order, filter, after)) {
      if (places.length === limit) break
      const part = { limit: limit - places.length, offset: after === undefined ? offset : 0 }
      const { text, parameters } = source
        ? this.#sorted(source, conditions, order, from)
        : heads
          ? this.#merged(heads, filter, order, from, part)
          : this.#along(along, conditions, order, from)
      places.push(
        ...(await this.#store.all<Place>(`${text} LIMIT ? OFFSET ?`, ...parameters, part.limit, part.offset)),
      )
    }
    return places
  }

  /** How many are wanted; of more than {@link MAX_COUNTED} that are looked at, it is not known. */
  async count(filter: ListFilter): Promise<ListCount> {
    const { within } = filter
    const conditions = conditionsOf(filter)
    const isWithinOnly = conditions.every(({ name }) => name === 'within')
    if (isWithinOnly && within.length <= HEAD_BITS)
      return { count: await this.#store.countHolders(within, endOf(within)), isAtLeast: false }
    const sources = sourcesOf(filter)
    const isWhole = ({ ranges }: Source) => conditions.every(({ name }) => ranges.includes(name))
    const source = sources.find(isWhole) ?? (await this.#fewBy(filter)) ?? sources[0] ?? prefixesOf(filter)
    const others = conditions.filter(({ name }) => !source.ranges.includes(name))
    // Each that is checked is looked up.
    const most = others.length === 0 ? MAX_COUNTED : SORTED
    const some = this.#some(source, conditions, most + 1)
    const [row] = await this.#store.all<{ examined: number; n: number }>(
      others.length === 0
        ? `SELECT COUNT(*) AS examined, COUNT(*) AS n FROM (${some.text}) AS part`
        : `SELECT COUNT(*) AS examined, COUNT(CASE WHEN ${others.map(({ check, table = 'holder' }) => check(table)).join(' AND ')} THEN 1 END) AS n FROM (${some.text}) AS part CROSS JOIN holder CROSS JOIN listed_machine WHERE holder.prefix = part.prefix AND listed_machine.prefix = part.prefix`,
      ...others.flatMap(({ parameters }) => parameters),
      ...some.parameters,
    )
    const { examined = 0, n = 0 } = row ?? {}
    return { count: Math.min(n, most), isAtLeast: examined > most }
  }

  /** Which of these machines are wanted; a number of them that is not large. */
  async matching(filter: ListFilter, prefixes: readonly string[]): Promise<ReadonlySet<string>> {
    const conditions = conditionsOf(filter)
    if (conditions.length === 0 || prefixes.length === 0) return new Set(prefixes)
    const rows = await this.#store.allIn<{ prefix: string }>(
      `SELECT listed_machine.prefix AS prefix FROM listed_machine CROSS JOIN holder WHERE listed_machine.prefix IN ? AND holder.prefix = listed_machine.prefix AND ${conditions.map(({ check, table = 'holder' }) => check(table)).join(' AND ')}`,
      prefixes,
      ...conditions.flatMap(({ parameters }) => parameters),
    )
    return new Set(rows.map(({ prefix }) => prefix))
  }

  /** By what so few are looked up for a filter that they can be sorted; undefined: by nothing. */
  async #fewBy(filter: ListFilter): Promise<Source | undefined> {
    const conditions = conditionsOf(filter)
    for (const source of sourcesOf(filter)) {
      const some = this.#some(source, conditions, SORTED + 1)
      const [row] = await this.#store.all<{ n: number }>(
        `SELECT COUNT(*) AS n FROM (${some.text}) AS part`,
        ...some.parameters,
      )
      if ((row?.n ?? 0) <= SORTED) return source
    }
    return undefined
  }

  /** Goes along an index that has the order, past what is not wanted. */
  #along(
    { table, index, ranges }: Source,
    conditions: readonly Condition[],
    order: ListOrder,
    from: PartAfter,
  ): Query {
    const { key } = COLUMNS[order.column]
    const other: Table = table === 'holder' ? 'listed_machine' : 'holder'
    const isJoined = conditions.some((condition) => condition.table === other)
    const where = [
      ...(isJoined ? [`${other}.prefix = ${table}.prefix`] : []),
      ...(table === 'holder' ? ['holder.reason IS NULL'] : []),
      ...conditions.map(({ name, range, check }) => (ranges.includes(name) ? range(table) : check(table))),
      ...from.where(table),
    ]
    return {
      text: `SELECT ${table}.prefix AS prefix, ${key} AS place FROM ${table} ${this.#by(index)} ${isJoined ? `CROSS JOIN ${other}` : ''} ${where.length > 0 ? `WHERE ${where.join(' AND ')}` : ''} ORDER BY ${from.orderBy(table)}`,
      parameters: [...conditions.flatMap(({ parameters }) => parameters), ...from.parameters],
    }
  }

  /** The heads that the machines of a community have, where there is an index of each; undefined: there is none, or they are too many. */
  async #headsOf({ within }: ListFilter, { column }: ListOrder): Promise<string[] | undefined> {
    if (within === '' || COLUMNS[column].headIndex === undefined) return undefined
    if (within.length > HEAD_BITS) return [within.slice(0, HEAD_BITS)]
    const heads = await this.#store.all<{ head: string }>(
      'SELECT head FROM holder_count WHERE head >= ? AND head < ? AND n > 0 LIMIT ?',
      ...[within, endOf(within), MAX_HEADS + 1],
    )
    return heads.length > MAX_HEADS ? undefined : heads.map(({ head }) => head)
  }

  /** Goes along the index of each head, and merges what is there. */
  #merged(
    heads: readonly string[],
    filter: ListFilter,
    order: ListOrder,
    from: PartAfter,
    { limit, offset }: { readonly limit: number; readonly offset: number },
  ): Query {
    const { table, headIndex: index } = COLUMNS[order.column]
    const { ranges } = sourceAlong(order, filter)
    // What is true of the whole head need not be looked at.
    const isWhole = filter.within.length <= HEAD_BITS
    const conditions = conditionsOf(isWhole ? { ...filter, within: '' } : filter)
    const ofHead = this.#along({ table, index, ranges }, conditions, order, {
      ...from,
      where: (of) => [...from.where(of), `substr(${of}.prefix, 1, ${HEAD_BITS}) = ?`],
    })
    const direction = order.isDescending ? 'DESC' : 'ASC'
    // Not each number of them is another text, which is kept.
    const asked = Array.from(
      { length: 2 ** Math.ceil(Math.log2(Math.max(1, heads.length))) },
      (_, at) => heads[at] ?? NO_HEAD,
    )
    return {
      text: `SELECT prefix, place FROM (${asked.map(() => `SELECT * FROM (${ofHead.text} LIMIT ?) AS of_head`).join(' UNION ALL ')}) AS part ORDER BY place ${direction}, prefix ${direction}`,
      parameters: asked.flatMap((head) => [...ofHead.parameters, head, limit + offset]),
    }
  }

  /** Looks up all, and sorts them. */
  #sorted(source: Source, conditions: readonly Condition[], order: ListOrder, from: PartAfter): Query {
    const { key } = COLUMNS[order.column]
    const some = this.#some(source, conditions, SORTED)
    const others = conditions.filter(({ name }) => !source.ranges.includes(name))
    const where = [
      'holder.prefix = part.prefix AND listed_machine.prefix = part.prefix',
      ...others.map(({ check, table = 'holder' }) => check(table)),
      ...from.where('part'),
    ]
    return {
      text: `SELECT part.prefix AS prefix, ${key} AS place FROM (${some.text}) AS part CROSS JOIN holder CROSS JOIN listed_machine WHERE ${where.join(' AND ')} ORDER BY ${from.orderBy('part')}`,
      parameters: [...some.parameters, ...others.flatMap(({ parameters }) => parameters), ...from.parameters],
    }
  }

  /** The first ones that are looked up. */
  #some({ table, index, ranges, order }: Source, conditions: readonly Condition[], most: number) {
    const ranged = conditions.filter(({ name }) => ranges.includes(name))
    const where = [
      ...(table === 'holder' ? ['holder.reason IS NULL'] : []),
      ...ranged.map(({ range }) => range(table)),
    ]
    return {
      text: `SELECT ${table}.prefix AS prefix FROM ${table} ${this.#by(index)} WHERE ${where.join(' AND ')} ORDER BY ${order === undefined ? '' : `${order}, `}${table}.prefix LIMIT ${most}`,
      parameters: ranged.flatMap(({ parameters }) => parameters),
    }
  }

  /** SQLite has no idea of how many there are of what, and must be told. */
  #by(index: string | undefined): string {
    return index === undefined || this.#store.isShared ? '' : `INDEXED BY ${index}`
  }
}

/** What has an order, and which conditions are a part of it. */
function sourceAlong({ column }: ListOrder, filter: ListFilter): Source {
  const { table, index } = COLUMNS[column]
  switch (column) {
    case 'prefix':
      return prefixesOf(filter)
    case 'seen':
      // All that were never seen are the same in that.
      return { table, index, ranges: filter.isSeen === false ? ['isSeen', 'within'] : ['isSeen'] }
    case 'country':
      return { table, index, ranges: filter.country === undefined ? [] : ['country', 'within'] }
    case 'not_after':
      return { table, index, ranges: ['endsBy'] }
    case 'subject_serial':
      return { table, index, ranges: ['subjectSerialFrom'] }
    case 'protocol':
      return { table, index, ranges: ['protocolBelow'] }
    default:
      return { table, index, ranges: [] }
  }
}

const BELOW = {
  versionBelow: { index: 'listed_follower', order: 'listed_machine.version' },
  protocolBelow: { index: 'listed_protocol', order: 'listed_machine.protocol' },
} as const

/** By what those of a filter can be looked up. */
const sourcesOf = (filter: ListFilter): Source[] => [
  ...(filter.endsBy === undefined
    ? []
    : [
        {
          ...({ table: 'holder', index: 'holder_page_not_after', ranges: ['endsBy'] } as const),
          order: 'holder.not_after',
        },
      ]),
  ...(filter.subjectSerialFrom === undefined
    ? []
    : [
        {
          ...({ table: 'holder', index: 'holder_subject_serial', ranges: ['subjectSerialFrom'] } as const),
          order: 'holder.subject_serial',
        },
      ]),
  ...(['versionBelow', 'protocolBelow'] as const).flatMap((name) =>
    filter[name] === undefined ? [] : [{ table: 'listed_machine' as const, ranges: [name], ...BELOW[name] }],
  ),
  ...(['authority', 'implementation'] as const).flatMap((name) =>
    filter[name] === undefined ? [] : [prefixesOf({ within: filter.within, [name]: filter[name] })],
  ),
  ...(filter.country === undefined ? [] : [prefixesOf({ within: filter.within, country: filter.country })]),
  ...(filter.isSeen === undefined ? [] : [prefixesOf({ within: filter.within, isSeen: filter.isSeen })]),
  ...(filter.within === '' ? [] : [prefixesOf({ within: filter.within })]),
]

/** What has them in the order of their prefixes. */
function prefixesOf({ country, isSeen, authority, implementation }: ListFilter): Source {
  const table = 'listed_machine'
  if (country !== undefined) return { table, index: 'listed_country', ranges: ['country', 'within'] }
  if (isSeen !== undefined)
    return { table, index: isSeen ? 'listed_ever' : 'listed_seen', ranges: ['isSeen', 'within'] }
  if (authority !== undefined) return { table, index: 'listed_authority', ranges: ['authority', 'within'] }
  if (implementation !== undefined)
    return { table, index: 'listed_software', ranges: ['implementation', 'within'] }
  return { table, index: undefined, ranges: ['within'] }
}

/**
 * What comes after a place: those that are the same in what they are sorted by, and those that are not. Each begins and ends in an index,
 * which SQLite does not see of both at once where that is an expression.
 */
function partsAfter(order: ListOrder, filter: ListFilter, after: Place | undefined): PartAfter[] {
  const { key } = COLUMNS[order.column]
  const [sign, direction] = order.isDescending ? ['<', 'DESC'] : ['>', 'ASC']
  const byPrefix = (table: string) => `${table}.prefix ${direction}`
  const byKey = (table: string) => `${key} ${direction}, ${byPrefix(table)}`
  const isByPrefix = order.column === 'prefix'
  const all: PartAfter = { orderBy: isByPrefix ? byPrefix : byKey, where: () => [], parameters: [] }
  if (after === undefined) return [all]
  const afterPrefix = (table: string) => `${table}.prefix ${sign} ?`
  if (isByPrefix) return [{ ...all, where: (table) => [afterPrefix(table)], parameters: [after.prefix] }]
  const same: PartAfter = {
    orderBy: byPrefix,
    where: (table) => [`${key} = ?`, afterPrefix(table)],
    parameters: [after.place, after.prefix],
  }
  const isAllTheSame =
    (order.column === 'country' && filter.country !== undefined) ||
    (order.column === 'seen' && filter.isSeen === false)
  return isAllTheSame
    ? [same]
    : [same, { orderBy: byKey, where: () => [`${key} ${sign} ?`], parameters: [after.place] }]
}
