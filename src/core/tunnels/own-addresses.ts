import { isIPv4, isIPv6 } from 'node:net'
import { isIpv6Protocol, type PeerAddress, type TunnelProtocol } from '../values/address-list.ts'

/** A server of ours. */
export interface Listener {
  readonly protocol: TunnelProtocol
  readonly port: number
}

/**
 * What we know of our own addresses: given by the user, or told by the servers that we connect to. Different servers
 * may see us at different addresses (two uplinks, a NAT with several); the one that most of the last ones saw counts.
 */
export class OwnAddresses {
  readonly #given: readonly string[]
  readonly #seen = new Map<'IPv4' | 'IPv6', string[]>()

  /** @param given by `--ip`: a family that has one is not learnt */
  constructor(given: readonly string[]) {
    this.#given = given
  }

  /** A server told us at which address it sees us. Says whether what we advertise changes. */
  learn(address: string): boolean {
    const family = isIPv4(address) ? 'IPv4' : isIPv6(address) && isGlobalIpv6(address) ? 'IPv6' : undefined
    if (family === undefined) return false
    const before = this.#host(family)
    this.#seen.set(family, [...(this.#seen.get(family) ?? []).slice(1 - MEMORY), address])
    return this.#host(family) !== before
  }

  /** What to advertise: for each server, in the order of the user's preference. */
  advertised(listeners: readonly Listener[], country: string | undefined): PeerAddress[] {
    return listeners.flatMap(({ protocol, port }) => {
      const family = isIpv6Protocol(protocol) ? 'IPv6' : 'IPv4'
      const given = this.#given.filter((address) => (isIPv6(address) ? 'IPv6' : 'IPv4') === family)
      const hosts = given.length > 0 ? given : [this.#host(family)].filter((host) => host !== undefined)
      return hosts.map((host) => ({ host, port, protocol, country }))
    })
  }

  /** The address that most of the last servers saw; among equals, the last. */
  #host(family: 'IPv4' | 'IPv6'): string | undefined {
    const seen = this.#seen.get(family) ?? []
    const count = (address: string) => seen.filter((other) => other === address).length
    return seen.reduceRight<string | undefined>(
      (best, address) => (best === undefined || count(address) > count(best) ? address : best),
      undefined,
    )
  }
}

/** How many servers' words are remembered, per family. */
const MEMORY = 5

/** Link-local addresses and loopback are of no use to others. */
const isGlobalIpv6 = (address: string): boolean => !/^(fe[89ab]|::1$)/i.test(address)
