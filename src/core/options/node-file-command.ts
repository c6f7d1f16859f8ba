import { ok, type Result } from '../result.ts'
import { type Command, type ParsedWords, type Request, readCommandLine } from './command-line.ts'
import { NODE_OPTIONS, type NodeOptions, nodeOptions } from './node-options.ts'
import type { ReadFile } from './option-files.ts'
import type { OptionTable } from './option-table.ts'

/** Where the service runs: relative paths of its option file begin there. */
const SERVICE_DIRECTORY = '/etc/re6stnet'

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
  epilogue: `Without options of a node: those of the service, @${SERVICE_DIRECTORY}/re6stnet.conf.`,
  rest: 'OPENVPN-ARGUMENTS',
})

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
  const ownNames = new Set(
    Object.entries(command.options)
      .filter(([key]) => !(key in NODE_OPTIONS))
      .flatMap(([, { names }]) => names),
  )
  const isOwn = args.every((arg) => ownNames.has(arg))
  const directory = isOwn ? SERVICE_DIRECTORY : undefined
  const inDirectory: ReadFile = (path) =>
    readFile(directory === undefined || path.startsWith('/') ? path : `${directory}/${path}`)
  return readCommandLine(
    command,
    (words) => {
      const node = nodeOptions(words)
      if (!node.ok) return node
      const values = own(words)
      return values.ok ? ok({ ...values.value, node: node.value, directory }) : values
    },
    isOwn ? [`@${SERVICE_DIRECTORY}/re6stnet.conf`, ...args] : args,
    inDirectory,
  )
}
