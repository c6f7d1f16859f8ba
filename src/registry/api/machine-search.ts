import { isIP } from 'node:net'
import { bitsInside, type Network, prefixOfCidr, prefixOfSubnetName } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { FoundHolders, Holder } from '../holders.ts'
import type { Ledger } from '../ledger.ts'
import { EXPIRING_MS, type MachineViews, type SeenHolder } from './machine-views.ts'
import type { MachineQuery } from './schemas/machines.ts'
import type { TopologyWatch } from './topology-watch.ts'

/** What is searched. */
export interface MachineSearchComponents {
  readonly ledger: Pick<Ledger, 'holders' | 'holdersOf' | 'holderOfSerial' | 'search' | 'ending' | 'unseen'>
  readonly watch: Pick<TopologyWatch, 'online'>
  readonly network: Network
  readonly clock: Pick<Clock, 'now'>
  readonly views: Pick<MachineViews, 'seen' | 'place' | 'state' | 'isExpiring'>
}

/** What is asked for, and what was found of what is searched for; undefined: nothing is. */
export type Wanted = MachineQuery & { readonly found: FoundHolders | undefined }

/** Finds machines by what is wanted of them, with a look at no more of all others than that needs. */
export class MachineSearch {
  readonly #components: MachineSearchComponents

  constructor(components: MachineSearchComponents) {
    this.#components = components
  }

  /** All that are wanted, in the order of their prefixes. */
  async *found(query: Wanted, revoked: ReadonlySet<number>): AsyncGenerator<SeenHolder> {
    const { state, country } = query
    const { views } = this.#components
    for await (const one of views.seen(await this.#candidates(query, revoked)))
      if (
        (country === undefined || views.place(one).country === country) &&
        (state === undefined ||
          views.state(one, revoked) === state ||
          (state === 'expiring' && views.isExpiring(one.holder)))
      )
        yield one
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
      (await ledger.holdersOf(watch.online())).map((holder) => [holder.prefix, holder] as const),
    )
    for (const serial of revoked) {
      const holder = await ledger.holderOfSerial(serial)
      if (holder) holders.set(holder.prefix, holder)
    }
    return inOrderOfPrefixes([...holders.values()])
  }

  /** Those that are searched for; of a state that not many are in, without a look at all others. */
  async #candidates(
    { found, community = '', state }: Wanted,
    revoked: ReadonlySet<number>,
  ): Promise<AsyncIterable<Holder> | Iterable<Holder>> {
    const { ledger } = this.#components
    if (found) return this.holdersOf(found, 0, found.prefixes.length)
    switch (state) {
      case 'online':
      case 'outdated':
      case 'revoked':
        return within(community, () => this.thereOrRevoked(revoked))
      case 'expiring':
        return within(community, () => this.#ending())
      case 'never-seen':
        return ledger.unseen(community)
      default:
        return ledger.holders(community)
    }
  }

  async #ending(): Promise<Holder[]> {
    const { ledger, clock } = this.#components
    const ending: Holder[] = []
    for await (const holder of ledger.ending(0, clock.now() + EXPIRING_MS)) ending.push(holder)
    return inOrderOfPrefixes(ending)
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

async function* within(community: string, read: () => Promise<Holder[]>): AsyncGenerator<Holder> {
  for (const holder of await read()) if (holder.prefix.startsWith(community)) yield holder
}
