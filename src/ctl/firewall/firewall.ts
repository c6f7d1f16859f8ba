import { unfollowedArguments } from '../../core/firewall/extra-arguments.ts'
import { iptablesCommands, iptablesScript } from '../../core/firewall/iptables-script.ts'
import { filtersAnything, type Judgement, judge } from '../../core/firewall/judgement.ts'
import { nftablesRule, nftablesScript } from '../../core/firewall/nftables-script.ts'
import type { Permission } from '../../core/firewall/permission.ts'
import { permissionsOf } from '../../core/firewall/permissions.ts'
import type { FirewallOptions } from '../../core/options/firewall-options.ts'
import { systemProcesses } from '../../platform/processes.ts'
import { checkText, headingOf } from './firewall-text.ts'
import { loadedRules } from './loaded-rules.ts'
import { findSurroundings } from './surroundings.ts'

const [ALL_PRESENT, SOMETHING_MISSING, NOT_CERTAIN] = [0, 1, 3]

/**
 * Runs `re6st firewall`: prints the rules that the node needs, or whether they are there.
 * @returns the exit status
 * @throws Re6stError when a file or the rules in the kernel cannot be read
 */
export async function runFirewall(options: FirewallOptions): Promise<number> {
  const found = await findSurroundings(options, systemProcesses)
  const permissions = permissionsOf(found.surroundings)
  const unfollowed = unfollowedArguments(options.node)
  if (!options.check) {
    const heading = headingOf(options, found)
    const script = options.iptables ? iptablesScript : nftablesScript
    print(
      options.json
        ? json({ unfollowed, permissions: permissions.map(permissionJson) })
        : script(permissions, heading),
    )
    return ALL_PRESENT
  }
  const { ruleset, unread } = await loadedRules(systemProcesses)
  const judgements = judge(permissions, ruleset)
  const isFiltered = filtersAnything(ruleset) || unread.length > 0
  print(
    options.json
      ? json({ filtered: isFiltered, unread, unfollowed, permissions: judgements.map(judgementJson) })
      : checkText({ judgements, isFiltered, unread, unfollowed, iptables: options.iptables }, found),
  )
  if (judgements.some(({ state }) => state === 'missing')) return SOMETHING_MISSING
  // Where nothing is filtered, nothing can be missing.
  const isUncertain = unread.length > 0 || (isFiltered && unfollowed.length > 0)
  return isUncertain || judgements.some(({ state }) => state === 'unknown') ? NOT_CERTAIN : ALL_PRESENT
}

const print = (text: string) => process.stdout.write(text)

const json = (value: unknown): string => `${JSON.stringify(value, undefined, 2)}\n`

const permissionJson = (permission: Permission) => ({
  chain: permission.hook,
  purposes: permission.purposes,
  nftables: nftablesRule(permission),
  iptables: iptablesCommands(permission),
})

const judgementJson = ({ permission, state, details }: Judgement) => ({
  ...permissionJson(permission),
  state,
  details,
})
