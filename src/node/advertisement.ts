import type { NetworkConfig } from '../core/config/network-config.ts'
import type { NodeOptions } from '../core/options/node-options.ts'
import { TokenBuckets } from '../core/token-buckets.ts'
import { type ForwardedPorts, OwnAddresses } from '../core/tunnels/own-addresses.ts'
import type { PeerAddress } from '../core/values/address-list.ts'
import { isInside, type Network } from '../core/values/prefix.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { assumedAddresses } from './assumed-addresses.ts'
import type { Cache } from './cache/cache.ts'
import { Countries } from './countries.ts'

/** What an advertisement needs. */
interface AdvertisementInit {
  readonly options: Pick<
    NodeOptions,
    'ownAddresses' | 'ipv4Source' | 'country' | 'registry' | 'mainInterface'
  >
  /** Servers that others may connect to now. */
  readonly servers: () => NodeOptions['listeners']
  readonly network: Network
  readonly config: () => Pick<NetworkConfig, 'sameCountry'>
  readonly isRegistryNode: boolean
  readonly cache: Pick<Cache, 'ownAddresses'>
  readonly getCountry: (address: string, signal: AbortSignal) => Promise<string | undefined>
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Who hears of what is new. */
export interface AdvertisementHearers {
  /** Called when more is known of the countries of addresses, our own or others'. */
  readonly onCountries: () => void
}

const NOBODY: AdvertisementHearers = { onCountries: () => {} }

/** How often it is looked whether the addresses of this machine have changed. */
const LOOK_MS = 10_000
/** A server says where it sees us when the tunnel is made, and when that changes. */
const WORDS_OF_SERVER = { perSecond: 0.1, burst: 5, remembered: 1_000 }
/** Tunnels need not wait longer for a registry that does not say where we are. */
const LOCATE_MS = 3_000

/** What this node tells others of where it is: its addresses as they are now, and the countries they are in. */
export class Advertisement implements Disposable {
  readonly #init: AdvertisementInit
  readonly #addresses: OwnAddresses
  readonly #countries: Countries
  /** What the server of each tunnel may tell us. */
  readonly #words = new TokenBuckets(WORDS_OF_SERVER)
  /** What it said last, and too often: it may say nothing more for as long as the tunnel is up. */
  readonly #later = new Map<string, Disposable>()
  #hearers = NOBODY
  #timer: Disposable | undefined

  constructor(init: AdvertisementInit) {
    const { options, cache } = init
    this.#init = init
    this.#addresses = new OwnAddresses(options.ownAddresses, options.ipv4Source === 'gateway')
    this.#countries = new Countries({ ...init, onAnswered: () => this.#located() })
    this.#addresses.remember(cache.ownAddresses.map(({ host }) => host))
    for (const { host, country } of cache.ownAddresses)
      if (country !== undefined) this.#countries.remember(host, country)
  }

  /** Looks at the addresses of this machine, now and then again. */
  async start(hearers: AdvertisementHearers): Promise<void> {
    this.#hearers = hearers
    await this.#look()
    this.#timer = this.#init.clock.every(LOOK_MS, () => this.#lookSoon())
  }

  /** Resolves when it is known in which country we are, if that matters; or cannot be known soon. */
  async located(): Promise<void> {
    if (this.#isCountryAsked())
      await Promise.race([
        this.#countries.ready(this.#addresses.hosts),
        this.#init.clock.sleep(LOCATE_MS, this.#init.signal).catch(() => {}),
      ])
  }

  /** For each server of ours, in order of preference. */
  get addresses(): PeerAddress[] {
    return this.#addresses.advertised(this.#init.servers(), (host) => this.#ownCountryAt(host))
  }

  /** Whether a gateway forwards ports to us. */
  get isForwarded(): boolean {
    return this.#addresses.isForwarded
  }

  /** Where we are, if that matters and is known. */
  get country(): string | undefined {
    const { country } = this.#init.options
    if (country !== undefined) return country
    return this.#addresses.hosts.map((host) => this.#ownCountryAt(host)).find((found) => found !== undefined)
  }

  /** Where an address of a node is: what the node says, else the registry. */
  countryOf({ host, country }: PeerAddress): string | undefined {
    return country ?? this.#countries.of(host)
  }

  /** Whether the registry is being asked where an address is. */
  isBeingLocated({ host, country }: PeerAddress): boolean {
    return country === undefined && this.#countries.isBeingAsked(host)
  }

  /** The server of a tunnel sees us at this address; undefined: the tunnel is down. */
  seen(tunnel: string, address: string | undefined): void {
    this.#later.get(tunnel)?.[Symbol.dispose]()
    this.#later.delete(tunnel)
    if (address !== undefined && !this.#isHeard(tunnel, address)) return
    const isNew =
      address === undefined ? this.#addresses.tunnelDown(tunnel) : this.#addresses.seen(tunnel, address)
    if (!isNew) return
    if (address !== undefined) this.#init.log.info({ underlay: address }, 'others see us at this address')
    this.#changed()
  }

  /** Each other address costs a line, a change of the cache, and perhaps a question to the registry. */
  #isHeard(tunnel: string, address: string): boolean {
    const { network, clock } = this.#init
    if (isInside(network, address)) return false
    const words = this.#words.of(tunnel)
    if (words.take(clock.monotonicMs())) return true
    const waitMs = words.waitMs(clock.monotonicMs())
    this.#later.set(
      tunnel,
      clock.after(waitMs, () => this.seen(tunnel, address)),
    )
    return false
  }

  /** What the gateway forwards to us now. */
  setForwarded(forwarded: ForwardedPorts | undefined): void {
    if (this.#addresses.setForwarded(forwarded)) this.#changed()
  }

  /** We have other servers. */
  serversChanged(): void {
    this.#changed()
  }

  /** The connection of this machine is another one. */
  networkChanged(): void {
    this.#countries.networkChanged()
    this.#lookSoon()
  }

  #lookSoon(): void {
    inBackground(this.#init.log, 'looking at our addresses', this.#look(), this.#init.signal)
  }

  async #look(): Promise<void> {
    const { options, isRegistryNode, network } = this.#init
    const { own, ofRegistry } = await assumedAddresses(options, isRegistryNode)
    // On a LAN of machines behind a node, this one has an address of the network from that node, too.
    const outside = own.filter((address) => !isInside(network, address))
    if (this.#addresses.assume(outside, ofRegistry)) this.#changed()
  }

  #changed(): void {
    this.#init.cache.ownAddresses = this.addresses
    if (this.#isCountryAsked()) this.#hearers.onCountries()
  }

  #located(): void {
    this.#init.cache.ownAddresses = this.addresses
    this.#hearers.onCountries()
  }

  #ownCountryAt(host: string): string | undefined {
    return this.#isCountryAsked() ? this.#countries.of(host) : this.#init.options.country
  }

  #isCountryAsked(): boolean {
    return this.#init.options.country === undefined && this.#init.config().sameCountry.length > 0
  }

  [Symbol.dispose](): void {
    this.#timer?.[Symbol.dispose]()
    for (const timer of this.#later.values()) timer[Symbol.dispose]()
    this.#later.clear()
  }
}
