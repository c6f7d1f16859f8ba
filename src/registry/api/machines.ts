import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import type { Communities } from '../../core/allocation/community.ts'
import { certificateFingerprint, readNodeCertificate } from '../../core/crypto/certificate.ts'
import { DAY_MS } from '../../core/day.ts'
import type { MachineState } from '../../core/values/machine-states.ts'
import {
  bitsInside,
  type Network,
  nodeAddress,
  prefixOfBits,
  prefixOfCidr,
  prefixOfSubnetName,
  subnetCidr,
  subnetNameOf,
  subnetNameOfBits,
} from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import { VERSION } from '../../platform/version.ts'
import type { Store } from '../database/store.ts'
import type { GeoIp } from '../geoip.ts'
import type { KnownAddresses } from '../known-addresses.ts'
import type { Holder, HolderPage, Ledger } from '../ledger.ts'
import { Refusal } from '../refusal.ts'
import type { Machine, MachineDetails, MachinePage, MachineQuery } from './schemas/machines.ts'
import type { NetworkOverview, TopologyNode } from './schemas/network.ts'
import { timeOf } from './time.ts'
import type { TopologyWatch } from './topology-watch.ts'

/** What is known of machines. */
export interface MachinesComponents {
  readonly store: Store
  readonly ledger: Pick<
    Ledger,
    'holder' | 'holders' | 'holderOfSerial' | 'holderOfEmail' | 'size' | 'page' | 'count'
  >
  readonly watch: Pick<TopologyWatch, 'isOnline' | 'information' | 'look' | 'tunnelsOf' | 'route'>
  readonly known: Pick<KnownAddresses, 'lookUp'>
  readonly registryPrefix: () => string | undefined
  readonly network: Network
  readonly communities: Communities
  readonly geoip: GeoIp | undefined
  readonly clock: Pick<Clock, 'now'>
}

/** With less than this left, a certificate should have been renewed by its machine. */
const EXPIRING_MS = 30 * DAY_MS
/** More machines than that are no map: those that are there are shown. */
const MAX_ON_MAP = 10_000

/** What the registry knows of its machines, as the API says it. */
export class Machines {
  readonly #components: MachinesComponents

  constructor(components: MachinesComponents) {
    this.#components = components
  }

