import type { Implementation } from '../../core/values/implementations.ts'
import { subnetNameOfBits } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Store } from '../database/store.ts'
import type { Ledger } from '../ledger.ts'
import { ListedMachines, type ListOrder } from '../listed-machines.ts'
import type { MachineSoftware } from '../machine-software.ts'
import { type Counted, SaidCounts } from '../said-counts.ts'
import { MAX_NAMED } from './schemas/common.ts'
import type { AffectedMachines, ConfigurationPreview } from './schemas/configuration.ts'
import type { Affected } from './setting-effects.ts'

/** What is needed to say whom a change affects. */
export interface AffectedComponents {
  readonly store: Store
  readonly ledger: Pick<Ledger, 'size' | 'countEnding'>
  readonly software: Pick<MachineSoftware, 'save' | 'of'>
  readonly clock: Pick<Clock, 'now'>
}

/** Machines by what they run, counted by the database at one moment. */
export class AffectedBy {
  readonly #components: AffectedComponents
  readonly #counts: SaidCounts
  readonly #endedBy: number
  /** How many run which implementation. */
  readonly implementations: ConfigurationPreview['machines']
  readonly #protocols: readonly Counted<number>[]
  /** Of serial numbers that were asked for, how many are not before them. */
  readonly #serials = new Map<number, number>()

  private constructor(
    components: AffectedComponents,
    {
      counts,
      endedBy,
      implementations,
      protocols,
    }: {
      readonly counts: SaidCounts
      readonly endedBy: number
      readonly implementations: ConfigurationPreview['machines']
      readonly protocols: readonly Counted<number>[]
    },
  ) {
    this.#components = components
    this.#counts = counts
    this.#endedBy = endedBy
    this.implementations = implementations
    this.#protocols = protocols
  }

  static async begin(components: AffectedComponents): Promise<AffectedBy> {
    const { store, software, clock } = components
    // What was said a moment ago counts, too.
    await software.save()
    const endedBy = Math.floor(clock.now() / 1000)
    const counts = new SaidCounts(store, endedBy)
    const running = await counts.each<Implementation | ''>('software')
    const of = (implementation: Implementation | '') =>
      running.find(({ value }) => value === implementation)?.n ?? 0
    return new AffectedBy(components, {
      ...{ counts, endedBy, protocols: await counts.each<number>('protocol') },
      implementations: { own: of('own'), python: of('python'), unknown: of('') },
    })
  }

  /** How many are affected, and who. */
  async machines({ what, query }: Affected): Promise<AffectedMachines> {
    const { store, software } = this.#components
    const places = await new ListedMachines(store).part(
      { within: '', endsAfter: this.#endedBy, ...query },
      { column: columnOf(query), isDescending: false },
      { limit: MAX_NAMED },
    )
    const prefixes = places.map(({ prefix }) => prefix).sort()
    const said = await software.of(prefixes)
    return {
      ...{ what, ...(await this.#count(query)), query },
      machines: prefixes.map((prefix) => {
        const one = said.get(prefix)
        return {
          name: subnetNameOfBits(prefix),
          ...(one ? { protocol: one.protocol } : {}),
          ...(one && one.version !== '' ? { version: one.version } : {}),
        }
      }),
    }
  }

  async #count({
    protocolBelow,
    implementation,
    subjectSerialFrom,
  }: Affected['query']): Promise<Pick<AffectedMachines, 'count' | 'unknown'>> {
    if (subjectSerialFrom !== undefined)
      return { count: await this.#countSerials(subjectSerialFrom), unknown: 0 }
    if (implementation !== undefined)
      return { count: this.implementations[implementation], unknown: this.implementations.unknown }
    const sum = (isWanted: (protocol: number) => boolean) =>
      this.#protocols.reduce((before, { value, n }) => (isWanted(value) ? before + n : before), 0)
    return {
      count: sum((protocol) => protocol > 0 && protocol < (protocolBelow ?? 0)),
      unknown: sum((protocol) => protocol === 0),
    }
  }

  async #countSerials(from: number): Promise<number> {
    const count = this.#serials.get(from) ?? (await this.#counts.subjectSerialsFrom(from))
    this.#serials.set(from, count)
    return count
  }
}

/** In what order the first ones are read: in the one of the index that they are found by, however far apart their prefixes are. */
function columnOf({ subjectSerialFrom, protocolBelow }: Affected['query']): ListOrder['column'] {
  if (subjectSerialFrom !== undefined) return 'subject_serial'
  return protocolBelow === undefined ? 'prefix' : 'protocol'
}
