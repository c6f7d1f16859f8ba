import { isIP } from 'node:net'
import { bitsInside, type Network, prefixOfCidr, prefixOfSubnetName } from '../../core/values/prefix.ts'
import type { FoundHolders, Holder } from '../holders.ts'
import type { Ledger } from '../ledger.ts'
import type { ListedMachines } from '../listed-machines.ts'
import type { MachineViews, SeenHolder } from './machine-views.ts'
import type { MachineQuery } from './schemas/machines.ts'
import type { TopologyWatch } from './topology-watch.ts'
import type { DatabaseQuery, WantedOfDatabase } from './wanted-of-database.ts'

/** What is searched. */
export interface MachineSearchComponents {
  readonly ledger: Pick<Ledger, 'holdersOf' | 'holdersOfSerials' | 'search'>
  readonly watch: Pick<TopologyWatch, 'online'>
  readonly network: Network
  readonly views: Pick<MachineViews, 'seen' | 'isWanted'>
  readonly listed: Pick<ListedMachines, 'matching'>
  readonly wanted: Pick<WantedOfDatabase, 'of'>
}

/** What is asked for, and what was found of what is searched for; undefined: nothing is. */
export type Wanted = MachineQuery & { readonly found: FoundHolders | undefined }

/** Finds machines by what is wanted of them, with a look at no more of all others than that needs. */
export class MachineSearch {
  readonly #components: MachineSearchComponents

  constructor(components: MachineSearchComponents) {
    this.#components = components
  }

  /** All that are wanted, of those that are searched for, or of a state that few are in, in the order of their prefixes. */
  async *found(query: Wanted, revoked: ReadonlySet<number>): AsyncGenerator<SeenHolder> {
    const { views } = this.#components
    for await (const one of views.seen(await this.#candidates(query, revoked)))
      if (views.isWanted(one, query, revoked)) yield one
  }

  /** Those of a community that a text names or is part of; undefined: nothing is searched for. */
  async searched({ search = '', community = '' }: MachineQuery): Promise<FoundHolders | undefined> {
    const text = search.trim()
    if (text === '') return undefined
    const { ledger } = this.#components
    const around = this.#prefixesIn(text)
    // Of all prefixes around an address, one is somebody's.
    const named = around && (await ledger.holdersOf(around)).map(({ prefix }) => prefix)
    const { prefixes, isMore } = named ? { prefixes: named, isMore: false } : await ledger.search(text)
    return { prefixes: prefixes.filter((prefix) => prefix.startsWith(community)), isMore }
  }

  /** Some of what was found, in the order of their prefixes. */
  async holdersOf({ prefixes }: FoundHolders, offset: number, limit: number): Promise<Holder[]> {
    return inOrderOfPrefixes(await this.#components.ledger.holdersOf(prefixes.slice(offset, offset + limit)))
  }

  /** Those that are there, or revoked, in the order of their prefixes. */
  async thereOrRevoked(revoked: ReadonlySet<number>): Promise<Holder[]> {
    const { ledger, watch } = this.#components
    const holders = new Map(
      [...(await ledger.holdersOf(watch.online())), ...(await ledger.holdersOfSerials([...revoked]))].map(
        (holder) => [holder.prefix, holder] as const,
      ),
    )
    return inOrderOfPrefixes([...holders.values()])
  }

  /** Those that are searched for; or those of a state that few are in, without a look at all others. */
  async #candidates(query: Wanted, revoked: ReadonlySet<number>): Promise<Holder[]> {
    const { found, community = '' } = query
    const few = found
      ? await this.holdersOf(found, 0, found.prefixes.length)
      : (await this.thereOrRevoked(revoked)).filter(({ prefix }) => prefix.startsWith(community))
    return this.wantedAmong(few, query)
  }

  /** Those of some of which the database knows what is wanted. */
  async wantedAmong<One extends { readonly prefix: string }>(
    some: readonly One[],
    query: DatabaseQuery,
  ): Promise<One[]> {
    const wanted = this.#components.wanted.of(query)
    if (!wanted) return [...some]
    const prefixes = some.map(({ prefix }) => prefix)
    const matching = await this.#components.listed.matching({ within: '', ...wanted }, prefixes)
    return some.filter(({ prefix }) => matching.has(prefix))
  }

  /** Prefixes that a text names: a subnet, or all around an address; undefined: it is neither. */
  #prefixesIn(text: string): readonly string[] | undefined {
    const { network } = this.#components
    const name = prefixOfSubnetName(text)
    if (name.ok) return [name.value]
    if (text.includes('/')) {
      const cidr = prefixOfCidr(network, text)
      return cidr.ok ? [cidr.value] : undefined
    }
    if (isIP(text) !== 6) return undefined
    const inside = bitsInside(network, text)
    return inside.ok ? Array.from(inside.value, (_, at) => inside.value.slice(0, at + 1)) : []
  }
}

const inOrderOfPrefixes = (holders: Holder[]): Holder[] =>
  holders.sort((one, other) => (one.prefix < other.prefix ? -1 : 1))