  /** One page of those that are wanted. */
  async list(query: MachineQuery): Promise<MachinePage> {
    await this.#components.watch.look()
    const { offset = 0, limit = 100, sort, order = 'ascending' } = query
    const revoked = await this.#revoked()
    const column = columnOf(query)
    if (column !== undefined) {
      const { ledger } = this.#components
      const within = query.community ?? ''
      const isDescending = order === 'descending'
      const items: Machine[] = []
      for (const holder of await ledger.page({ within, column, isDescending, offset, limit }))
        items.push(await this.#machine(holder, revoked))
      return { total: await ledger.count(within), items }
    }
    const found: Machine[] = []
    let total = 0
    const isFound = this.#search(query)
    for await (const holder of this.#candidates(query)) {
      if (!this.#isAmong(query, holder, revoked)) continue
      const isOnPage = sort !== undefined || (total >= offset && total < offset + limit)
      // The rest of a machine is looked up where it tells, or is shown.
      if (isOnPage || isFound) {
        const machine = await this.#machine(holder, revoked)
        if (isFound?.(machine) === false) continue
        if (isOnPage) found.push(machine)
      }
      total += 1
    }
    if (sort === undefined) return { total, items: found }
    const sign = order === 'ascending' ? 1 : -1
    found.sort((one, other) => sign * compare(sortKey(one, sort), sortKey(other, sort)))
    return { total, items: found.slice(offset, offset + limit) }
  }

  /** @throws Refusal 404 */
  async details(name: string): Promise<MachineDetails> {
    const { store, watch, network, known, clock, registryPrefix } = this.#components
    await watch.look()
    const holder = await this.holder(name)
    const pem = (await store.certificate(holder.prefix))?.cert ?? ''
    const certificate = readNodeCertificate(pem)
    if (!certificate.ok) throw new Refusal(404, certificate.reason)
    const { notBeforeMs, x509 } = certificate.value
    const now = Math.floor(clock.now() / 1000)
    const own = registryPrefix()
    const revoked = await this.#revoked()
    const issued: MachineDetails['issued'] = []
    for (const { serial, date } of await store.issuedFor(holder.prefix, now))
      issued.push({ serial, notAfter: timeOf(date), isRevoked: await store.isRevoked(serial) })
    return {
      ...(await this.#machine(holder, revoked)),
      subnet: subnetCidr(network, prefixOfBits(holder.prefix)),
      notBefore: timeOf(notBeforeMs / 1000),
      subject: x509.subject.replaceAll('\n', ', '),
      fingerprint: certificateFingerprint(x509.raw),
      addresses: (known.lookUp(prefixOfBits(holder.prefix))?.addresses ?? []).map(
        ({ host, port, protocol }) => `${host},${port},${protocol}`,
      ),
      tunnels: watch.tunnelsOf(name),
      route: own === undefined ? [] : watch.route(subnetNameOfBits(own), name),
      issued,
    }
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
    for await (const holder of ledger.holders()) {
      if (isLarge && !watch.isOnline(prefixOfBits(holder.prefix))) continue
      const { name, state, version, place, notAfter, machineName } = await this.#machine(holder, revoked)
      const { country, latitude, longitude } = place
      yield {
        ...{ name, state, notAfter },
        ...(version === undefined ? {} : { version }),
        ...(machineName === undefined ? {} : { machineName }),
        ...(country === undefined ? {} : { country }),
        ...(latitude === undefined || longitude === undefined ? {} : { latitude, longitude }),
      }
    }
  }

  /** How many there are of each state. */
  async counts(): Promise<Readonly<Record<MachineState, number>>> {
    const counts = { online: 0, offline: 0, expiring: 0, 'never-seen': 0, outdated: 0, revoked: 0 }
    const revoked = await this.#revoked()
    for await (const holder of this.#components.ledger.holders()) counts[this.#state(holder, revoked)] += 1
    return counts
  }

  async #revoked(): Promise<ReadonlySet<number>> {
    const { store, clock } = this.#components
    return new Set(await store.crl(Math.floor(clock.now() / 1000)))
  }

  #state(holder: Holder, revoked: ReadonlySet<number>): MachineState {
    const { watch, known } = this.#components
    const prefix = prefixOfBits(holder.prefix)
    if (revoked.has(holder.serial)) return 'revoked'
    if (!watch.isOnline(prefix)) return (known.lookUp(prefix)?.seenMs ?? 0) > 0 ? 'offline' : 'never-seen'
    if (this.#isExpiring(holder)) return 'expiring'
    const version = watch.information(prefix)?.version
    return version !== undefined && isOlder(version, VERSION) ? 'outdated' : 'online'
  }

  async #machine(holder: Holder, revoked: ReadonlySet<number>): Promise<Machine> {
    const { watch, known, network, geoip, store } = this.#components
    const prefix = prefixOfBits(holder.prefix)
    const seen = known.lookUp(prefix)
    const information = watch.information(prefix)
    const host = seen?.addresses.find((address) => isIP(address.host) !== 0)?.host
    const place = host === undefined ? undefined : geoip?.locate(host)
    const [row] = await store.all<{ name: string | null }>(
      'SELECT name FROM machine WHERE prefix = ?',
      holder.prefix,
    )
    const community = this.#communityOf(holder.prefix)
    const isOnline = watch.isOnline(prefix)
    return {
      name: subnetNameOf(prefix),
      subnet: subnetCidr(network, prefix),
      address: nodeAddress(network, prefix),
      serial: holder.serial,
      ...(holder.email === null || holder.email === '' ? {} : { email: holder.email }),
      ...(typeof row?.name === 'string' ? { machineName: row.name } : {}),
      state: this.#state(holder, revoked),
      isOnline,
      ...(seen && seen.seenMs > 0 ? { lastSeen: timeOf(seen.seenMs / 1000) } : {}),
      notAfter: timeOf(holder.notAfterMs / 1000),
      ...(information ? { version: information.version, platform: information.platform } : {}),
      ...(community === undefined ? {} : { community }),
      place: {
        ...(place?.country ? { country: place.country } : {}),
        ...(place?.continent ? { continent: place.continent } : {}),
        ...(place?.latitude === undefined ? {} : { latitude: place.latitude }),
        ...(place?.longitude === undefined ? {} : { longitude: place.longitude }),
      },
    }
  }

  #communityOf(prefix: string): string | undefined {
    return this.#components.communities.all.find((bits) => bits !== '' && prefix.startsWith(bits))
  }

  /** What is found by an index, where that is enough. */
  async *#candidates({ search, community }: MachineQuery): AsyncGenerator<Holder> {
    const { ledger, network } = this.#components
    const text = search?.trim() ?? ''
    const name = prefixOfSubnetName(text)
    const cidr = text.includes('/') && !name.ok ? prefixOfCidr(network, text) : undefined
    if (name.ok || cidr?.ok) {
      const holder = await ledger.holder(name.ok ? name.value : cidr?.ok ? cidr.value : '')
      if (holder) yield holder
      return
    }
    if (isIP(text) === 6) {
      const inside = bitsInside(network, text)
      for (let length = 1; inside.ok && length <= inside.value.length; length += 1) {
        const holder = await ledger.holder(inside.value.slice(0, length))
        if (holder) yield holder
      }
      return
    }
    yield* ledger.holders(community)
  }

