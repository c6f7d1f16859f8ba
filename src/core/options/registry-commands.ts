import { ok, type Result, refuse } from '../result.ts'
import type { Command } from './command.ts'
import { type Request, readCommandLine } from './command-line.ts'
import type { ParsedWords } from './given-values.ts'
import type { ReadFile } from './option-files.ts'
import { nearestName } from './option-line.ts'
import { ADMIN_COMMAND, AUDIT_COMMAND, adminOptions, auditOptions } from './registry-admin-options.ts'
import { CA_COMMAND, caOptions } from './registry-ca-options.ts'
import {
  BACKUP_COMMAND,
  backupOptions,
  CHECK_COMMAND,
  checkOptions,
  IMPORT_COMMAND,
  importOptions,
  RESTORE_COMMAND,
  restoreOptions,
} from './registry-database-options.ts'
import { INIT_COMMAND, initOptions } from './registry-init-options.ts'
import {
  CONFIG_COMMAND,
  configOptions,
  INVITE_COMMAND,
  inviteOptions,
  KEYS_COMMAND,
  keysOptions,
  NODES_COMMAND,
  nodesOptions,
  REVOKE_COMMAND,
  revokeOptions,
  SHOW_COMMAND,
  showOptions,
} from './registry-operator-options.ts'
import { registryOptions } from './registry-option-checks.ts'
import { REGISTRY_COMMAND, type REGISTRY_SUBCOMMANDS } from './registry-options.ts'
import { STANDBY_COMMAND, standbyOptions } from './registry-standby-options.ts'
import { TOKEN_COMMAND, tokenOptions } from './registry-token-options.ts'

/** A subcommand: its options, and what checks them together. */
interface Subcommand<Name extends string, Options> {
  readonly command: Command
  readonly read: (words: ParsedWords) => Result<Named<Name, Options>>
}

/** Options, with the name of the command that they are of. */
interface Named<Name extends string, Options> {
  readonly command: Name
  readonly options: Options
}

const subcommand = <Name extends string, Options>(
  name: Name,
  command: Command,
  read: (words: ParsedWords) => Result<Options>,
): Subcommand<Name, Options> => ({ command, read: (words) => named(name, read(words)) })

/** All subcommands, by the first word. `src/registry/commands` has a file for each. */
const SUBCOMMANDS = {
  init: subcommand('init', INIT_COMMAND, initOptions),
  nodes: subcommand('nodes', NODES_COMMAND, nodesOptions),
  show: subcommand('show', SHOW_COMMAND, showOptions),
  invite: subcommand('invite', INVITE_COMMAND, inviteOptions),
  revoke: subcommand('revoke', REVOKE_COMMAND, revokeOptions),
  keys: subcommand('keys', KEYS_COMMAND, keysOptions),
  config: subcommand('config', CONFIG_COMMAND, configOptions),
  admin: subcommand('admin', ADMIN_COMMAND, adminOptions),
  token: subcommand('token', TOKEN_COMMAND, tokenOptions),
  audit: subcommand('audit', AUDIT_COMMAND, auditOptions),
  ca: subcommand('ca', CA_COMMAND, caOptions),
  backup: subcommand('backup', BACKUP_COMMAND, backupOptions),
  restore: subcommand('restore', RESTORE_COMMAND, restoreOptions),
  check: subcommand('check', CHECK_COMMAND, checkOptions),
  import: subcommand('import', IMPORT_COMMAND, importOptions),
  standby: subcommand('standby', STANDBY_COMMAND, standbyOptions),
} as const satisfies { [Name in keyof typeof REGISTRY_SUBCOMMANDS]: Subcommand<Name, unknown> }

type Subcommands = typeof SUBCOMMANDS

/** A subcommand with its options. */
export type RegistrySubcommand = {
  [Name in keyof Subcommands]: Subcommands[Name] extends Subcommand<Name, infer Options>
    ? Named<Name, Options>
    : never
}[keyof Subcommands]

/** What `re6st-registry` is to do: to run, or a subcommand. */
export type RegistryRun =
  | {
      readonly command: 'run'
      readonly options: ReturnType<typeof registryOptions> extends Result<infer Options> ? Options : never
    }
  | RegistrySubcommand

/** Reads the command line of `re6st-registry`. Options, or option files, alone: the registry is to run. */
export function readRegistryCommandLine(
  args: readonly string[],
  readFile: ReadFile,
): Result<Request<RegistryRun>> {
  const [first = '', ...rest] = args
  if (/^(|[-@].*)$/s.test(first))
    return readCommandLine<RegistryRun>(
      REGISTRY_COMMAND,
      (words) => named('run', registryOptions(words)),
      args,
      readFile,
    )
  const names = Object.keys(SUBCOMMANDS) as (keyof Subcommands)[]
  const name = names.find((one) => one === first)
  if (name !== undefined) {
    const { command, read } = SUBCOMMANDS[name]
    return readCommandLine<RegistryRun>(command, read, rest, readFile)
  }
  const near = nearestName(first, names)
  return refuse(
    `${first}: no such command${near === undefined ? '' : `, did you mean ${near}`}; there are ${names.join(', ')}; without one, the registry runs`,
  )
}

/** With the name of the command, whose type goes with that of the options. */
const named = <Name extends string, Options>(
  command: Name,
  options: Result<Options>,
): Result<Named<Name, Options>> => (options.ok ? ok({ command, options: options.value }) : options)
