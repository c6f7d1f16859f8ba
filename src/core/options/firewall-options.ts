import { ok, type Result } from '../result.ts'
import type { Request } from './command-line.ts'
import { optionValues } from './given-values.ts'
import {
  type NodeFileOptions,
  nodeFileCommand,
  readNodeFileCommandLine,
  SERVICE_DIRECTORY,
} from './node-file-command.ts'
import type { ReadFile } from './option-files.ts'
import { flag, optional } from './option-table.ts'
import { filePath } from './value-types.ts'

/** With it, a registry runs on this machine. */
export const REGISTRY_FILE = `${SERVICE_DIRECTORY}/re6st-registry.conf`

const OPTIONS = {
  check: flag({
    names: ['--check'],
    group: 'Output',
    help: 'try which packets pass the rules in the kernel, ask the neighbours, and name what is missing, with the rule that drops it; exit status 0: nothing, 1: something, 3: not all could be tried',
  }),
  iptables: flag({
    names: ['--iptables'],
    group: 'Output',
    help: 'write the rules as commands of iptables and ip6tables instead of nftables',
  }),
  json: flag({ names: ['--json'], group: 'Output', help: 'print JSON' }),
  registryFile: optional(filePath('FILE'), {
    names: ['--registry-conf'],
    group: 'Registry on this machine',
    help: 'option file of the registry on this machine',
    otherwise: `default: ${REGISTRY_FILE}, if it is there, else the registry that runs here`,
  }),
} as const

/** What `re6st firewall` is to do. */
export interface FirewallOptions extends NodeFileOptions {
  readonly command: 'firewall'
  readonly check: boolean
  readonly iptables: boolean
  readonly json: boolean
  /** Of the registry on this machine; undefined: the usual one, if it is there. */
  readonly registryFile: string | undefined
  /** The command as the user wrote it. */
  readonly commandLine: string
}

const FIREWALL_COMMAND = nodeFileCommand(
  're6st firewall',
  'Prints the rules that a firewall on this machine must have for a node with these options, and says why each is needed; or checks whether it has them. The node need not run. Takes the options of the node.',
  OPTIONS,
)

/** Reads what follows `re6st firewall`. */
export const readFirewallCommandLine = (
  args: readonly string[],
  readFile: ReadFile,
): Result<Request<FirewallOptions>> =>
  readNodeFileCommandLine(
    FIREWALL_COMMAND,
    (words) => {
      const values = optionValues(FIREWALL_COMMAND, words)
      if (!values.ok) return values
      const { check, iptables, json, registryFile } = values.value
      const commandLine = ['re6st firewall', ...args].join(' ')
      return ok({ command: 'firewall' as const, check, iptables, json, registryFile, commandLine })
    },
    args,
    readFile,
  )
