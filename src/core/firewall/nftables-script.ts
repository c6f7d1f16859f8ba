import { ICMPV6_TYPE_NAMES } from './icmp-types.ts'
import type { FilterHook, Permission, RuleMatch } from './permission.ts'
import { commentLines, purposeLines, ruleComment } from './script-comment.ts'

const HOOKS: readonly FilterHook[] = ['input', 'forward', 'output']

/** Where the rules go: the table and the chains of Debian's /etc/nftables.conf. */
const TABLE = 'inet filter'

/** The rule of a permission, as it is written in a chain of an `inet` table. */
export const nftablesRule = ({ match, purposes }: Permission): string =>
  [...matchWords(match), 'accept', `comment "${ruleComment(purposes)}"`].join(' ')

/**
 * A script for `nft -f`, that adds the rules to the chains of the machine's firewall.
 * @param heading lines of text for whoever reads it
 */
export const nftablesScript = (permissions: readonly Permission[], heading: readonly string[]): string =>
  [
    '#!/usr/sbin/nft -f',
    ...heading.flatMap((text) => commentLines(text)),
    '',
    `table ${TABLE} {`,
    ...HOOKS.flatMap((hook) => [
      `\tchain ${hook} {`,
      `\t\ttype filter hook ${hook} priority filter;`,
      ...permissions.filter((one) => one.hook === hook).flatMap(linesOf),
      '\t}',
    ]),
    '}',
    '',
  ].join('\n')

const linesOf = (permission: Permission): readonly string[] => [
  '',
  ...purposeLines(permission.purposes, '\t\t'),
  `\t\t${nftablesRule(permission)}`,
]

function matchWords(match: RuleMatch): readonly string[] {
  const { iif, notIif, oif, notOif, family, saddr, daddr, states, protocol, dport, icmpTypes } = match
  const ip = family === 'ipv4' ? 'ip' : 'ip6'
  // An address says the IP version already, and so does ICMPv6.
  const isImplied = saddr !== undefined || daddr !== undefined || protocol === 'ipv6-icmp'
  return [
    ...(iif === undefined ? [] : ['iifname', `"${iif}"`]),
    ...(notIif === undefined ? [] : ['iifname', '!=', `"${notIif}"`]),
    ...(oif === undefined ? [] : ['oifname', `"${oif}"`]),
    ...(notOif === undefined ? [] : ['oifname', '!=', `"${notOif}"`]),
    ...(family === undefined || isImplied ? [] : ['meta', 'nfproto', family]),
    ...(saddr === undefined ? [] : [ip, 'saddr', saddr]),
    ...(daddr === undefined ? [] : [ip, 'daddr', daddr]),
    ...(states === undefined ? [] : ['ct', 'state', states.join(',')]),
    ...protocolWords(protocol, dport, icmpTypes),
  ]
}

function protocolWords(
  protocol: RuleMatch['protocol'],
  dport: number | undefined,
  icmpTypes: readonly number[] | undefined,
): readonly string[] {
  if (protocol === undefined) return []
  if (dport !== undefined) return [protocol, 'dport', String(dport)]
  if (icmpTypes !== undefined)
    return ['icmpv6', 'type', '{', icmpTypes.map((type) => ICMPV6_TYPE_NAMES[type] ?? type).join(', '), '}']
  return ['meta', 'l4proto', protocol]
}
