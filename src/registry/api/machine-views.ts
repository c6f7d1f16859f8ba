import type { Communities } from '../../core/allocation/community.ts'
import { DAY_MS } from '../../core/day.ts'
import { EXPIRING_DAYS, type MachineState } from '../../core/values/machine-states.ts'
import {
  type Network,
  nodeAddress,
  type Prefix,
  prefixOfBits,
  subnetCidr,
  subnetNameOf,
} from '../../core/values/prefix.ts'
import { isOlderRelease } from '../../core/values/release-version.ts'
import type { Clock } from '../../platform/clock.ts'
import { VERSION } from '../../platform/version.ts'
import type { Store } from '../database/store.ts'
import { type GeoIp, placeOf } from '../geoip.ts'
import type { Holder } from '../holders.ts'
import type { KnownAddresses, Seen } from '../known-addresses.ts'
import type { Machine } from './schemas/machines.ts'
import { timeOf } from './time.ts'
import type { TopologyWatch } from './topology-watch.ts'

/** What is known of machines beside their certificates. */
export interface MachineViewComponents {
  readonly store: Store
  readonly watch: Pick<TopologyWatch, 'isOnline' | 'information'>
  readonly known: Pick<KnownAddresses, 'lookUp'>
  readonly network: Network
  readonly communities: Communities
  readonly geoip: GeoIp | undefined
  readonly clock: Pick<Clock, 'now'>
}

/** A machine, and where it was last seen; undefined: never. */
export interface SeenHolder {
  readonly holder: Holder
  readonly seen: Seen | undefined
}

/** {@link EXPIRING_DAYS}, in milliseconds. */
export const EXPIRING_MS = EXPIRING_DAYS * DAY_MS
/** Machines that are looked up at a time. */
const BATCH = 100

/** How the API shows machines. */
export class MachineViews {
  readonly #components: MachineViewComponents

  constructor(components: MachineViewComponents) {
    this.#components = components
  }

  /** Each with where it was last seen, in the same order. */
  async *seen(holders: AsyncIterable<Holder> | Iterable<Holder>): AsyncGenerator<SeenHolder> {
    let batch: Holder[] = []
    for await (const holder of holders) {
      batch.push(holder)
      if (batch.length < BATCH) continue
      yield* await this.#lookUp(batch)
      batch = []
    }
    yield* await this.#lookUp(batch)
  }

  async #lookUp(holders: readonly Holder[]): Promise<SeenHolder[]> {
    const prefixes = holders.map(({ prefix }) => prefixOfBits(prefix))
    const seen = await this.#components.known.lookUp(prefixes)
    return holders.map((holder, at) => ({ holder, seen: seen.get(prefixes[at] as Prefix) }))
  }

  /** Each as the API shows it, in the same order; what the database knows of them is read of many together. */
  async *machines(
    seen: AsyncIterable<SeenHolder> | Iterable<SeenHolder>,
    revoked: ReadonlySet<number>,
  ): AsyncGenerator<Machine> {
    let batch: SeenHolder[] = []
    for await (const one of seen) {
      batch.push(one)
      if (batch.length < BATCH) continue
      yield* await this.#named(batch, revoked)
      batch = []
    }
    yield* await this.#named(batch, revoked)
  }

  async #named(batch: readonly SeenHolder[], revoked: ReadonlySet<number>): Promise<Machine[]> {
    const rows = await this.#components.store.allIn<{ prefix: string; name: string | null }>(
      'SELECT prefix, name FROM machine WHERE prefix IN ?',
      batch.map(({ holder }) => holder.prefix),
    )
    const names = new Map(rows.map(({ prefix, name }) => [prefix, name] as const))
    return batch.map((one) => this.#machine(one, names.get(one.holder.prefix) ?? undefined, revoked))
  }

  /** @param revoked serials of certificates that would be valid still */
  state({ holder, seen }: SeenHolder, revoked: ReadonlySet<number>): MachineState {
    const { watch } = this.#components
    const prefix = prefixOfBits(holder.prefix)
    if (revoked.has(holder.serial)) return 'revoked'
    if (!watch.isOnline(prefix)) return (seen?.seenMs ?? 0) > 0 ? 'offline' : 'never-seen'
    if (this.isExpiring(holder)) return 'expiring'
    const version = watch.information(prefix)?.version
    return version !== undefined && isOlderRelease(version, VERSION) ? 'outdated' : 'online'
  }

  /** One, as the API shows it. */
  async machine(one: SeenHolder, revoked: ReadonlySet<number>): Promise<Machine> {
    const [machine] = await this.#named([one], revoked)
    if (!machine) throw new Error('of one machine, there is one')
    return machine
  }

  #machine(one: SeenHolder, name: string | undefined, revoked: ReadonlySet<number>): Machine {
    const { watch, network } = this.#components
    const { holder, seen } = one
    const prefix = prefixOfBits(holder.prefix)
    const information = watch.information(prefix)
    const community = this.#communityOf(holder.prefix)
    return {
      name: subnetNameOf(prefix),
      subnet: subnetCidr(network, prefix),
      address: nodeAddress(network, prefix),
      serial: holder.serial,
      ...(holder.email === null || holder.email === '' ? {} : { email: holder.email }),
      ...(name === undefined ? {} : { machineName: name }),
      state: this.state(one, revoked),
      isOnline: watch.isOnline(prefix),
      ...(seen && seen.seenMs > 0 ? { lastSeen: timeOf(seen.seenMs / 1000) } : {}),
      notAfter: timeOf(holder.notAfterMs / 1000),
      ...(information ? { version: information.version, platform: information.platform } : {}),
      ...(community === undefined ? {} : { community }),
      place: this.place(one),
    }
  }

  /** Where it is, by its address. */
  place({ seen }: SeenHolder): Machine['place'] {
    const { geoip } = this.#components
    const place = geoip && seen ? placeOf(geoip, seen.addresses) : undefined
    return {
      ...(place?.country ? { country: place.country } : {}),
      ...(place?.continent ? { continent: place.continent } : {}),
      ...(place?.latitude === undefined ? {} : { latitude: place.latitude }),
      ...(place?.longitude === undefined ? {} : { longitude: place.longitude }),
    }
  }

  isExpiring({ notAfterMs }: Holder): boolean {
    return notAfterMs / 1000 <= this.expiringBy()
  }

  /** Certificates that end by then are expiring, in Unix seconds. */
  expiringBy(): number {
    return Math.ceil((this.#components.clock.now() + EXPIRING_MS) / 1000) - 1
  }

  /** Whether a machine is what is asked for. */
  isWanted(
    one: SeenHolder,
    { state, country }: { readonly state?: MachineState | undefined; readonly country?: string | undefined },
    revoked: ReadonlySet<number>,
  ): boolean {
    return (
      (country === undefined || this.place(one).country === country) &&
      (state === undefined ||
        this.state(one, revoked) === state ||
        (state === 'expiring' && this.isExpiring(one.holder)))
    )
  }

  #communityOf(prefix: string): string | undefined {
    return this.#components.communities.all.find((bits) => bits !== '' && prefix.startsWith(bits))
  }
}
