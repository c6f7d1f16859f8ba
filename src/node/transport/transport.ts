import type { PeerAddress, TunnelProtocol } from '../../core/values/address-list.ts'
import type { Prefix } from '../../core/values/prefix.ts'

/** Who is at the other end of a tunnel, as its certificate says. */
export interface TunnelPeer {
  readonly prefix: Prefix
  /** Serial number of its certificate: what the CRL names. */
  readonly serial: bigint
}

/** The answer to a peer that wants to connect, or whose keys are renegotiated. */
export type Admission = { readonly admit: true } | { readonly admit: false; readonly reason: string }

/** What a server is started with. */
export interface ServerSpec {
  /** Interface name, e.g. `re6stnet-tcp`. */
  readonly iface: string
  readonly protocol: 'udp' | 'tcp' | 'udp6' | 'tcp6'
  readonly port: number
  /** Asked for each new client and at each renegotiation (so a revoked certificate does not outlive one). */
  readonly admit: (peer: TunnelPeer, underlay: UnderlayAddress) => Admission
  readonly onEvent: (event: ServerEvent) => void
}

/** Where a packet of the underlay comes from. */
export interface UnderlayAddress {
  readonly address: string
  readonly port: number
}

/** What a server reports. */
export type ServerEvent =
  /** It accepts clients; also after it had to be restarted. */
  | { readonly kind: 'listening' }
  | {
      readonly kind: 'client-up'
      readonly client: number
      readonly peer: TunnelPeer
      readonly underlay: UnderlayAddress
    }
  /** Its packets come from another address now; its tunnel goes on. */
  | {
      readonly kind: 'client-moved'
      readonly client: number
      readonly peer: TunnelPeer
      readonly underlay: UnderlayAddress
    }
  | {
      readonly kind: 'client-down'
      readonly client: number
      readonly peer: TunnelPeer
      readonly reason: string
    }
  /** It ended and is being restarted; all its clients are gone (each was reported as down). */
  | { readonly kind: 'failed'; readonly reason: string }

/** A running server: one interface, many clients. */
export interface TunnelServer {
  /** Ends one client's tunnel. */
  dropClient(client: number, reason: string): void
  /** Bytes from and to each client, by client number. */
  readonly traffic: ReadonlyMap<number, Traffic>
  /** One that ended, and waits to be started again, waits no longer: what it ended for may be over. */
  retryNow(): void
  stop(): Promise<void>
}

/** What a client tunnel is started with. */
export interface ClientSpec {
  readonly iface: string
  /** Whom to reach: its certificate must name this prefix. Undefined: anyone of this network (`--client`). */
  readonly prefix: Prefix | undefined
  /** Tried in this order, in turns, three attempts each. */
  readonly remotes: readonly PeerAddress[]
  readonly onEvent: (event: ClientEvent) => void
}

/** What a client tunnel reports. `down` always comes, also after `stop()`, and then nothing: a new attempt is a new tunnel. */
export type ClientEvent =
  | { readonly kind: 'trying'; readonly remote: UnderlayAddress }
  | {
      readonly kind: 'up'
      readonly peer: TunnelPeer
      readonly remote: UnderlayAddress & { readonly protocol: TunnelProtocol }
      /** Our own address as the server sees it. */
      readonly externalAddress: string | undefined
    }
  /**
   * Up, but nothing has come from the peer for longer than a peer that is there would be silent, or its machine says that
   * nobody is there. Said again and again.
   */
  | { readonly kind: 'silent' }
  /** It was up, and carries nothing any more; `down` follows when its interface is gone. */
  | { readonly kind: 'ending' }
  | { readonly kind: 'down'; readonly reason: string }

/** A client tunnel: one interface, one peer. */
export interface ClientTunnel {
  readonly traffic: Traffic
  stop(): Promise<void>
}

/** Bytes on the underlay so far, the transport's own overhead included. Brought up to date every few seconds. */
export interface Traffic {
  readonly receivedBytes: number
  readonly sentBytes: number
}

/** Settings of the network that new tunnels use; those that run keep theirs. */
export interface TransportSettings {
  readonly encrypt: boolean
  /** A peer that is silent for four times this is gone. */
  readonly helloIntervalMs: number
  /** Path of the DH parameters for old clients, if there are any. */
  readonly dhFile: string | undefined
}

/** Makes tunnels. OpenVPN is one transport; others may stand beside it. */
export interface Transport {
  /** Resolves when the server listens. @throws Re6stError `DAEMON` or `SYSTEM` (port in use) when it cannot */
  listen(spec: ServerSpec, signal: AbortSignal): Promise<TunnelServer>
  /** Begins to connect; all that follows is reported by `spec.onEvent`. */
  connect(spec: ClientSpec): ClientTunnel
  /** For servers and tunnels made from now on. */
  configure(settings: TransportSettings): void
  /** Ends every server and tunnel and removes what they left. */
  stop(): Promise<void>
}
