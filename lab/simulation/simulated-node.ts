import type { Random } from '../../src/core/random.ts'
import { TunnelPolicy } from '../../src/core/tunnels/policy.ts'
import type { TunnelSettings } from '../../src/core/tunnels/settings.ts'
import type { PeerAddress } from '../../src/core/values/address-list.ts'
import type { Prefix } from '../../src/core/values/prefix.ts'

/** A node: its policy is the one of the daemon; everything else is pretended. */
export class SimulatedNode {
  readonly prefix: Prefix
  readonly index: number
  /** Whether others can connect to it from outside. */
  readonly isReachable: boolean
  readonly policy: TunnelPolicy
  /** What it says of itself: behind a NAT, an address at which it cannot be reached from outside. */
  readonly addresses: readonly PeerAddress[]
  isAlive = true
  /** Peers that this node has made a tunnel to. */
  readonly tunnels = new Set<SimulatedNode>()
  readonly clients = new Set<SimulatedNode>()
  /** Peers that it is trying to reach. */
  readonly connecting = new Set<SimulatedNode>()
  /** Peers whose addresses it has in its cache. */
  readonly known = new Set<Prefix>()
  /** When it decides next. */
  wakeMs = Number.POSITIVE_INFINITY
  /** When it is looked at next: then, or sooner. */
  lookMs = Number.POSITIVE_INFINITY
  /** Looks at it, if it is time: made once, not for each time. */
  readonly look: () => void

  constructor(
    index: number,
    prefix: Prefix,
    isReachable: boolean,
    settings: TunnelSettings,
    random: Random,
    look: () => void,
  ) {
    this.look = look
    this.index = index
    this.prefix = prefix
    this.isReachable = isReachable
    this.addresses = [
      { host: `2001:db8::${index.toString(16)}`, port: 1194, protocol: 'tcp', country: undefined },
    ]
    this.policy = new TunnelPolicy(prefix, settings, random, 0)
  }

  get neighbours(): SimulatedNode[] {
    return [...this.tunnels, ...this.clients]
  }
}

/** The node that has a prefix: its bits are its index. A map of a hundred thousand would be read all over. */
export const nodeOf = (nodes: readonly SimulatedNode[], prefix: Prefix): SimulatedNode | undefined =>
  nodes[Number.parseInt(prefix, 2)]
