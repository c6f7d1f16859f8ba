/** How a tunnel can be reached: `tcp` and `udp` mean IPv4. */
export type TunnelProtocol = 'udp' | 'tcp' | 'udp6' | 'tcp6'

/** One way to reach a node's servers. */
export interface PeerAddress {
  /** IPv4 or IPv6 address, or host name. */
  readonly host: string
  readonly port: number
  readonly protocol: TunnelProtocol
  /** Country code of the address, if it is known. */
  readonly country: string | undefined
}
