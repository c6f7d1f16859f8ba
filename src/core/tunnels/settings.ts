import type { PeerAddress, TunnelProtocol } from '../values/address-list.ts'
import type { Prefix } from '../values/prefix.ts'

/** What the operator and the network's configuration say. */
export interface TunnelSettings {
  /** How many client tunnels to make. */
  readonly clientCount: number
  /** How often the least useful one is replaced. */
  readonly refreshMs: number
  /** Peers to be connected to directly, whatever else. */
  readonly neighbours: ReadonlySet<Prefix>
  readonly disabledProtocols: ReadonlySet<TunnelProtocol>
  /** Whether tunnels over IPv6 can work: the kernel has source-specific routes. */
  readonly allowsIpv6: boolean
  /** Of routing: a tunnel that has no usable neighbour for four of them has failed. */
  readonly helloIntervalMs: number
  readonly registryPrefix: Prefix
  /** No tunnel between one of these countries and any other. */
  readonly sameCountry: readonly string[]
  /** Undefined: not known yet. Then there are no borders; what crosses one is closed when it is. */
  readonly ownCountry: string | undefined
  /** Where an address is, if that is known. */
  countryOf(address: PeerAddress): string | undefined
  /** Whether somebody who may know where an address is has been asked, and has not answered yet. */
  isBeingLocated(address: PeerAddress): boolean
  /** Whether a host is an address of the network itself: a tunnel to it would go through others. */
  isInside(host: string): boolean
}
