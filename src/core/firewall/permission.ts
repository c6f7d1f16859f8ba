import { isIP } from 'node:net'

/** IP version. */
export type Family = 'ipv4' | 'ipv6'

/** Transport protocol, by the names that netfilter gives them. */
export type PacketProtocol = 'tcp' | 'udp' | 'icmp' | 'ipv6-icmp'

/** What connection tracking thinks of a packet. Neighbour discovery is never tracked. */
export type PacketState = 'new' | 'established' | 'related' | 'untracked'

/** Where a packet is filtered: on its way to this machine, from it, or through it. */
export type FilterHook = 'input' | 'output' | 'forward'

/** An address of an ordinary host of the Internet, one that no rule names. */
export const STRANGER = 'stranger'

/** A packet that must pass: a representative of its kind. What is undefined is not known, and can be anything. */
export interface Packet {
  readonly hook: FilterHook
  readonly family: Family
  readonly protocol: PacketProtocol
  readonly state: PacketState
  readonly iif?: string | undefined
  readonly oif?: string | undefined
  /** An address, or `STRANGER`. */
  readonly saddr?: string | undefined
  readonly daddr?: string | undefined
  readonly sport?: number
  readonly dport?: number
  readonly icmpType?: number
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

/** What a rule is for. */
export interface Purpose {
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
  { title, why }: Purpose,
  packets: readonly Partial<Packet>[],
): Need => ({
  hook,
  match,
  title,
  why,
  packets: packets.map((packet) => ({
    family: match.family ?? 'ipv6',
    protocol: match.protocol ?? 'tcp',
    state: 'new',
    ...(match.dport === undefined ? {} : { dport: match.dport }),
    ...packet,
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
        .map(({ title, why }) => ({ title, why })),
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