  /** Whether it is one of those wanted, as far as needs no look into the database. */
  #isAmong({ state, community }: MachineQuery, holder: Holder, revoked: ReadonlySet<number>): boolean {
    return (
      (community === undefined || holder.prefix.startsWith(community)) &&
      (state === undefined ||
        this.#state(holder, revoked) === state ||
        (state === 'expiring' && this.#isExpiring(holder)))
    )
  }

  /** Whether it is what is searched for; undefined: all of them are. */
  #search({ search = '', country }: MachineQuery): ((machine: Machine) => boolean) | undefined {
    const text = search.trim().toLowerCase()
    // What is written so was found by its prefix.
    const isAnyText = text === '' || text.includes('/') || isIP(text) === 6
    if (isAnyText && country === undefined) return undefined
    return ({ serial, email, machineName, place }) =>
      (country === undefined || place.country === country) &&
      (isAnyText ||
        (/^\d+$/.test(text) && serial === Number(text)) ||
        email?.toLowerCase().includes(text) === true ||
        machineName?.toLowerCase().includes(text) === true)
  }

  #isExpiring({ notAfterMs }: Holder): boolean {
    return notAfterMs - this.#components.clock.now() < EXPIRING_MS
  }
}

/** Whether the first three numbers of a version are less than another's; of what is no version, nobody knows. */
export function isOlder(version: string, other: string): boolean {
  const [one, another] = [numbersOf(version), numbersOf(other)]
  if (!one || !another) return false
  const index = one.findIndex((number, position) => number !== another[position])
  return index >= 0 && (one[index] ?? 0) < (another[index] ?? 0)
}

function numbersOf(version: string): number[] | undefined {
  const match = /^(\d{1,6})\.(\d{1,6})(?:\.(\d{1,6}))?/.exec(version)
  return match ? [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)] : undefined
}

/** What the database has them in the order of; undefined: what is wanted must be computed of all of them first. */
function columnOf({ search, state, country, sort = 'name' }: MachineQuery): HolderPage['column'] | undefined {
  if ((search ?? '').trim() !== '' || state !== undefined || country !== undefined) return undefined
  // Addresses have the order of their prefixes.
  return sort === 'name'
    ? 'prefix'
    : sort === 'serial'
      ? 'serial'
      : sort === 'notAfter'
        ? 'not_after'
        : sort === 'email'
          ? 'email'
          : undefined
}

const sortKey = (machine: Machine, key: NonNullable<MachineQuery['sort']>): string | number => {
  switch (key) {
    case 'name':
      return machine.address
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

/** Name, dates and fingerprint of an authority. */
export function authorityOf(caPem: string): NetworkOverview['authority'] {
  const x509 = new X509Certificate(caPem)
  return {
    name: /^CN=(.*)$/m.exec(x509.subject)?.[1] ?? x509.subject.replaceAll('\n', ', '),
    notBefore: new Date(x509.validFrom).toISOString(),
    notAfter: new Date(x509.validTo).toISOString(),
    fingerprint: certificateFingerprint(x509.raw),
  }
}
