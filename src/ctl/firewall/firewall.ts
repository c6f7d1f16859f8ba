import { unfollowedArguments } from '../../core/firewall/extra-arguments.ts'
import { iptablesCommands, iptablesScript } from '../../core/firewall/iptables-script.ts'
import type { Judgement } from '../../core/firewall/judgement.ts'
import { nftablesRule, nftablesScript } from '../../core/firewall/nftables-script.ts'
import type { Permission } from '../../core/firewall/permission.ts'
import { permissionsOf } from '../../core/firewall/permissions.ts'
import { jsonText } from '../../core/json-text.ts'
import type { FirewallOptions } from '../../core/options/firewall-options.ts'
import { systemClock } from '../../platform/clock.ts'
import { systemProcesses } from '../../platform/processes.ts'
import { findNode } from '../doctor/node.ts'
import { askRegistry } from '../doctor/registry.ts'
import { type CheckResult, checkText, headingOf } from './firewall-text.ts'
import { checkKernel } from './kernel-check.ts'
import { type AskedNeighbours, askNeighbours } from './neighbours.ts'
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
        ? jsonText({ unfollowed, permissions: permissions.map(permissionJson) })
        : script(permissions, heading),
    )
    return ALL_PRESENT
  }
  const running = await findNode(options.node)
  let asked: AskedNeighbours = { findings: [], notAsked: [] }
  const meanwhile = async () => {
    const [neighbours] = await Promise.all([
      askNeighbours(options.node, running),
      askRegistry(options.node.registry),
    ])
    asked = neighbours
  }
  const verdict = await checkKernel(
    found.surroundings,
    running.kind === 'running' ? running.replies.tunnels : [],
    meanwhile,
    { processes: systemProcesses, clock: systemClock },
  )
  const result = { ...verdict, ...asked, unfollowed, iptables: options.iptables }
  print(options.json ? jsonText(checkJson(result)) : checkText(result, found))
  const { judgements, reversePaths } = verdict
  const has = (wanted: Judgement['state']) => judgements.some(({ state }) => state === wanted)
  if (has('missing') || reversePaths.length > 0 || asked.findings.length > 0) return SOMETHING_MISSING
  return has('unknown') || unfollowed.length > 0 ? NOT_CERTAIN : ALL_PRESENT
}

const print = (text: string) => process.stdout.write(text)

const permissionJson = (permission: Permission) => ({
  chain: permission.hook,
  purposes: permission.purposes,
  nftables: nftablesRule(permission),
  iptables: iptablesCommands(permission),
})

const checkJson = ({ judgements, reversePaths, findings, notAsked, unfollowed }: CheckResult) => ({
  permissions: judgements.map(judgementJson),
  reversePaths,
  neighbours: findings,
  notAsked,
  unfollowed,
})

const judgementJson = ({ permission, state, details }: Judgement) => ({
  ...permissionJson(permission),
  state,
  details,
})
