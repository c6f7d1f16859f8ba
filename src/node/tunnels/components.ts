import type { Random } from '../../core/random.ts'
import type { Prefix } from '../../core/values/prefix.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { BootstrapPeer } from '../../platform/registry-client.ts'
import type { Cache } from '../cache/cache.ts'
import type { RoutedNodes } from '../routed-nodes.ts'
import type { Router } from '../routing/router.ts'
import type { Transport } from '../transport/transport.ts'

/** A tunnel came up, ended, or could not be made. */
export interface TunnelEvent {
  readonly kind: 'tunnel-up' | 'tunnel-down' | 'tunnel-failed'
  /** Undefined: not known, or whoever answers. */
  readonly peer: Prefix | undefined
  readonly iface: string
  /** Address of the other end outside the network. */
  readonly underlay: string | undefined
  readonly reason: string | undefined
}

/** What tunnels need. */
export interface TunnelComponents {
  readonly transport: Pick<Transport, 'connect' | 'listen'>
  readonly router: Pick<
    Router,
    | 'addInterface'
    | 'removeInterface'
    | 'isNameFree'
    | 'isRunning'
    | 'drainsAtOnce'
    | 'setCost'
    | 'leaveInterface'
    | 'neighbourGone'
    | 'neighbours'
    | 'watch'
  >
  readonly nodes: Pick<
    RoutedNodes,
    | 'isReachable'
    | 'size'
    | 'isNeighbour'
    | 'sample'
    | 'countOver'
    | 'subnetOf'
    | 'sendsTo'
    | 'nodeAt'
    | 'hasNeighbourOn'
    | 'hasDoubtedOn'
    | 'neighbourChanges'
    | 'mayHaveNeighbourOn'
  >
  readonly cache: Pick<Cache, 'addressesOf' | 'peers' | 'store' | 'forget'>
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Asks a peer for its addresses; the answer comes by `addressesLearnt`. */
  readonly askAddresses: (prefix: Prefix) => void
  /** Asks the registry for a peer. */
  readonly getBootstrapPeer: (signal: AbortSignal) => Promise<BootstrapPeer | undefined>
  /**
   * We are cut off from the registry's node. Called at once and then with back-off, beside asking the registry for a peer:
   * for what else it may know that brings us back.
   */
  readonly onCutOff: () => void
  /** Says to a peer where we are in closing a tunnel with it. */
  readonly sendClosing: (prefix: Prefix, what: 'close-tunnel' | 'tunnel-drained') => void
  /** Tells a client of ours at which address we see it. */
  readonly sendSeen: (prefix: Prefix, address: string) => void
  /** The server of a tunnel told us at which address it sees us; undefined: the tunnel is down. */
  readonly onExternalAddress: (iface: string, address: string | undefined) => void
  /** Told of each tunnel that comes or goes. */
  readonly onTunnel: (event: TunnelEvent) => void
  /** Asks a neighbour on a link whether it is there. True also where that cannot be told. */
  readonly isNeighbourThere: (iface: string, address: string) => Promise<boolean>
}

/** What is fixed while the node runs. */
export interface TunnelLimits {
  readonly own: Prefix
  maxClients(): number
  helloIntervalMs(): number
  isRevoked(serial: bigint): boolean
}
