import { ok, type Result, refuse } from '../result.ts'
import {
  type Command,
  optionValues,
  type ParsedWords,
  type Request,
  readCommandLine,
} from './command-line.ts'
import { controlSocketIn } from './node-options.ts'
import type { ReadFile } from './option-files.ts'
import { flag, optional, withDefault } from './option-table.ts'
import { nonEmpty } from './value-types.ts'

const since = '0.1.0'

/** The options of every subcommand that asks a running node. */
const NODE_QUERY_OPTIONS = {
  json: flag({ names: ['--json'], group: 'Output', help: 'print JSON', since }),
  runDirectory: withDefault(nonEmpty('DIR'), '/var/run/re6stnet', {
    names: ['-r', '--run'],
    group: 'Node',
    help: 'run directory of the node',
    since,
  }),
  console: optional(nonEmpty('SOCK'), {
    names: ['--console'],
    group: 'Node',
    help: 'control socket of the node',
    otherwise: 'default: control.sock in the run directory',
    since,
  }),
} as const

/** What can be asked, and what the answer is. */
const SUBCOMMANDS = {
  status: 'addresses, registry, certificate and tunnels at a glance',
  tunnels: 'each tunnel: peer, direction, protocol, since when, bytes, round-trip time, and why one failed',
  routes: 'each route: next hop and metric',
} as const

/** Name of a subcommand. */
export type Re6stSubcommand = keyof typeof SUBCOMMANDS

/** What `re6st` is to do. */
export interface Re6stOptions {
  readonly command: Re6stSubcommand
  /** Path of the node's control socket. */
  readonly controlSocket: string
  readonly json: boolean
}

/** The command `re6st` without a subcommand: has but its help. */
export const RE6ST_COMMAND: Command = {
  name: 're6st',
  description: 'Looks at a running node.',
  options: {},
  takesOptionFiles: false,
  subcommands: SUBCOMMANDS,
  epilogue: '"re6st COMMAND --help" tells the options of a command.',
}

/** The command `re6st status` and so on. */
const subcommand = (name: Re6stSubcommand): Command<typeof NODE_QUERY_OPTIONS> => ({
  name: `re6st ${name}`,
  description: `Prints ${SUBCOMMANDS[name]}.`,
  options: NODE_QUERY_OPTIONS,
  takesOptionFiles: false,
})

/** Reads the command line of `re6st`. */
export function readRe6stCommandLine(
  args: readonly string[],
  readFile: ReadFile,
): Result<Request<Re6stOptions>> {
  const [first = '', ...rest] = args
  const allowed = Object.keys(SUBCOMMANDS).join(', ')
  if (first.startsWith('-'))
    return readCommandLine<Re6stOptions>(
      RE6ST_COMMAND,
      () => refuse(`a command is missing; there are ${allowed}`),
      args,
      readFile,
    )
  const name = (Object.keys(SUBCOMMANDS) as Re6stSubcommand[]).find((one) => one === first)
  if (name === undefined)
    return refuse(
      `${first === '' ? 'a command is missing' : `${first}: no such command`}; there are ${allowed}`,
    )
  return readCommandLine(subcommand(name), (words) => optionsOf(name, words), rest, readFile)
}

function optionsOf(command: Re6stSubcommand, words: ParsedWords): Result<Re6stOptions> {
  const values = optionValues(subcommand(command), words)
  if (!values.ok) return values
  const { json, runDirectory, console } = values.value
  return ok({ command, json, controlSocket: console ?? controlSocketIn(runDirectory) })
}
