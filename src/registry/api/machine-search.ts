import { isIP } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { bitsInside, type Network, prefixOfCidr, prefixOfSubnetName } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Store } from '../database/store.ts'
import type { Holder } from '../holders.ts'
import type { Ledger } from '../ledger.ts'
import { EXPIRING_MS, type MachineViews, type SeenHolder } from './machine-views.ts'
import type { MachineQuery } from './schemas/machines.ts'
import type { TopologyWatch } from './topology-watch.ts'

/** What is searched. */
export interface MachineSearchComponents {
  readonly ledger: Pick<Ledger, 'holders' | 'holdersOf' | 'holderOfSerial' | 'search' | 'ending' | 'unseen'>
  readonly watch: Pick<TopologyWatch, 'online'>
  readonly store: Pick<Store, 'all'>
  readonly network: Network
  readonly clock: Pick<Clock, 'now'>
  readonly views: Pick<MachineViews, 'seen' | 'place' | 'state' | 'isExpiring'>
}

/** Names that are read at a time. */
const NAMES = 1_000

/** Finds machines by what is wanted of them, with a look at no more of all others than that needs. */
export class MachineSearch {
  readonly #components: MachineSearchComponents

  constructor(components: MachineSearchComponents) {
    this.#components = components
  }

  /** All that are wanted, in the order of their prefixes. */
  async *found(query: MachineQuery, revoked: ReadonlySet<number>): AsyncGenerator<SeenHolder> {
    const { state, country } = query
    const { views } = this.#components
    for await (const one of views.seen(this.#candidates(query, revoked)))
      if (
        (country === undefined || views.place(one).country === country) &&
        (state === undefined ||
          views.state(one, revoked) === state ||
          (state === 'expiring' && views.isExpiring(one.holder)))
      )
        yield one
  }

  /** Those that are searched for, as far as their certificates and names tell. */
  async *matching({ search = '', community = '' }: MachineQuery): AsyncGenerator<Holder> {
    const { ledger } = this.#components
    const text = search.trim()
    const prefixes = this.#prefixesIn(text)
    if (prefixes !== undefined) {
      for (const holder of await ledger.holdersOf(prefixes))
        if (holder.prefix.startsWith(community)) yield holder
      return
    }
    if (text === '') {
      yield* ledger.holders(community)
      return
    }
    const part = text.toLowerCase()
    yield* ledger.search(community, {
      part,
      serial: /^\d{1,15}$/.test(text) ? Number(text) : undefined,
      named: await this.#named(part),
    })
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
  #candidates(query: MachineQuery, revoked: ReadonlySet<number>): AsyncIterable<Holder> {
    const { search = '', community = '', state } = query
    if (search.trim() !== '') return this.matching(query)
    switch (state) {
      case 'online':
      case 'outdated':
      case 'revoked':
        return within(community, () => this.thereOrRevoked(revoked))
      case 'expiring':
        return within(community, () => this.#ending())
      case 'never-seen':
        return this.#components.ledger.unseen(community)
      default:
        return this.matching(query)
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

  /** Prefixes of machines that an operator has given a name with this part. */
  async #named(part: string): Promise<readonly string[]> {
    const { store } = this.#components
    const named: string[] = []
    let last = ''
    for (;;) {
      const rows = await store.all<{ prefix: string; name: string }>(
        'SELECT prefix, name FROM machine WHERE name IS NOT NULL AND prefix > ? ORDER BY prefix LIMIT ?',
        ...[last, NAMES],
      )
      for (const { prefix, name } of rows) if (name.toLowerCase().includes(part)) named.push(prefix)
      const end = rows.at(-1)
      if (rows.length < NAMES || !end) return named
      last = end.prefix
      await setImmediate()
    }
  }
}

const inOrderOfPrefixes = (holders: Holder[]): Holder[] =>
  holders.sort((one, other) => (one.prefix < other.prefix ? -1 : 1))

async function* within(community: string, read: () => Promise<Holder[]>): AsyncGenerator<Holder> {
  for (const holder of await read()) if (holder.prefix.startsWith(community)) yield holder
}
