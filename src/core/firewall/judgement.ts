import { fateOf } from './fate.ts'
import { type Packet, type Permission, STRANGER } from './permission.ts'
import type { Ruleset } from './ruleset.ts'

/** What the loaded rules make of a permission. */
export interface Judgement {
  readonly permission: Permission
  /** `unused`: none of its packets can come here now, for want of a way to the Internet by this IP version. */
  readonly state: 'present' | 'missing' | 'unknown' | 'unused'
  /** What stands against it, or what cannot be judged; each says for which packet, and which rule. */
  readonly details: readonly string[]
}

/** Lines about one permission: more than this say nothing new. */
const MAX_DETAILS = 3

/** Whether what a node needs is let through. */
export const judge = (permissions: readonly Permission[], ruleset: Ruleset): readonly Judgement[] =>
  permissions.map((permission) => judgementOf(permission, ruleset))

function judgementOf(permission: Permission, ruleset: Ruleset): Judgement {
  const fates = permission.packets.map((packet) => ({ packet, fate: fateOf(ruleset, packet) }))
  const dropped = fates.flatMap(({ packet, fate }) =>
    fate.kind === 'dropped' ? [`${packetText(packet)}: dropped by ${fate.by}`] : [],
  )
  const unknown = fates.flatMap(({ packet, fate }) =>
    fate.kind === 'unknown' ? [`${packetText(packet)}: depends on ${fate.because.join('; ')}`] : [],
  )
  const details = [...new Set([...dropped, ...unknown])].slice(0, MAX_DETAILS)
  if (dropped.length > 0) return { permission, state: 'missing', details }
  if (unknown.length > 0) return { permission, state: 'unknown', details }
  return { permission, state: fates.length === 0 ? 'unused' : 'present', details }
}

/** Whether any rule is called at all. */
export const filtersAnything = (ruleset: Ruleset): boolean =>
  ruleset.some(({ chains }) =>
    [...chains.values()].some(
      ({ base, rules }) => base !== undefined && (rules.length > 0 || base.policy === 'drop'),
    ),
  )

/** E.g. `TCP over IPv4, from eth0, to port 1194`. */
function packetText(packet: Packet): string {
  const { family, protocol, state, iif, oif, saddr, daddr, dport, icmpType } = packet
  const isIcmp = protocol === 'icmp' || protocol === 'ipv6-icmp'
  return [
    isIcmp
      ? `${protocol === 'icmp' ? 'ICMP' : 'ICMPv6'} type ${icmpType}`
      : `${protocol.toUpperCase()} over ${family === 'ipv4' ? 'IPv4' : 'IPv6'}`,
    ...(state === 'new' || state === 'untracked' ? [] : [state]),
    ...(iif === undefined ? [] : [`in by ${iif}`]),
    ...(oif === undefined ? [] : [`out by ${oif}`]),
    ...(saddr === undefined || saddr === STRANGER ? [] : [`from ${saddr}`]),
    ...(daddr === undefined || daddr === STRANGER ? [] : [`to ${daddr}`]),
    ...(dport === undefined || isIcmp || state !== 'new' ? [] : [`to port ${dport}`]),
  ].join(', ')
}
