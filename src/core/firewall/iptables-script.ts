import { joinShellWords } from '../options/shell-words.ts'
import type { Family, Permission, RuleMatch } from './permission.ts'
import { commentLines, purposeLines, ruleComment } from './script-comment.ts'

const COMMANDS: Readonly<Record<Family, string>> = { ipv4: 'iptables', ipv6: 'ip6tables' }

/** The commands that add the rule of a permission: one for each IP version, and for each ICMPv6 type. */
export const iptablesCommands = ({ hook, match, purposes }: Permission): readonly string[] =>
  (match.family === undefined ? (['ipv4', 'ipv6'] as const) : [match.family]).flatMap((family) =>
    (match.icmpTypes ?? [undefined]).map((icmpType) =>
      [
        COMMANDS[family],
        ...['-A', hook.toUpperCase(), ...matchWords(match, icmpType)],
        ...['-m', 'comment', '--comment', joinShellWords([ruleComment(purposes)])],
        ...['-j', 'ACCEPT'],
      ].join(' '),
    ),
  )

/** A shell script that adds the rules to the chains of the machine's firewall. @param heading text for its reader */
export const iptablesScript = (permissions: readonly Permission[], heading: readonly string[]): string =>
  [
    '#!/bin/sh',
    ...heading.flatMap((text) => commentLines(text)),
    'set -e',
    ...permissions.flatMap((permission) => [
      '',
      ...purposeLines(permission.purposes),
      ...iptablesCommands(permission),
    ]),
    '',
  ].join('\n')

function matchWords(match: RuleMatch, icmpType: number | undefined): readonly string[] {
  const { iif, notIif, oif, notOif, saddr, daddr, states, protocol, dport } = match
  const iface = (name: string) => name.replace(/\*$/, '+')
  return [
    ...(iif === undefined ? [] : ['-i', iface(iif)]),
    ...(notIif === undefined ? [] : ['!', '-i', iface(notIif)]),
    ...(oif === undefined ? [] : ['-o', iface(oif)]),
    ...(notOif === undefined ? [] : ['!', '-o', iface(notOif)]),
    ...(saddr === undefined ? [] : ['-s', saddr]),
    ...(daddr === undefined ? [] : ['-d', daddr]),
    ...(states === undefined ? [] : ['-m', 'conntrack', '--ctstate', states.join(',').toUpperCase()]),
    ...(protocol === undefined ? [] : ['-p', protocol]),
    ...(dport === undefined ? [] : ['--dport', String(dport)]),
    ...(icmpType === undefined ? [] : ['--icmpv6-type', String(icmpType)]),
  ]
}
