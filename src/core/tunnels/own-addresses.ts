import { isIPv4, isIPv6 } from 'node:net'
import type { MappedPort } from '../port-mapping/mapping.ts'
import { addressKind, isPublic } from '../values/address-kind.ts'
import { isIpv6Protocol, type PeerAddress, type TunnelProtocol } from '../values/address-list.ts'

/** A server of ours. */
export interface Listener {
  readonly protocol: TunnelProtocol
  readonly port: number
}

/** What the gateway forwards to us, and from where. */
export interface ForwardedPorts {
  /** Undefined: the gateway does not know where it is seen. Others do. */
  readonly externalAddress: string | undefined
  readonly ports: readonly MappedPort[]
}

/** IP version of an address. */
type Family = 'IPv4' | 'IPv6'

/** Enough for a machine with two uplinks; behind some NATs every server sees another one. */
const MAX_SEEN = 2

/**
 * What we know of our own addresses: given by the user; by the gateway that forwards ports to us; or told by the servers
 * that we connect to, each for as long as its tunnel is up, so that an address that has changed is soon forgotten.
 * Different servers may see us at different addresses (two uplinks, a NAT with several): those that most of them see.
 */
export class OwnAddresses {
  readonly #given: readonly string[]
  readonly #onlyForwarded: boolean
  /** By tunnel, in the order in which they came up. */
  readonly #seen = new Map<string, string>()
  /** Where we were seen last, for families of which no tunnel is up. */
  #last: readonly string[] = []
  #assumed: readonly string[] = []
  #remembered: readonly string[] = []
  #forwarded: ForwardedPorts | undefined

  /**
   * @param given by `--ip`: a family that has one is not learnt
   * @param onlyForwarded over IPv4, others reach us by the gateway or not at all
   */
  constructor(given: readonly string[], onlyForwarded = false) {
    this.#given = given
    this.#onlyForwarded = onlyForwarded
  }

  /** What we advertised when we ran before: better than nothing. */
  remember(addresses: readonly string[]): void {
    this.#remembered = addresses
  }

  /**
   * Addresses of this machine that others can probably reach: they count as long as nobody has told better. One that was
   * among them and is no more is not ours any longer, whoever saw us there. Says whether what we know changes.
   * @param own those of its interfaces
   * @param shared those that everybody uses to reach it: also private ones, for all of the network may be behind one NAT
   */
  assume(own: readonly string[], shared: readonly string[] = []): boolean {
    const addresses = [...shared, ...own]
    return this.#changes(() => {
      const gone = new Set(this.#assumed.filter((address) => !addresses.includes(address)))
      this.#assumed = [...addresses.filter(isPublic), ...shared.filter(isOnLan)]
      this.#last = this.#last.filter((address) => !gone.has(address))
      for (const [tunnel, address] of this.#seen) if (gone.has(address)) this.#seen.delete(tunnel)
    })
  }

  /** The server of a tunnel told us at which address it sees us. Says whether what we know changes. */
  seen(tunnel: string, address: string): boolean {
    const family = familyOf(address)
    if (family === undefined || addressKind(address) === 'special') return false
    if (family === 'IPv6' && !isPublic(address)) return false
    return this.#changes(() => {
      this.#seen.delete(tunnel)
      this.#seen.set(tunnel, address)
    })
  }

  /** The tunnel is down: what its server saw counts no more, unless nobody else sees us. */
  tunnelDown(tunnel: string): boolean {
    const address = this.#seen.get(tunnel)
    if (address === undefined) return false
    return this.#changes(() => {
      this.#seen.delete(tunnel)
      const family = familyOf(address)
      if (![...this.#seen.values()].some((other) => familyOf(other) === family))
        this.#last = [...this.#last.filter((other) => familyOf(other) !== family), address]
    })
  }

  /** The gateway forwards our ports, or does not any more. Says whether what we know changes. */
  setForwarded(forwarded: ForwardedPorts | undefined): boolean {
    const before = JSON.stringify(this.#forwarded)
    this.#forwarded = forwarded
    return JSON.stringify(forwarded) !== before
  }

  /** Whether a gateway forwards ports to us, from an address that it knows to be on the Internet. */
  get isForwarded(): boolean {
    return this.#forwarded?.externalAddress !== undefined
  }

  /** All addresses that are known, without ports: also of a node that has no servers. */
  get hosts(): readonly string[] {
    const forwarded = this.#forwarded?.externalAddress === undefined ? [] : [this.#forwarded.externalAddress]
    return [...new Set([...this.#given, ...forwarded, ...this.#hosts('IPv4'), ...this.#hosts('IPv6')])]
  }

  /** What to advertise: for each server, in the order of the user's preference. */
  advertised(listeners: readonly Listener[], countryOf: (host: string) => string | undefined): PeerAddress[] {
    return listeners.flatMap(({ protocol, port }) => {
      const family = isIpv6Protocol(protocol) ? 'IPv6' : 'IPv4'
      const given = this.#given.filter((address) => familyOf(address) === family)
      const at = (host: string, reachedPort = port) => ({
        host,
        port: reachedPort,
        protocol,
        country: countryOf(host),
      })
      if (given.length > 0) return given.map((host) => at(host))
      if (family === 'IPv4' && this.#forwarded) {
        const mapped = this.#forwarded.ports.find(
          (one) => one.protocol === protocol && one.internalPort === port,
        )
        if (!mapped) return []
        const { externalAddress } = this.#forwarded
        const hosts = externalAddress === undefined ? this.#hosts(family) : [externalAddress]
        return hosts.map((host) => at(host, mapped.externalPort))
      }
      return family === 'IPv4' && this.#onlyForwarded ? [] : this.#hosts(family).map((host) => at(host))
    })
  }

  #hosts(family: Family): readonly string[] {
    const ofFamily = (addresses: Iterable<string>) =>
      [...addresses].filter((address) => familyOf(address) === family)
    const seen = ofFamily(this.#seen.values())
    // A server on our own network sees us at an address that means nothing elsewhere.
    const everywhere = seen.filter(isPublic)
    const now = mostFrequent(everywhere.length > 0 ? everywhere : seen)
    if (now.length > 0) return now.slice(0, MAX_SEEN)
    const [known = []] = [this.#last, this.#assumed, this.#remembered]
      .map(ofFamily)
      .filter(({ length }) => length > 0)
    return known.slice(0, 1)
  }

  #changes(change: () => void): boolean {
    const before = this.hosts.join()
    change()
    return this.hosts.join() !== before
  }
}

const familyOf = (address: string): Family | undefined =>
  isIPv4(address) ? 'IPv4' : isIPv6(address) ? 'IPv6' : undefined

/** Each once, those that are there most often first; among equals, the last. */
function mostFrequent(addresses: readonly string[]): readonly string[] {
  const counts = new Map<string, number>()
  for (const address of [...addresses].reverse()) counts.set(address, (counts.get(address) ?? 0) + 1)
  return [...counts].sort(([, one], [, other]) => other - one).map(([address]) => address)
}

/** Whether it is a private IPv4 address by which other machines may be able to reach one. */
const isOnLan = (address: string): boolean => isIPv4(address) && addressKind(address) === 'private'
