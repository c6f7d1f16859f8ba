import { parseArgs } from 'node:util'
import { messageOf, Re6stError } from '../src/core/errors.ts'

/** What the user asked for. */
export interface DemoOptions {
  /** Nodes besides the registry's own. */
  readonly nodes: number
  /** Leave the network running when the story is over. */
  readonly keep: boolean
  /** Print one JSON object per line instead of text. */
  readonly json: boolean
  /** Port of the page; undefined: the usual one, or any other when that is taken. */
  readonly port: number | undefined
  /** Babel's hello interval in seconds. */
  readonly hello: number
}

export const USUAL_PORT = 8326
const FEWEST_NODES = 4
const MOST_NODES = 60

export const HELP = `Usage: npm run demo -- [options]

Brings up a whole re6st network on this machine, in network namespaces: a registry and nodes behind NATs and on public
addresses. Shows it here and on a page on localhost; then kills a machine and cuts a link, and shows how long it takes
until packets flow again. Removes everything at the end.

  --nodes N    nodes besides the registry's own, ${FEWEST_NODES} to ${MOST_NODES} (default 8: 3 public, 2 and 3 behind NATs)
  --hello S    seconds between two Babel hellos: shorter heals faster and costs more (default 1)
  --keep       leaves the network running until Ctrl-C, and says how to enter its machines
  --port N     port of the page (default ${USUAL_PORT}, or any other when that is taken)
  --json       prints events as JSON, one object per line; the last one is the summary
  --help       this text

Exit status: 0 if all pairs could reach each other and packets found their way around what was broken; else 1.
`

/** Reads the command line; undefined: only help was wanted. @throws Re6stError `OPTION` */
export function parseDemoOptions(args: readonly string[]): DemoOptions | undefined {
  let values: { [name in 'nodes' | 'hello' | 'port']?: string } & {
    [name in 'keep' | 'json' | 'help']?: boolean
  }
  try {
    ;({ values } = parseArgs({
      args: [...args],
      options: {
        nodes: { type: 'string' },
        hello: { type: 'string' },
        port: { type: 'string' },
        keep: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }))
  } catch (error) {
    throw new Re6stError('OPTION', messageOf(error))
  }
  if (values.help) return undefined
  return {
    nodes: wholeNumber('--nodes', values.nodes ?? '8', FEWEST_NODES, MOST_NODES),
    hello: wholeNumber('--hello', values.hello ?? '1', 1, 60),
    port: values.port === undefined ? undefined : wholeNumber('--port', values.port, 0, 65_535),
    keep: values.keep ?? false,
    json: values.json ?? false,
  }
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new Re6stError('OPTION', `${option} ${text}: a whole number from ${least} to ${most} is needed`)
}
