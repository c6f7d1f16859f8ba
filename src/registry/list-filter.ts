import type { Implementation } from '../core/values/implementations.ts'
import type { SqlValue } from './database/engine.ts'

/** Which machines are wanted: those for which all of it is true. */
export interface ListFilter {
  /** Bits that their prefixes begin with. */
  readonly within: string
  readonly country?: string | undefined
  /** Whether it was ever seen. */
  readonly isSeen?: boolean | undefined
  /** Its certificate ends by then, in Unix seconds. */
  readonly endsBy?: number | undefined
  /** Its certificate ends after that, in Unix seconds. */
  readonly endsAfter?: number | undefined
  /** It has asked for an older version of the configuration, or for none. */
  readonly versionBelow?: number | undefined
  /** It has this certificate of the authority: first digits of the fingerprint (`authorityHead`); '': nobody knows. */
  readonly authority?: string | undefined
  /** It has called, and speaks an older protocol. */
  readonly protocolBelow?: number | undefined
  readonly implementation?: Implementation | undefined
  /** The serial number of its subject is this, or greater. */
  readonly subjectSerialFrom?: number | undefined
}

/** Where what is wanted of machines is. */
export type ListTable = 'listed_machine' | 'holder'

/** What is wanted of one column. */
export interface Condition {
  readonly name: keyof ListFilter
  readonly table: ListTable | undefined
  /** For the table that is read in its order: an index begins and ends there. */
  readonly range: (table: ListTable) => string
  /** The same where no index may be chosen for it: the one that has the order is to be. */
  readonly check: (table: ListTable) => string
  readonly parameters: readonly SqlValue[]
}

/** Machines are listed by so much of a fingerprint of the authority, in hexadecimal. */
export const authorityHead = (fingerprint: string): string => fingerprint.slice(0, 16)

/** Comes after all prefixes that begin with these bits. */
export const endOf = (within: string): string => `${within}2`

/** What is compared with one value. Adding nothing to a column keeps its index from being chosen. */
const COMPARED = {
  country: ['listed_machine', (column) => `${column} = ?`, 'country', "|| ''"],
  endsBy: ['holder', (column) => `${column} <= ?`, 'not_after', '+ 0'],
  versionBelow: ['listed_machine', (column) => `${column} < ?`, 'version', '+ 0'],
  authority: ['listed_machine', (column) => `${column} = ?`, 'authority', "|| ''"],
  protocolBelow: ['listed_machine', (column) => `${column} > 0 AND ${column} < ?`, 'protocol', '+ 0'],
  implementation: ['listed_machine', (column) => `${column} = ?`, 'software', "|| ''"],
  subjectSerialFrom: ['holder', (column) => `${column} >= ?`, 'subject_serial', '+ 0'],
} as const satisfies Partial<
  Record<
    keyof ListFilter,
    readonly [table: ListTable, isWanted: (column: string) => string, column: string, nothing: string]
  >
>

/** What a filter wants, column by column. */
export function conditionsOf(filter: ListFilter): Condition[] {
  const { within, isSeen, endsAfter } = filter
  const conditions: Condition[] = []
  if (within !== '')
    conditions.push({
      ...{ name: 'within', table: undefined, parameters: [within, endOf(within)] },
      range: (table) => `${table}.prefix >= ? AND ${table}.prefix < ?`,
      check: (table) => `${table}.prefix || '' >= ? AND ${table}.prefix || '' < ?`,
    })
  if (isSeen !== undefined)
    conditions.push({
      ...{ name: 'isSeen', table: 'listed_machine', parameters: [] },
      range: () => `listed_machine.seen ${isSeen ? '>' : '='} 0`,
      check: () => `listed_machine.seen + 0 ${isSeen ? '>' : '='} 0`,
    })
  if (endsAfter !== undefined)
    conditions.push({
      ...{ name: 'endsAfter', table: 'holder', parameters: [endsAfter] },
      range: () => 'holder.not_after > ?',
      check: () => 'holder.not_after + 0 > ?',
    })
  for (const name of Object.keys(COMPARED) as (keyof typeof COMPARED)[]) {
    const value = filter[name]
    if (value === undefined) continue
    const [table, isWanted, column, nothing] = COMPARED[name]
    conditions.push({
      ...{ name, table, parameters: [value] },
      range: () => isWanted(`${table}.${column}`),
      check: () => isWanted(`${table}.${column} ${nothing}`),
    })
  }
  return conditions
}
