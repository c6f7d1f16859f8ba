import type { Command } from '../src/core/options/command.ts'
import type { Request } from '../src/core/options/command-line.ts'
import { CONF_COMMAND } from '../src/core/options/conf-options.ts'
import { NODE_COMMAND } from '../src/core/options/node-options.ts'
import type { ReadFile } from '../src/core/options/option-files.ts'
import { COMMON_OPTIONS } from '../src/core/options/option-parser.ts'
import type { Option, OptionTable } from '../src/core/options/option-table.ts'
import { RE6ST_COMMAND, readRe6stCommandLine } from '../src/core/options/re6st-options.ts'
import { readRegistryCommandLine } from '../src/core/options/registry-commands.ts'
import { REGISTRY_COMMAND } from '../src/core/options/registry-options.ts'
import { type Result, refuse } from '../src/core/result.ts'

/** A command, and those that its first word may name. */
export interface DocumentedCommand {
  readonly command: Command
  /** By that word. */
  readonly subcommands: ReadonlyMap<string, Command>
}

/** All commands that are installed. */
export const COMMANDS: readonly DocumentedCommand[] = [
  { command: NODE_COMMAND, subcommands: new Map() },
  withSubcommands(REGISTRY_COMMAND, readRegistryCommandLine),
  { command: CONF_COMMAND, subcommands: new Map() },
  withSubcommands(RE6ST_COMMAND, readRe6stCommandLine),
]

/** All options of a command, those that every command has included. */
export const optionsOf = ({ options }: Command): readonly Option[] =>
  Object.values<Option>({ ...options, ...(COMMON_OPTIONS satisfies OptionTable) })

/**
 * The options of a command that are its own: not what every command has; and not those of the node, where another command
 * takes them as well, as its page says.
 */
export const ownOptions = ({ name, options }: Command): readonly Option[] =>
  Object.values(options).filter(
    (option) => name === NODE_COMMAND.name || !Object.values<Option>(NODE_COMMAND.options).includes(option),
  )

/** Each subcommand as `NAME --help` describes it. */
function withSubcommands(
  command: Command,
  read: (args: readonly string[], readFile: ReadFile) => Result<Request<unknown>>,
): DocumentedCommand {
  const names = Object.keys(command.subcommands ?? {})
  const subcommands = names.map((name) => {
    const request = read([name, '--help'], () => refuse('no such file'))
    if (!request.ok || request.value.kind !== 'help') throw new Error(`${command.name} ${name} has no --help`)
    return [name, request.value.command] as const
  })
  return { command, subcommands: new Map(subcommands) }
}
