/** What a node announces of the IPv4 payload. */
export interface Ipv4Announcement {
  /** Its subnet in CIDR notation. */
  readonly subnet: string
  /** The source of packets of its own that have no other. */
  readonly address: string
}

/** What a node does with ways to the Internet that others offer, or itself. */
export type DefaultRoute =
  /** Takes them for packets from the network alone: another network, or a native connection, has its own. */
  | 'take-for-network'
  /** Takes them as they are announced: there is no other (`--default`). */
  | 'take-as-announced'
  /** Announces its own, for packets from the network (`--gateway`). */
  | 'announce'
