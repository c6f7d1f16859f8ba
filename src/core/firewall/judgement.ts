import type { Packet, Permission, PurposeTopic } from './permission.ts'
import { PEER, STRANGER } from './permission.ts'
import type { MachineAddresses, Probe } from './probe.ts'
import { probesOf } from './probe.ts'
import type { Passage } from './probe-table.ts'

/** What the kernel did with all probes. */
export interface KernelAnswers {
  /** How often each came, and passed: by its mark, or `partners-in`, `clients-in` and `partners-out`. */
  readonly passages: ReadonlyMap<string, Passage>
  /** Chain and rule that dropped it, in nftables' own words. */
  readonly drops: ReadonlyMap<string, string>
  /** Why it could not even be sent. */
  readonly errors: ReadonlyMap<string, string>
  /** Whether the old iptables filters, too: the kernel does not trace that. */
  readonly hasLegacyRules: boolean
  /** Whether the interfaces, addresses and ways that a probe was made from are still there. */
  readonly holds: (probe: Probe) => boolean
}

/** What became of the packets of a permission. */
export interface Judgement {
  readonly permission: Permission
  /** `unused`: none of its packets can come here now, for want of a way to the Internet by this IP version. */
  readonly state: 'present' | 'missing' | 'unknown' | 'unused'
  /** What stands against it, or what could not be tried; each says for which packet, and which rule. */
  readonly details: readonly string[]
  /** What packets that were dropped have to do with; undefined: with nothing that has a name. */
  readonly topics: readonly (PurposeTopic | undefined)[]
}

/** Packets of nodes are dropped when they do not come by the way on which ours go there. */
export interface ReversePath {
  readonly iface: string
  /** The rule. */
  readonly by: string
}

/** All that the probes told. */
export interface Verdict {
  readonly judgements: readonly Judgement[]
  readonly reversePaths: readonly ReversePath[]
}

/** A permission, and what is tried for it. */
export interface Trial {
  readonly permission: Permission
  readonly probes: readonly Probe[]
  /** Why packets of it cannot be tried. */
  readonly obstacles: readonly string[]
}

/** Lines about one permission: more than this say nothing new. */
const MAX_DETAILS = 3
/** A rule that compares with the way back, in nftables and in iptables. */
const LOOKS_BACK = /\bfib (?:saddr|.*\bsaddr\b)|\brpfilter\b/
/** Marks are 16 bits (an identification of IPv4), and not zero. */
const LARGEST_MARK = 0xffff

/** A number for each probe, beginning somewhere. */
export function marksFrom(start: number): () => number {
  let last = start % LARGEST_MARK
  return () => {
    last = (last % LARGEST_MARK) + 1
    return last
  }
}

/** What is to be tried, on this machine as it is now. */
export const trialsOf = (
  permissions: readonly Permission[],
  machine: MachineAddresses,
  mark: () => number,
): readonly Trial[] =>
  permissions.map((permission) => {
    const tried = permission.packets
      .filter(({ state }) => state === undefined)
      .map((packet) => ({ packet, probes: probesOf(packet, machine, mark) }))
    return {
      permission,
      probes: tried.flatMap(({ probes }) => (probes.ok ? probes.value : [])),
      obstacles: tried.flatMap(({ packet, probes }) =>
        probes.ok ? [] : [`${packetText(packet)}: ${probes.reason}`],
      ),
    }
  })

/** Judges what came of it. */
export function judge(trials: readonly Trial[], answers: KernelAnswers): Verdict {
  const reversePaths = new Map<string, ReversePath>()
  const judgements = trials.map((trial) => judgementOf(trial, answers, reversePaths))
  return { judgements, reversePaths: [...reversePaths.values()] }
}

type Fate =
  | { readonly kind: 'passed' }
  | { readonly kind: 'dropped'; readonly by: string }
  | { readonly kind: 'unclear'; readonly why: string }

