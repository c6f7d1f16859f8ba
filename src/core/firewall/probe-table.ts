import { isIPv6 } from 'node:net'
import { ok, type Result, refuse } from '../result.ts'
import { type Probe, STRANGERS } from './probe.ts'

/** Our own table: what is in it is for the moment of a check. */
export const PROBE_TABLE = 're6st_firewall_check'

/** Before whatever else looks at a packet; and after it, but before connection tracking keeps the packet in mind. */
const [FIRST, LAST] = [-2_147_483_648, 2_147_483_646]
/** Right after connection tracking has looked at a packet (NF_IP_PRI_CONNTRACK is -200). */
const TRACKED = -199

/**
 * What a rule for packets of connections lets through: the kernel says so. Others to and from a partner are not meant by
 * it: one after the end of a tunnel, or one of a tunnel that is older than connection tracking on this machine is.
 */
const OF_A_CONNECTION = 'ct state established'

/** Somebody with whom this machine has a connection, whose packets are watched but not touched. */
export interface Partner {
  readonly address: string
  readonly port: number
  readonly protocol: 'tcp' | 'udp'
  /** Who connects: to this one as a server, or this one to us. */
  readonly role: 'server' | 'client'
}

/** How often a packet came to the first rule of all, and to the last. */
export interface Passage {
  readonly came: number
  readonly passed: number
}

/**
 * A script for `nft -f`: each probe is counted and traced from where the rules begin, and counted and dropped where they
 * end: no program hears it, and it does not leave the machine.
 * @param isTracking whether rules ask connection tracking: if not, the check does not switch it on
 */
export function probeTableScript(
  probes: readonly Probe[],
  partners: readonly Partner[],
  isTracking: boolean,
): string {
  const chain = (name: string, hook: string, priority: number, rules: readonly string[]) => [
    `\tchain ${name} {`,
    `\t\ttype filter hook ${hook} priority ${priority}; policy accept;`,
    ...rules.map((rule) => `\t\t${rule}`),
    '\t}',
  ]
  const first = (hook: Probe['first']) =>
    probes
      .filter((probe) => probe.first === hook)
      .map((probe) => `${matchOf(probe)} counter meta nftrace set 1 comment "first ${probe.mark}"`)
  const last = (hook: Probe['last']) =>
    probes
      .filter((probe) => probe.last === hook)
      .map((probe) => `${matchOf(probe)} counter drop comment "last ${probe.mark}"`)
  const watched = (direction: 'in' | 'out', end: 'first' | 'last') =>
    partners.flatMap((partner) => {
      const match = `${partnerMatch(partner, direction)}${isTracking ? ` ${OF_A_CONNECTION}` : ''}`
      // What a client sends needs the rule for the port of the server: that it is dropped tells nothing of another one.
      if (direction === 'in' && partner.role === 'client')
        return [`${match} counter comment "${end} clients-in"`]
      return [
        ...(end === 'first' ? [`${match} limit rate 5/second meta nftrace set 1`] : []),
        `${match} counter comment "${end} partners-${direction}"`,
      ]
    })
  return [
    `table inet ${PROBE_TABLE} {`,
    ...chain('first_prerouting', 'prerouting', FIRST, first('prerouting')),
    ...chain('first_output', 'output', FIRST, first('output')),
    ...chain('tracked_prerouting', 'prerouting', TRACKED, watched('in', 'first')),
    ...chain('tracked_output', 'output', TRACKED, watched('out', 'first')),
    ...chain('last_input', 'input', LAST, [...last('input'), ...watched('in', 'last')]),
    ...chain('last_postrouting', 'postrouting', LAST, [
      ...last('postrouting'),
      // What a rule answers to a probe from there ("reject").
      `ip daddr ${STRANGERS.ipv4} drop`,
      `ip6 daddr ${STRANGERS.ipv6} drop`,
      ...watched('out', 'last'),
    ]),
    '}',
    '',
  ].join('\n')
}

/** What address translation and forwarding leave as it is. */
function matchOf({ mark, bytes, saddr, packet: { protocol } }: Probe): string {
  const length = isIPv6(saddr)
    ? `ip6 flowlabel ${mark} ip6 length ${bytes.length - 40}`
    : `ip id ${mark} ip length ${bytes.length}`
  return `${length} meta l4proto ${protocol}${protocol === 'tcp' ? ` tcp sequence ${mark}` : ''}`
}

function partnerMatch({ address, port, protocol }: Partner, direction: 'in' | 'out'): string {
  const [end, side] = direction === 'in' ? ['saddr', 'sport'] : ['daddr', 'dport']
  const match = `${isIPv6(address) ? 'ip6' : 'ip'} ${end} ${address} ${protocol} ${side} ${port}`
  return protocol === 'tcp' && direction === 'out' ? `${match} tcp flags & syn != syn` : match
}

/** Whether rules, as `nft list ruleset` prints them, use connection tracking. */
export const usesTracking = (ruleset: string): boolean =>
  /\bct (?:state|status|direction|mark|helper|original|reply|count)\b|\bconntrack\b|\b(?:masquerade|[sd]nat|redirect)\b/i.test(
    ruleset,
  )

/** Reads what `nft -j list table` prints of our table. */
export function readPassages(printed: string): Result<ReadonlyMap<string, Passage>> {
  const passages = new Map<string, { came: number; passed: number }>()
  try {
    const { nftables } = JSON.parse(printed) as {
      nftables: { rule?: { comment?: string; expr: { counter?: { packets: number } }[] } }[]
    }
    for (const { rule } of nftables) {
      const [, end, name = ''] = /^(first|last) (.*)$/.exec(rule?.comment ?? '') ?? []
      if (rule === undefined || end === undefined) continue
      const passage = passages.get(name) ?? { came: 0, passed: 0 }
      const packets = rule.expr.find(({ counter }) => counter)?.counter?.packets ?? 0
      passage[end === 'first' ? 'came' : 'passed'] += packets
      passages.set(name, passage)
    }
  } catch {
    return refuse('nft does not say what was counted')
  }
  return ok(passages)
}
