import { certificateFingerprint, readNodeCertificate } from '../../core/crypto/certificate.ts'
import type { MachineState } from '../../core/values/machine-states.ts'
import { prefixOfBits, prefixOfSubnetName, subnetCidr } from '../../core/values/prefix.ts'
import type { Holder } from '../holders.ts'
import type { KnownAddresses } from '../known-addresses.ts'
import type { Ledger } from '../ledger.ts'
import { type ListCount, ListedMachines } from '../listed-machines.ts'
import type { LocalNode } from '../local-node.ts'
import { Refusal } from '../refusal.ts'
import { CertificateBeginnings } from './certificate-beginnings.ts'
import { type ListQuery, MachineLists } from './machine-lists.ts'
import { routeTo } from './machine-route.ts'
import { type Cursor, cursorOf, notACursor, textOfCursor } from './machine-runs.ts'
import { MachineSearch, type MachineSearchComponents, type Wanted } from './machine-search.ts'
import { EXPIRING_MS, type MachineViewComponents, MachineViews, type SeenHolder } from './machine-views.ts'
import type { Machine, MachineDetails, MachinePage, MachineQuery, MachineRoute } from './schemas/machines.ts'
import type { TopologyNode } from './schemas/network.ts'
import { timeOf } from './time.ts'
import type { TopologyWatch } from './topology-watch.ts'
import { type Said, WantedOfDatabase } from './wanted-of-database.ts'

/** What is known of machines. */
export interface MachinesComponents extends MachineViewComponents {
  readonly said: Said
  readonly ledger: MachineSearchComponents['ledger'] &
    Pick<Ledger, 'holder' | 'holders' | 'size' | 'countEnding'>
  readonly watch: MachineViewComponents['watch'] &
    Pick<TopologyWatch, 'online' | 'informed' | 'look' | 'tunnelsOf' | 'route'>
  readonly known: Pick<KnownAddresses, 'lookUp' | 'count' | 'unwritten'>
  readonly localNode: Pick<LocalNode, 'askWay'>
  readonly registryPrefix: () => string | undefined
}

/** More machines than that are no map: those that are there are shown. */
const MAX_ON_MAP = 10_000

/** What the registry knows of its machines, as the API says it. */
export class Machines {
  readonly #components: MachinesComponents
  readonly #views: MachineViews
  readonly #search: MachineSearch
  readonly #lists: MachineLists
  readonly #beginnings: CertificateBeginnings
  readonly #wanted: WantedOfDatabase

