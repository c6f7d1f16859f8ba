import { ok, type Result, refuse } from '../result.ts'
import { readNodeName } from '../routes/named-node.ts'
import type { Command, Operand } from './command.ts'
import { type Request, readCommandLine } from './command-line.ts'
import { type ConfOptions, confOptions, JOIN_COMMAND } from './conf-options.ts'
import { type FirewallOptions, readFirewallCommandLine } from './firewall-options.ts'
import { optionValues, type ParsedWords } from './given-values.ts'
import {
  NODE_FILE,
  type NodeFileOptions,
  nodeFileCommand,
  readAsService,
  readNodeFileCommandLine,
  SERVICE_DIRECTORY,
} from './node-file-command.ts'
import { controlSocketIn, DEFAULT_RUN_DIRECTORY, NODE_COMMAND, nodeOptions } from './node-options.ts'
import type { ReadFile } from './option-files.ts'
import { nearestName } from './option-line.ts'
import { flag, optional, withDefault } from './option-table.ts'
import { directoryPath, filePath, integer } from './value-types.ts'

const JSON_OPTION = { json: flag({ names: ['--json'], group: 'Output', help: 'print JSON' }) } as const

const MAX_WAIT_SECONDS = 3600

/** The options of every subcommand that asks a running node. */
const NODE_QUERY_OPTIONS = {
  ...JSON_OPTION,
  runDirectory: optional(directoryPath('DIR'), {
    names: ['-r', '--run'],
    group: 'Node',
    help: 'run directory of the node',
    otherwise: `default: that in the option file of the service, ${NODE_FILE}, else ${DEFAULT_RUN_DIRECTORY}`,
  }),
  console: optional(filePath('SOCK'), {
    names: ['--console'],
    group: 'Node',
    help: 'control socket of the node',
    otherwise: 'default: control.sock in the run directory',
  }),
  waitSeconds: withDefault(integer('S', 0, MAX_WAIT_SECONDS), 0, {
    names: ['--wait'],
    group: 'Node',
    help: 'seconds to wait for a node that is starting until it is connected; then prints what there is',
  }),
} as const

/** What can be asked, and what the answer is. */
const QUERIES = {
  status: 'addresses, registry, certificate and tunnels at a glance',
  tunnels: 'each tunnel: peer, direction, protocol, since when, bytes, round-trip time, and why one failed',
  routes: 'each route: next hop and metric; with NODE, every way to that node, and why it is taken or not',
  trace: 'the way to a node hop by hop, and its way back, with round-trip times',
  events: 'what changed last: neighbours, ways and tunnels, with the cause',
} as const

const NODE: Operand = {
  metavar: 'NODE',
  help: 'a node of the network: its name (like 5/16), its subnet, or an address in it',
  required: true,
}

/** What follows the name of a query beside options. */
const OPERANDS: { readonly [Query in Re6stQuery]?: Operand } = {
  routes: { ...NODE, required: false },
  trace: NODE,
}

const FOLLOW_OPTION = {
  follow: flag({
    names: ['-f', '--follow'],
    group: 'Output',
    help: 'go on with what happens, until it is interrupted; with --json, one line for each event',
  }),
} as const

/** What a running node can be told to do. */
const ACTIONS = {
  drain:
    'has other nodes take ways that do not lead over this one, as before maintenance; with --undo, they may come back',
} as const

const UNDO_OPTION = {
  undo: flag({
    names: ['--undo'],
    group: 'Action',
    help: 'let others come this way again',
  }),
} as const

/** What looks at this machine with the options of its node, running or not. */
const EXAMINATIONS = {
  doctor: 'finds what is wrong with this node, its machine and its network, and says what to do',
  firewall: 'prints the rules that a firewall must have for this node, or checks whether it has them',
} as const

/** What is done before there is a node. */
const BEGINNING = {
  join: 'joins a network with this machine: makes its key, gets its certificate, and writes its option file',
} as const

const SUBCOMMANDS = { ...BEGINNING, ...QUERIES, ...ACTIONS, ...EXAMINATIONS }

/** Name of a subcommand that asks a running node, or tells it something. */
export type Re6stQuery = keyof typeof QUERIES | keyof typeof ACTIONS

const OF_A_RUNNING_NODE = Object.keys({ ...QUERIES, ...ACTIONS }) as Re6stQuery[]

/** What `re6st` is to do. */
export type Re6stOptions =
  | {
      readonly command: Re6stQuery
      /** Path of the node's control socket. */
      readonly controlSocket: string
      readonly json: boolean
      /** How long to wait until the node is connected. */
      readonly waitSeconds: number
      /** The node that it is about; undefined: none was named. */
      readonly node: string | undefined
      /** Whether it goes on with what happens. */
      readonly follow: boolean
      /** Whether what was done before is undone. */
      readonly undo: boolean
    }
  | ({ readonly command: 'doctor'; readonly json: boolean } & NodeFileOptions)
  | FirewallOptions
  | { readonly command: 'join'; readonly options: ConfOptions }

