import type { TunnelTarget } from '../../core/tunnels/decisions.ts'
import type { TunnelProtocol } from '../../core/values/address-list.ts'
import type { ClientTunnel, TunnelPeer, UnderlayAddress } from '../transport/transport.ts'
import type { TunnelInfo } from './tunnel-info.ts'
import { prefixOf } from './tunnel-target.ts'

/** A tunnel that we have made, or are making. */
export interface OwnTunnel {
  readonly iface: string
  readonly target: TunnelTarget
  readonly tunnel: ClientTunnel
  /** Aborted when it is down. */
  readonly down: AbortController
  state: 'connecting' | 'up'
  /** Why we end it, if we do, and whether that is its failure. */
  end: { readonly reason: string; readonly isFailure: boolean } | undefined
  /** Its peer is being asked whether it is there, or was when something happened that may have ended the tunnel since. */
  check: 'none' | 'asked' | 'to be asked again'
  /** Whom routing has heard over it, also if it has forgotten them since, as somebody who does not answer. */
  lastNeighbour: string | undefined
  sinceMs: number
  peer: TunnelPeer | undefined
  remote: (UnderlayAddress & { readonly protocol: TunnelProtocol }) | undefined
}

/** The tunnel as the user sees it. */
export const infoOf = ({ iface, target, tunnel, state, sinceMs, peer, remote }: OwnTunnel): TunnelInfo => ({
  direction: 'client',
  state,
  iface,
  prefix: peer?.prefix ?? prefixOf(target),
  serial: peer?.serial,
  protocol: remote?.protocol,
  underlay: remote,
  sinceMs,
  receivedBytes: tunnel.traffic.receivedBytes,
  sentBytes: tunnel.traffic.sentBytes,
  reason: undefined,
})
