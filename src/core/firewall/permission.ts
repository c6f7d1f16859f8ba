import { isIP } from 'node:net'

/** IP version. */
export type Family = 'ipv4' | 'ipv6'

/** Transport protocol, by the names that netfilter gives them. */
export type PacketProtocol = 'tcp' | 'udp' | 'icmp' | 'ipv6-icmp'

/** What connection tracking thinks of a packet. */
export type PacketState = 'established' | 'related'

/** Where a packet is filtered: on its way to this machine, from it, or through it. */
export type FilterHook = 'input' | 'output' | 'forward'

/** In place of an address: an ordinary host of the Internet, one that no rule names. */
export const STRANGER = 'stranger'
/** In place of an address: this node in the network, and another node there, by the IP version of the packet. */
export const [SELF, PEER] = ['self', 'peer']
/** In place of a link-local address: this node's own, and that of a neighbour. */
export const [OWN_LINK_LOCAL, NEIGHBOUR] = ['own-link-local', 'neighbour']

/** A packet that must pass: a representative of its kind. */
export interface Packet {
  readonly hook: FilterHook
  readonly family: Family
  readonly protocol: PacketProtocol
  /** Of a connection that is there already; undefined: it is the first one. */
  readonly state?: PacketState
  readonly iif?: string | undefined
  readonly oif?: string | undefined
  /** An address, or what stands for one. Undefined: any that this machine has there. */
  readonly saddr?: string | undefined
  readonly daddr?: string | undefined
  readonly sport?: number
  readonly dport?: number
  readonly icmpType?: number
  /** Of the purpose that it has, where a permission has several. */
  readonly topic?: PurposeTopic
}

/** What a rule matches. A `*` at the end of an interface's name stands for any ending. */
export interface RuleMatch {
  readonly iif?: string
  readonly notIif?: string
  readonly oif?: string
  readonly notOif?: string
  readonly family?: Family
  /** An address, or a prefix in CIDR notation. */
  readonly saddr?: string
  readonly daddr?: string
  readonly states?: readonly PacketState[]
  readonly protocol?: PacketProtocol
  readonly dport?: number
  readonly icmpTypes?: readonly number[]
}

/** What of the node a rule concerns, where a node can be ill of just that. */
export type PurposeTopic = 'servers' | 'babel' | 'neighbour-pings' | 'node-port' | 'network-pings'

/** What a rule is for. */
export interface Purpose {
  /** What it is a part of. */
  readonly topic?: PurposeTopic
  /** A few words: the comment of the rule in the kernel (nftables: at most 128 bytes). */
  readonly title: string
  /** Why this node needs it: a sentence without a full stop. */
  readonly why: string
}

/** Something that a firewall must let through, with the rule that does it. */
export interface Permission {
  readonly hook: FilterHook
  readonly match: RuleMatch
  /** At least one; more where one rule serves several ends. */
  readonly purposes: readonly Purpose[]
  /** All of them must pass. */
  readonly packets: readonly Packet[]
}

/** A permission with one purpose, before those that another covers are taken into that one. */
export interface Need extends Purpose, Pick<Permission, 'hook' | 'match' | 'packets'> {}

/** A need. What its packets do not say follows from the match; the rest is a new TCP connection over IPv6. */
export const needOf = (
  hook: FilterHook,
  match: RuleMatch,
  { topic, title, why }: Purpose,
  packets: readonly Partial<Packet>[],
): Need => ({
  hook,
  match,
  ...(topic === undefined ? {} : { topic }),
  title,
  why,
  packets: packets.map((packet) => ({
    family: match.family ?? 'ipv6',
    protocol: match.protocol ?? 'tcp',
    ...(match.dport === undefined ? {} : { dport: match.dport }),
    ...packet,
    ...(topic === undefined ? {} : { topic }),
    hook,
  })),
})

/** One rule for each of these needs, but none for what another, wider one lets through anyway. */
export function permissionsOfNeeds(needs: readonly Need[]): readonly Permission[] {
  const widest = needs.filter(
    (need, at) =>
      !needs.some(
        (other, otherAt) => other !== need && covers(other, need) && (!covers(need, other) || otherAt < at),
      ),
  )
  return widest.map(({ hook, match }) => {
    const served = needs.filter((need) => covers({ hook, match }, need))
    return {
      hook,
      match,
      purposes: served
        .filter(({ title }, at) => served.findIndex((one) => one.title === title) === at)
        .map(({ topic, title, why }) => ({ ...(topic === undefined ? {} : { topic }), title, why })),
      packets: served.flatMap(({ packets }) => packets),
    }
  })
}

/** Whether everything that `narrower` matches is matched by `wider`, too: it says the same, and perhaps more. */
const covers = (wider: Pick<Need, 'hook' | 'match'>, narrower: Pick<Need, 'hook' | 'match'>): boolean =>
  wider.hook === narrower.hook &&
  Object.entries(wider.match).every(
    ([field, value]) => JSON.stringify(narrower.match[field as keyof RuleMatch]) === JSON.stringify(value),
  )

/** The IP version of an address. */
export const familyOf = (address: string): Family => (isIP(address) === 4 ? 'ipv4' : 'ipv6')