/** The command `re6st` without a subcommand: has but its help. */
export const RE6ST_COMMAND: Command = {
  name: 're6st',
  description: 'Joins a network with this machine, and looks at its node.',
  options: {},
  takesOptionFiles: false,
  subcommands: SUBCOMMANDS,
  epilogue: '"re6st COMMAND --help" tells the options of a command.',
}

/** The command `re6st status` and so on. */
const query = (
  name: Re6stQuery,
): Command<typeof NODE_QUERY_OPTIONS & Partial<typeof FOLLOW_OPTION & typeof UNDO_OPTION>> => ({
  name: `re6st ${name}`,
  description: name === 'drain' ? DRAIN : `Prints ${QUERIES[name]}.`,
  options: {
    ...NODE_QUERY_OPTIONS,
    ...(name === 'events' ? FOLLOW_OPTION : {}),
    ...(name === 'drain' ? UNDO_OPTION : {}),
  },
  takesOptionFiles: false,
  ...(OPERANDS[name] ? { operand: OPERANDS[name] } : {}),
})

const DRAIN =
  'Has other nodes take ways that do not lead over this one, as before maintenance: all links of the node become expensive, on both sides. Its own traffic and tunnels go on. Waits until nothing is passed on any more, and says so. It ends with --undo, or when the node is started again. Ends with status 0 when nothing is passed on, 1 when some packets still are.'

const DOCTOR = nodeFileCommand(
  're6st doctor',
  'Finds what is wrong, whether the node runs or not, and says what to do. Ends with status 0 if all is well, 1 if not. Takes the options of the node.',
  JSON_OPTION,
)

/** Reads the command line of `re6st`. */
export function readRe6stCommandLine(
  args: readonly string[],
  readFile: ReadFile,
): Result<Request<Re6stOptions>> {
  const [first = '', ...rest] = args
  const names = Object.keys(SUBCOMMANDS)
  const allowed = `there are ${names.join(', ')}; "re6st --help" says what they do`
  if (first.startsWith('-')) {
    const command = rest.find((word) => names.includes(word))
    if (command !== undefined) {
      const others = args.filter((word) => word !== command)
      return refuse(`${first}: the command comes first: re6st ${[command, ...others].join(' ')}`)
    }
    return readCommandLine<Re6stOptions>(
      RE6ST_COMMAND,
      () => refuse(`a command is missing; ${allowed}`),
      args,
      readFile,
    )
  }
  if (first === 'doctor')
    return readNodeFileCommandLine(DOCTOR, (words) => commandAndJson(first, words), rest, readFile)
  if (first === 'join') return readCommandLine(JOIN_COMMAND, joinOptions, rest, readFile)
  if (first === 'firewall') return readFirewallCommandLine(rest, readFile)
  const near = nearestName(first, names)
  const name = OF_A_RUNNING_NODE.find((one) => one === first)
  if (name === undefined)
    return refuse(
      first === ''
        ? `a command is missing; ${allowed}`
        : `${first}: no such command${near === undefined ? '' : `, did you mean ${near}`}; ${allowed}`,
    )
  return readCommandLine(query(name), (words) => queryOptions(name, words, readFile), rest, readFile)
}

function joinOptions(words: ParsedWords): Result<Extract<Re6stOptions, { readonly command: 'join' }>> {
  const options = confOptions(words, JOIN_COMMAND)
  return options.ok ? ok({ command: 'join', options: options.value }) : options
}

const commandAndJson = <Name extends keyof typeof EXAMINATIONS>(command: Name, { given }: ParsedWords) =>
  ok({ command, json: given.has('json') } as const)

/** Where the node of the service listens, as its option file says; undefined: it cannot be read, or is not one. */
function serviceControlSocket(readFile: ReadFile): string | undefined {
  const read = readCommandLine(NODE_COMMAND, nodeOptions, [`@${NODE_FILE}`], readAsService(readFile))
  if (!read.ok || read.value.kind !== 'run') return undefined
  const { controlSocket } = read.value.options
  return controlSocket.startsWith('/') ? controlSocket : `${SERVICE_DIRECTORY}/${controlSocket}`
}

function queryOptions(command: Re6stQuery, words: ParsedWords, readFile: ReadFile): Result<Re6stOptions> {
  const values = optionValues(query(command), words)
  if (!values.ok) return values
  const { json, runDirectory, console, waitSeconds } = values.value
  const ofService = () => (runDirectory === undefined ? serviceControlSocket(readFile) : undefined)
  const controlSocket = console ?? ofService() ?? controlSocketIn(runDirectory ?? DEFAULT_RUN_DIRECTORY)
  const { operand: node } = words
  if (node !== undefined) {
    const named = readNodeName(node)
    if (!named.ok) return refuse(`${command}: ${named.reason}`)
  }
  const { given } = words
  return ok({
    ...{ command, json, waitSeconds, controlSocket, node },
    ...{ follow: given.has('follow'), undo: given.has('undo') },
  })
}
