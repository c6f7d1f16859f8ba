import { reversePathFinding } from '../../core/doctor/filters.ts'
import { unfollowedArguments } from '../../core/firewall/extra-arguments.ts'
import { iptablesCommands } from '../../core/firewall/iptables-script.ts'
import type { Judgement, ReversePath, Verdict } from '../../core/firewall/judgement.ts'
import { nftablesRule } from '../../core/firewall/nftables-script.ts'
import type { FirewallOptions } from '../../core/options/firewall-options.ts'
import { networkCidr } from '../../core/values/prefix.ts'
import { printable } from '../../core/values/printable.ts'
import type { AskedNeighbours } from './neighbours.ts'
import type { FoundSurroundings } from './surroundings.ts'

/** What stands above the rules. */
export const headingOf = (
  { commandLine, iptables, node }: FirewallOptions,
  found: FoundSurroundings,
): readonly string[] => [
  `What a firewall must let through for the re6st node of this machine, and why. Written by: ${commandLine.replace(/\s+/g, ' ')}`,
  ...networkLines(found),
  ...unfollowedLines(unfollowedArguments(node)),
  'What your own services need, and the commands of --up and --daemon, is not in here.',
  '',
  ...(iptables
    ? [
        'It adds to the chains INPUT, FORWARD and OUTPUT: at their ends, so what is left is to be dropped by their policy, or by rules that come later. Run it once: each time adds the rules again.',
      ]
    : [
        'It adds to the chains of the table "inet filter", those of /etc/nftables.conf: at their ends, so what is left is to be dropped by their policy. Save it as a file and include it there, below the table; or load it once: nft -f FILE.',
      ]),
  '"re6st firewall --check" tells whether everything is let through.',
]

const unfollowedLines = (unfollowed: readonly string[]): readonly string[] =>
  unfollowed.length === 0
    ? []
    : [
        `NOT FOLLOWED: ${unfollowed.join(', ')}. ${unfollowed.length === 1 ? 'This extra argument' : 'These extra arguments'} may change the ports, protocols, addresses or interfaces that OpenVPN or babeld uses. The rules are those without: change them by hand, or use options of re6stnet instead (--pp, -i).`,
      ]

function networkLines({
  surroundings: { own, ipv4Range },
  isConfigurationKnown,
}: FoundSurroundings): string[] {
  if (own === undefined)
    return [
      'This machine is not enrolled yet (--ca, --cert): what passes inside the network is not in here. Run it again after re6st-conf.',
    ]
  const network = `The network is ${networkCidr(own.network)}`
  if (isConfigurationKnown)
    return [ipv4Range === undefined ? `${network}.` : `${network}, and ${ipv4Range} for IPv4.`]
  return [
    `${network}. Whether it carries IPv4, too, is not known before the node has run: run it again then.`,
  ]
}

/** What `re6st firewall --check` found. */
export interface CheckResult extends Verdict, AskedNeighbours {
  readonly iptables: boolean
  /** Extra arguments that the rules do not follow. */
  readonly unfollowed: readonly string[]
}

/** What `re6st firewall --check` prints. */
export function checkText(result: CheckResult, found: FoundSurroundings): string {
  const { judgements, reversePaths, findings, notAsked, iptables, unfollowed } = result
  const those = (wanted: Judgement['state']) => judgements.filter(({ state }) => state === wanted)
  const [missing, unknown, unused] = [those('missing'), those('unknown'), those('unused')]
  const rules = ({ permission }: Judgement) => [
    ...(iptables ? iptablesCommands(permission) : [`${permission.hook}: ${nftablesRule(permission)}`]).map(
      (rule) => `    rule: ${rule}`,
    ),
  ]
  const lines = (name: string) => (judgement: Judgement) => [
    ...judgement.permission.purposes.map(
      ({ title, why }) => `${name}  ${judgement.permission.hook}: ${title}: ${why}`,
    ),
    ...judgement.details.map((detail) => `    ${detail}`),
    ...rules(judgement),
  ]
  return [
    ...missing.flatMap(lines('MISSING')),
    ...reversePaths.map(reversePathText),
    ...findings.map(({ what, remedy }) => `NEIGHBOURS  ${printable(what)}\n    ${printable(remedy)}`),
    ...unknown.flatMap(lines('NOT TRIED')),
    ...unfollowedLines(unfollowed),
    ...notAsked.map((text) => `not asked: ${printable(text)}`),
    ...unused.flatMap(({ permission: { hook, purposes } }) =>
      purposes.map(({ title }) => `not needed now  ${hook}: ${title}: no such way to the Internet`),
    ),
    ...(found.surroundings.own === undefined ? networkLines(found) : []),
    `${judgements.length} permissions: ${those('present').length} present, ${missing.length} missing, ${unknown.length} could not be tried, ${unused.length} not needed now`,
    '',
  ].join('\n')
}

const reversePathText = (reversePath: ReversePath): string => {
  const { what, remedy } = reversePathFinding(reversePath)
  return `REVERSE PATH  ${what}\n    ${remedy}`
}
