import { BlockList, isIPv4, isIPv6 } from 'node:net'
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
  readonly #assumed: readonly string[]

  /**
   * @param given by `--ip`: a family that has one is not learnt
   * @param assumed addresses of this machine that others can probably reach: as long as nobody has told better
   */
  constructor(given: readonly string[], assumed: readonly string[] = []) {
    this.#given = given
    this.#assumed = assumed.filter((address) => !isPrivate(address))
  }

  /** A server told us at which address it sees us. Says whether what we advertise changes. */
  learn(address: string): boolean {
    const family = isIPv4(address) ? 'IPv4' : isIPv6(address) && !isPrivate(address) ? 'IPv6' : undefined
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
    const assumed = this.#assumed.find((address) => isIPv4(address) === (family === 'IPv4'))
    return (
      seen.reduceRight<string | undefined>(
        (best, address) => (best === undefined || count(address) > count(best) ? address : best),
        undefined,
      ) ?? assumed
    )
  }
}

/** How many servers' words are remembered, per family. */
const MEMORY = 5

const PRIVATE = new BlockList()
for (const [network, length] of [
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.168.0.0', 16],
] as const)
  PRIVATE.addSubnet(network, length, 'ipv4')
for (const [network, length] of [
  ['::1', 128],
  ['fc00::', 7],
  ['fe80::', 10],
] as const)
  PRIVATE.addSubnet(network, length, 'ipv6')

/** Whether an address means something only on its own network (RFC 1918, 4193, 6598), or is none. */
export const isPrivate = (address: string): boolean =>
  isIPv4(address) ? PRIVATE.check(address, 'ipv4') : !isIPv6(address) || PRIVATE.check(address, 'ipv6')