function judgementOf(
  { permission, probes, obstacles }: Trial,
  answers: KernelAnswers,
  reversePaths: Map<string, ReversePath>,
): Judgement {
  const fates = probes.map((probe) => ({ probe, fate: fateOfProbe(probe, answers) }))
  const hasPassed = (packet: Packet) =>
    fates.some(({ probe, fate }) => probe.packet === packet && !probe.isDetour && fate.kind === 'passed')
  const dropped: string[] = []
  const topics = new Set<PurposeTopic | undefined>()
  const unclear: string[] = []
  let passed = 0
  for (const { probe, fate } of fates) {
    const text = probeText(probe)
    if (fate.kind === 'passed') passed++
    else if (fate.kind === 'unclear') unclear.push(`${text}: ${fate.why}`)
    else if (LOOKS_BACK.test(fate.by) || (probe.isDetour && hasPassed(probe.packet)))
      reversePaths.set(fate.by, { iface: probe.iface, by: fate.by })
    else {
      dropped.push(`${text}: dropped by ${fate.by}`)
      topics.add(probe.packet.topic)
    }
  }
  if (permission.packets.some(({ state }) => state !== undefined)) {
    const fate = conversationFate(permission, answers)
    if (fate.kind === 'passed') passed++
    else if (fate.kind === 'dropped') dropped.push(`a packet of a connection: dropped by ${fate.by}`)
    else unclear.push(fate.why)
  }
  const state = (name: Judgement['state'], details: readonly string[]): Judgement => ({
    permission,
    state: name,
    details: [...new Set(details)].slice(0, MAX_DETAILS),
    topics: [...topics],
  })
  if (dropped.length > 0) return state('missing', [...dropped, ...unclear])
  if (permission.packets.length === 0) return state('unused', [])
  // Where some of its kind went through, what cannot be tried now is no reason for doubt.
  if (passed > 0) return state('present', [])
  return state('unknown', [...unclear, ...obstacles])
}

/** What became of a probe. */
function fateOfProbe(probe: Probe, answers: KernelAnswers): Fate {
  const fate = fateOf(String(probe.mark), answers)
  // The kernel has taken it for another kind of packet, which no rule needs to let through.
  return fate.kind === 'dropped' && !answers.holds(probe)
    ? { kind: 'unclear', why: 'a tunnel or an address came or went in these seconds' }
    : fate
}

/** What became of packets of this name. */
function fateOf(name: string, { passages, drops, errors, hasLegacyRules }: KernelAnswers): Fate {
  const { came, passed } = passages.get(name) ?? { came: 0, passed: 0 }
  if (passed > 0) return { kind: 'passed' }
  const by = drops.get(name)
  if (by !== undefined) return { kind: 'dropped', by }
  if (came === 0)
    return {
      kind: 'unclear',
      why: errors.get(name) ?? 'it did not get as far as the rules for IP (a table "netdev" or "bridge"?)',
    }
  if (hasLegacyRules)
    return { kind: 'dropped', by: 'a rule of the old iptables (which one, the kernel does not tell)' }
  return { kind: 'unclear', why: 'no rule drops it, and it does not arrive: routing, or rp_filter' }
}

/** What became of the packets of connections that are there. */
function conversationFate({ hook }: Permission, answers: KernelAnswers): Fate {
  const name = hook === 'input' ? 'partners-in' : 'partners-out'
  const passage = answers.passages.get(name)
  const hasPassed = hook === 'input' && (answers.passages.get('clients-in')?.passed ?? 0) > 0
  if ((passage === undefined || passage.came === 0) && hasPassed) return { kind: 'passed' }
  if (passage === undefined || passage.came === 0)
    return {
      kind: 'unclear',
      why:
        hook === 'input'
          ? 'no packet of a connection came from the registry or a neighbour in these seconds'
          : 'no packet of a connection went to the registry or a neighbour in these seconds',
    }
  // Some of them pass by another rule (TCP to anywhere, say): one that does not is enough.
  const by = passage.passed < passage.came ? answers.drops.get(name) : undefined
  return by === undefined ? fateOf(name, answers) : { kind: 'dropped', by }
}

const probeText = ({ packet, saddr, daddr }: Probe): string => packetText({ ...packet, saddr, daddr })

/** E.g. `TCP over IPv4, in by eth0, to port 1194`. */
function packetText({ family, protocol, iif, oif, saddr, daddr, dport, icmpType }: Packet): string {
  const isIcmp = protocol === 'icmp' || protocol === 'ipv6-icmp'
  const named = (word: string, address: string | undefined) =>
    address === undefined || address === STRANGER || address === PEER || address.includes('-')
      ? []
      : [`${word} ${address}`]
  return [
    isIcmp
      ? `${protocol === 'icmp' ? 'ICMP' : 'ICMPv6'} type ${icmpType}`
      : `${protocol.toUpperCase()} over ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`,
    ...(iif === undefined ? [] : [`in by ${iif}`]),
    ...(oif === undefined ? [] : [`out by ${oif}`]),
    ...named('from', saddr),
    ...named('to', daddr),
    ...(dport === undefined || isIcmp ? [] : [`to port ${dport}`]),
  ].join(', ')
}
