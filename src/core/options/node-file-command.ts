import { AS_ROOT } from '../errors.ts'
import { ok, type Result, refuse } from '../result.ts'
import type { Command } from './command.ts'
import { type Request, readCommandLine } from './command-line.ts'
import type { ParsedWords } from './given-values.ts'
import { NODE_OPTIONS, type NodeOptions, nodeOptions } from './node-options.ts'
import type { ReadFile } from './option-files.ts'
import { metavarOf, type Option, type OptionTable } from './option-table.ts'

/** Where the service runs: relative paths of its option file begin there. */
export const SERVICE_DIRECTORY = '/etc/re6stnet'

/** Option file of the service. */
export const NODE_FILE = `${SERVICE_DIRECTORY}/re6stnet.conf`

/** Options of a node, as its own command line or the option file of the service gives them. */
export interface NodeFileOptions {
  readonly node: NodeOptions
  /** What relative paths begin at; undefined: the working directory. */
  readonly directory: string | undefined
}

// What is about the start of a node alone has no meaning for who looks at its options.
const { test: _, ...LOOKED_AT } = NODE_OPTIONS

/** A command that reads the options of a node as the node does, usually `@FILE`, and has some of its own. */
export const nodeFileCommand = <Table extends OptionTable>(
  name: string,
  description: string,
  options: Table,
): Command<typeof LOOKED_AT & Table> => ({
  name,
  description,
  options: { ...LOOKED_AT, ...options },
  takesOptionFiles: true,
  epilogue: `Without options of a node: those of the service, @${NODE_FILE}.`,
  rest: 'OPENVPN-ARGUMENTS',
})

/** Reads files as the services do, which run in that directory. */
export const readAsService =
  (readFile: ReadFile): ReadFile =>
  (path) =>
    readFile(path.startsWith('/') ? path : `${SERVICE_DIRECTORY}/${path}`)

/**
 * Reads the command line of such a command. If it has none but options of the command itself, the option file of the
 * service is read, as the service does.
 * @param own reads the options of the command itself
 */
export function readNodeFileCommandLine<Own>(
  command: Command,
  own: (words: ParsedWords) => Result<Own>,
  args: readonly string[],
  readFile: ReadFile,
): Result<Request<NodeFileOptions & Own>> {
  const ownOptions = Object.entries(command.options).flatMap(([key, option]) =>
    key in NODE_OPTIONS ? [] : [option],
  )
  const isOwn = consistsOf(args, ownOptions, Object.values(command.options))
  const directory = isOwn ? SERVICE_DIRECTORY : undefined
  return readCommandLine(
    command,
    (words) => {
      const node = nodeOptions(words)
      if (!node.ok) return node
      const values = own(words)
      return values.ok ? ok({ ...values.value, node: node.value, directory }) : values
    },
    isOwn ? [`@${NODE_FILE}`, ...args] : args,
    isOwn ? readAsService(readNodeFile(readFile)) : readFile,
  )
}

/** Whoever did not name the file must not wonder who did. */
const readNodeFile =
  (readFile: ReadFile): ReadFile =>
  (path) => {
    const content = readFile(path)
    if (content.ok || path !== NODE_FILE || content.reason.endsWith(AS_ROOT)) return content
    return refuse(
      `${content.reason}; this machine is not enrolled yet (re6st join does that), or its node has another option file: name it, e.g. @re6stnet.conf`,
    )
  }

/** Whether the words are some of these options and their values, and nothing else. @param all those that a name may be short for */
function consistsOf(args: readonly string[], options: readonly Option[], all: readonly Option[]): boolean {
  for (let at = 0; at < args.length; at++) {
    const [name = '', value] = (args[at] ?? '').split('=', 2)
    const option = optionOf(name, all)
    if (option === undefined || !options.includes(option)) return false
    if (value === undefined) at += metavarOf(option).length
  }
  return true
}

/** The option of a name, or the only one whose long name begins like this. */
function optionOf(name: string, options: readonly Option[]): Option | undefined {
  const exact = options.find(({ names }) => names.includes(name))
  if (exact !== undefined || !name.startsWith('--')) return exact
  const begun = options.filter(({ names }) => names.some((one) => one.startsWith(name)))
  return begun.length === 1 ? begun[0] : undefined
}
