import { COMMON_OPTIONS, type Command } from '../src/core/options/command-line.ts'
import { CONF_COMMAND } from '../src/core/options/conf-options.ts'
import { NODE_COMMAND } from '../src/core/options/node-options.ts'
import type { Option, OptionTable } from '../src/core/options/option-table.ts'
import { RE6ST_COMMAND, readRe6stCommandLine } from '../src/core/options/re6st-options.ts'
import { REGISTRY_COMMAND } from '../src/core/options/registry-options.ts'
import { refuse } from '../src/core/result.ts'

/** A command, and those that its first word may name. */
export interface DocumentedCommand {
  readonly command: Command
  /** By that word. */
  readonly subcommands: ReadonlyMap<string, Command>
}

/** All commands that are installed. */
export const COMMANDS: readonly DocumentedCommand[] = [
  { command: NODE_COMMAND, subcommands: new Map() },
  { command: REGISTRY_COMMAND, subcommands: new Map() },
  { command: CONF_COMMAND, subcommands: new Map() },
  {
    command: RE6ST_COMMAND,
    subcommands: new Map(Object.keys(RE6ST_COMMAND.subcommands ?? {}).map((name) => [name, re6st(name)])),
  },
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

/** What `re6st NAME --help` describes. */
function re6st(name: string): Command {
  const request = readRe6stCommandLine([name, '--help'], () => refuse('no such file'))
  if (!request.ok || request.value.kind !== 'help') throw new Error(`re6st ${name} has no --help`)
  return request.value.command
}