  constructor(components: MachinesComponents) {
    this.#components = components
    this.#views = new MachineViews(components)
    this.#beginnings = new CertificateBeginnings(components.store)
    this.#wanted = new WantedOfDatabase(components.said, components.clock)
    const parts = {
      ...{ ...components, views: this.#views, wanted: this.#wanted },
      listed: new ListedMachines(components.store),
    }
    this.#search = new MachineSearch(parts)
    this.#lists = new MachineLists({ ...parts, search: this.#search })
  }

  /** One page of those that are wanted. @throws Refusal 400 for an `after` that no page has said */
  async list(asked: MachineQuery): Promise<MachinePage> {
    await this.#components.watch.look()
    if (this.#wanted.of(asked)) await this.#components.said.save()
    const found = await this.#search.searched(asked)
    const { state } = asked
    const isOfFew = found !== undefined || state === 'online' || state === 'outdated' || state === 'revoked'
    if (!isOfFew) return this.#listed({ ...asked, state })
    const page = await this.#ofFew({ ...asked, found })
    return found?.isMore ? { ...page, isMore: true } : page
  }

  /** Of all, or of a state that any number may be in. */
  async #listed({ after, ...query }: ListQuery): Promise<MachinePage> {
    const revoked = await this.#revoked()
    const { count, isAtLeast } = await this.#countOf(query, revoked)
    const { seen, next } = await this.#lists.page(query, {
      cursor: after === undefined ? undefined : cursorOf(after),
      revoked,
      ...(isAtLeast ? {} : { total: count }),
    })
    const isLast =
      next === undefined || (after === undefined && !isAtLeast && (query.offset ?? 0) + seen.length >= count)
    return {
      total: count,
      items: await this.#machines(seen),
      ...(isAtLeast ? { isTotalAtLeast: true as const } : {}),
      ...(isLast ? {} : { next: textOfCursor(next) }),
    }
  }

  /** Of those that are searched for, or of a state that few are in: all of them are looked at. */
  async #ofFew(query: Wanted): Promise<MachinePage> {
    const { limit = 100, sort = 'name', order = 'ascending', after } = query
    const offset = after === undefined ? (query.offset ?? 0) : offsetOf(cursorOf(after))
    const pageOf = (total: number, items: readonly Machine[]): MachinePage => ({
      ...{ total, items: [...items] },
      ...(offset + items.length < total && items.length > 0
        ? { next: textOfCursor({ run: 0, after: { place: offset + items.length, prefix: '' } }) }
        : {}),
    })
    // Addresses have the order of their prefixes, in which they are found.
    if (sort === 'name' && order === 'ascending') {
      if (
        query.found &&
        query.state === undefined &&
        query.country === undefined &&
        !this.#wanted.of(query)
      ) {
        // Where they were seen is looked up of those on the page only.
        const holders = await this.#search.holdersOf(query.found, offset, limit)
        return pageOf(query.found.prefixes.length, await this.#machines(this.#views.seen(holders)))
      }
      const found: SeenHolder[] = []
      for await (const one of this.#search.found(query, await this.#revoked())) found.push(one)
      return pageOf(found.length, await this.#machines(found.slice(offset, offset + limit)))
    }
    const revoked = await this.#revoked()
    const sign = order === 'ascending' ? 1 : -1
    // They are found in the order of their prefixes, which addresses have as numbers, and not as texts.
    const keyOf = ({ machine, at }: Found) => (sort === 'name' ? at : sortKey(machine, sort))
    const found: Found[] = []
    for await (const machine of this.#views.machines(this.#search.found(query, revoked), revoked))
      found.push({ machine, at: found.length })
    found.sort((one, other) => sign * (compare(keyOf(one), keyOf(other)) || one.at - other.at))
    return pageOf(
      found.length,
      found.slice(offset, offset + limit).map(({ machine }) => machine),
    )
  }

  async #machines(seen: AsyncIterable<SeenHolder> | Iterable<SeenHolder>): Promise<Machine[]> {
    const machines: Machine[] = []
    for await (const machine of this.#views.machines(seen, await this.#revoked())) machines.push(machine)
    return machines
  }

  /** @throws Refusal 404 */
  async details(name: string): Promise<MachineDetails> {
    const { store, watch, known, network, clock, registryPrefix } = this.#components
    await watch.look()
    const holder = await this.holder(name)
    const pem = (await store.certificate(holder.prefix))?.cert ?? ''
    const certificate = readNodeCertificate(pem)
    if (!certificate.ok) throw new Refusal(404, certificate.reason)
    const { notBeforeMs, x509 } = certificate.value
    const now = Math.floor(clock.now() / 1000)
    const prefix = prefixOfBits(holder.prefix)
    const seen = (await known.lookUp([prefix])).get(prefix)
    const issued: MachineDetails['issued'] = []
    for (const { serial, date } of await store.issuedFor(holder.prefix, now))
      issued.push({ serial, notAfter: timeOf(date), isRevoked: await store.isRevoked(serial) })
    return {
      ...(await this.#views.machine({ holder, seen }, await this.#revoked())),
      subnet: subnetCidr(network, prefix),
      notBefore: timeOf(notBeforeMs / 1000),
      subject: x509.subject.replaceAll('\n', ', '),
      fingerprint: certificateFingerprint(x509.raw),
      isRegistryNode: holder.prefix === registryPrefix(),
      addresses: (seen?.addresses ?? []).map(({ host, port, protocol }) => `${host},${port},${protocol}`),
      tunnels: watch.tunnelsOf(name),
      issued,
    }
  }

  /** The way of packets to it. @throws Refusal 404 */
  async route(name: string): Promise<MachineRoute> {
    const { ledger, watch, localNode, registryPrefix } = this.#components
    const { prefix } = await this.holder(name)
    await watch.look()
    const own = registryPrefix()
    return routeTo(prefixOfBits(prefix), {
      own: own === undefined ? undefined : prefixOfBits(own),
      askWay: (asked, target) => localNode.askWay(asked, target),
      isMember: async (one) => (await ledger.holder(one)) !== undefined,
      byTunnels: (from, to) => watch.route(from, to),
    })
  }

  /** @throws Refusal 404 */
  async holder(name: string): Promise<Holder> {
    const prefix = prefixOfSubnetName(name)
    const holder = prefix.ok ? await this.#components.ledger.holder(prefix.value) : undefined
    if (!holder) throw new Refusal(404, `there is no machine ${name}`)
    return holder
  }

  /** Those that are on the map. */
  async *nodes(): AsyncGenerator<TopologyNode> {
    const { ledger, watch } = this.#components
    const revoked = await this.#revoked()
    const isLarge = (await ledger.size()) > MAX_ON_MAP
    const holders = isLarge ? await ledger.holdersOf(watch.online()) : ledger.holders()
    const seen: SeenHolder[] = []
    for await (const one of this.#views.seen(holders)) seen.push(one)
    const beginnings = await this.#beginnings.of(seen)
    for await (const machine of this.#views.machines(seen, revoked)) {
      const { name, state, version, place, serial, notAfter, machineName } = machine
      const { country, latitude, longitude } = place
      const sinceMs = beginnings.get(serial)
      yield {
        ...{ name, state, notAfter },
        ...(sinceMs === undefined ? {} : { notBefore: timeOf(sinceMs / 1000) }),
        ...(version === undefined ? {} : { version }),
        ...(machineName === undefined ? {} : { machineName }),
        ...(country === undefined ? {} : { country }),
        ...(latitude === undefined || longitude === undefined ? {} : { latitude, longitude }),
      }
    }
  }

  /** How many there are of each state: those that are there, or revoked, are looked at, the others counted. */
  async counts(): Promise<Readonly<Record<MachineState, number>>> {
    const { ledger, known } = this.#components
    const counts = { online: 0, offline: 0, expiring: 0, 'never-seen': 0, outdated: 0, revoked: 0 }
    const revoked = await this.#revoked()
    const holders = await this.#search.thereOrRevoked(revoked)
    let others = await ledger.size()
    let seen = await known.count()
    for await (const one of this.#views.seen(holders)) {
      counts[this.#views.state(one, revoked)] += 1
      others -= 1
      if (one.seen) seen -= 1
    }
    counts.offline = Math.max(0, Math.min(seen, others))
    counts['never-seen'] = others - counts.offline
    return counts
  }

  /** How many certificates end soon, or have ended: those that the table has as `expiring`, however their machines are. */
  countExpiring(): Promise<number> {
    const { ledger, clock } = this.#components
    return ledger.countEnding(0, clock.now() + EXPIRING_MS)
  }

  async #countOf(query: Omit<ListQuery, 'after'>, revoked: ReadonlySet<number>): Promise<ListCount> {
    const { state, community = '', country } = query
    const isOfAll = community === '' && country === undefined && !this.#wanted.of(query)
    if ((state === 'offline' || state === 'never-seen') && isOfAll)
      return { count: (await this.counts())[state], isAtLeast: false }
    return this.#lists.count(query, revoked)
  }

  async #revoked(): Promise<ReadonlySet<number>> {
    const { store, clock } = this.#components
    return new Set(await store.crl(Math.floor(clock.now() / 1000)))
  }
}

/** Where a page of few begins. @throws Refusal 400 */
function offsetOf({ after: { place } }: Cursor): number {
  if (typeof place === 'number' && Number.isSafeInteger(place) && place >= 0) return place
  throw notACursor()
}

/** A machine, and where it is among those that were found. */
interface Found {
  readonly machine: Machine
  readonly at: number
}

const sortKey = (
  machine: Machine,
  key: Exclude<NonNullable<MachineQuery['sort']>, 'name'>,
): string | number => {
  switch (key) {
    case 'country':
      return machine.place.country ?? ''
    case 'serial':
      return machine.serial
    default:
      return machine[key] ?? ''
  }
}

const compare = (one: string | number, other: string | number): number =>
  typeof one === 'number' && typeof other === 'number'
    ? one - other
    : String(one) < String(other)
      ? -1
      : Number(String(one) > String(other))
