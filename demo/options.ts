import { readFileSync } from 'node:fs'
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
  /** The router of all nodes. */
  readonly router: DemoRouter
}

const ROUTERS = ['re6st', 'babeld'] as const
/** What finds the ways of packets. */
export type DemoRouter = (typeof ROUTERS)[number]

export const USUAL_PORT = 8326
const FEWEST_NODES = 4
const MOST_NODES = 60

/** What --help prints. A file of its own: scripts/demo.mjs prints it before anything is installed. */
export const HELP = readFileSync(new URL('help.txt', import.meta.url), 'utf8')

/** Reads the command line; undefined: only help was wanted. @throws Re6stError `OPTION` */
export function parseDemoOptions(args: readonly string[]): DemoOptions | undefined {
  let values: { [name in 'nodes' | 'hello' | 'port' | 'router']?: string } & {
    [name in 'keep' | 'json' | 'help']?: boolean
  }
  try {
    ;({ values } = parseArgs({
      args: [...args],
      options: {
        nodes: { type: 'string' },
        hello: { type: 'string' },
        port: { type: 'string' },
        router: { type: 'string' },
        keep: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }))
  } catch (error) {
    throw new Re6stError('OPTION', messageOf(error))
  }
  if (values.help) return undefined
  const nodes = wholeNumber('--nodes', values.nodes ?? '8', FEWEST_NODES, MOST_NODES)
  const router = routerOf(values.router ?? 're6st')
  return {
    nodes,
    hello: wholeNumber('--hello', values.hello ?? String(helloFor(router, nodes)), 1, 60),
    router,
    port: values.port === undefined ? undefined : wholeNumber('--port', values.port, 0, 65_535),
    keep: values.keep ?? false,
    json: values.json ?? false,
  }
}

/** What a network has by default. */
const USUAL_HELLO = 15
/** Two processors bear this many nodes with a hello each second. What all nodes say grows with the square of their number. */
const NODES_AT_HELLO_1 = 24

/** babeld heals only as fast as it says hello. */
const helloFor = (router: DemoRouter, nodes: number): number =>
  router === 're6st' ? USUAL_HELLO : Math.max(1, Math.ceil((nodes / NODES_AT_HELLO_1) ** 2))

function routerOf(text: string): DemoRouter {
  const router = ROUTERS.find((one) => one === text)
  if (router) return router
  throw new Re6stError('OPTION', `--router ${text}: ${ROUTERS.join(' or ')} is needed`)
}

function wholeNumber(option: string, text: string, least: number, most: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= least && value <= most) return value
  throw new Re6stError('OPTION', `${option} ${text}: a whole number from ${least} to ${most} is needed`)
}
