import { BlockList, isIPv4, isIPv6 } from 'node:net'
import type { MappedPort } from '../port-mapping/mapping.ts'
import { isIpv6Protocol, type PeerAddress, type TunnelProtocol } from '../values/address-list.ts'

/** A server of ours. */
export interface Listener {
  readonly protocol: TunnelProtocol
  readonly port: number
}

/** What the gateway forwards to us, and from where. */
export interface ForwardedPorts {
  readonly externalAddress: string
  readonly ports: readonly MappedPort[]
}

/**
 * What we know of our own addresses: given by the user, by the gateway that forwards ports to
 * us, or told by the servers that we connect to. Different servers
 * may see us at different addresses (two uplinks, a NAT with several); the one that most of the last ones saw counts.
 */
export class OwnAddresses {
  readonly #given: readonly string[]
  readonly #seen = new Map<'IPv4' | 'IPv6', string[]>()
  readonly #assumed: readonly string[]
  readonly #onlyForwarded: boolean
  #forwarded: ForwardedPorts | undefined

  /**
   * @param given by `--ip`: a family that has one is not learnt
   * @param assumed addresses of this machine that others can probably reach: as long as nobody has told better
   * @param onlyForwarded over IPv4, others reach us by the gateway or not at all
   */
  constructor(given: readonly string[], assumed: readonly string[] = [], onlyForwarded = false) {
    this.#given = given
    this.#onlyForwarded = onlyForwarded
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

  /** The gateway forwards our ports, or does not any more. Says whether what we advertise changes. */
  setForwarded(forwarded: ForwardedPorts | undefined): boolean {
    const before = JSON.stringify(this.#forwarded)
    this.#forwarded = forwarded
    return JSON.stringify(forwarded) !== before
  }

  /** Whether a gateway forwards ports to us. */
  get isForwarded(): boolean {
    return this.#forwarded !== undefined
  }

  /** What to advertise: for each server, in the order of the user's preference. */
  advertised(listeners: readonly Listener[], country: string | undefined): PeerAddress[] {
    return listeners.flatMap(({ protocol, port }) => {
      const family = isIpv6Protocol(protocol) ? 'IPv6' : 'IPv4'
      const given = this.#given.filter((address) => (isIPv6(address) ? 'IPv6' : 'IPv4') === family)
      const at = (host: string, reachedPort = port) => ({ host, port: reachedPort, protocol, country })
      if (given.length > 0) return given.map((host) => at(host))
      if (family === 'IPv4' && this.#forwarded) {
        const mapped = this.#forwarded.ports.find(
          (one) => one.protocol === protocol && one.internalPort === port,
        )
        return mapped ? [at(this.#forwarded.externalAddress, mapped.externalPort)] : []
      }
      const host = family === 'IPv4' && this.#onlyForwarded ? undefined : this.#host(family)
      return host === undefined ? [] : [at(host)]
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
