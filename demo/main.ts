import { Lab } from '../lab/lab.ts'
import type { Re6stNode } from '../lab/re6st-node.ts'
import { exitStatusOf, messageOf, Re6stError } from '../src/core/errors.ts'
import { Board } from './board.ts'
import { type Display, jsonDisplay, liveDisplay, plainDisplay } from './displays.ts'
import { type DemoOptions, HELP, parseDemoOptions, USUAL_PORT } from './options.ts'
import { type PageServer, startPage } from './page-server.ts'
import { machinesBefore, planNodes } from './plan.ts'
import { Story } from './story.ts'
import { entryOf, writeTools } from './tools.ts'

/** The page shows changes at least this often. */
const PAGE_INTERVAL_MS = 250

/** @returns the exit status */
async function main(args: readonly string[]): Promise<number> {
  const options = parseDemoOptions(args)
  if (options === undefined) {
    process.stdout.write(HELP)
    return 0
  }
  const interrupted = new AbortController()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const)
    process.on(signal, () => interrupted.abort(new Error(`ended by ${signal}`)))

  const board = new Board(machinesBefore(planNodes(options.nodes)))
  const page = await startPageSomewhere(options.port, board)
  const sending = setInterval(() => page.show(board.picture), PAGE_INTERVAL_MS)
  try {
    await using lab = await Lab.create({ name: 'demo', signal: interrupted.signal })
    return await show(lab, board, page, options, interrupted.signal)
  } finally {
    clearInterval(sending)
    await page.stop()
  }
}

/** @returns the exit status */
async function show(
  lab: Lab,
  board: Board,
  page: PageServer,
  options: DemoOptions,
  interrupted: AbortSignal,
): Promise<number> {
  const display = displayFor(options, board, page.url)
  const story = new Story(lab, board, display, options)
  try {
    const summary = await story.tell(planNodes(options.nodes))
    display.finish(summary)
    if (!summary.ok) process.stderr.write(`\nWhat the daemons logged:\n${lab.report(15)}\n`)
    if (options.keep) await keepRunning([...story.nodes], page, interrupted)
    return summary.ok ? 0 : 1
  } catch (error) {
    if (!interrupted.aborted) throw error
    display.finish({
      ok: false,
      problem: messageOf(error),
      nodes: 0,
      convergedSeconds: undefined,
      outages: [],
    })
    return 130
  } finally {
    story.stop()
  }
}

async function startPageSomewhere(port: number | undefined, board: Board): Promise<PageServer> {
  try {
    return await startPage(port ?? USUAL_PORT, board.picture)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    if (port !== undefined)
      throw new Re6stError('SYSTEM', `--port ${port}: another program listens there; give another, or none`)
    return await startPage(0, board.picture)
  }
}

function displayFor({ json }: DemoOptions, board: Board, pageUrl: string): Display {
  if (json) return jsonDisplay(board, process.stdout, pageUrl)
  return process.stdout.isTTY
    ? liveDisplay(board, process.stdout, pageUrl)
    : plainDisplay(board, process.stdout, pageUrl)
}

/** Until Ctrl-C; the page stays live. */
async function keepRunning(
  nodes: readonly Re6stNode[],
  page: PageServer,
  interrupted: AbortSignal,
): Promise<void> {
  const example = nodes.at(-1)
  for (const node of nodes) writeTools(node)
  const names = nodes.map(({ name }) => name).join(', ')
  process.stderr.write(`
The network keeps running.
  see it:           ${page.url}
  enter a machine:  ${example === undefined ? '-' : entryOf(example)}
                    there, re6st status, re6st tunnels, re6st doctor and ping work; the machines are ${names}
  its files:        ${example?.machine.directory}
  stop everything:  Ctrl-C here, or: kill ${process.pid}
`)
  if (!interrupted.aborted)
    await new Promise<void>((resolve) =>
      interrupted.addEventListener('abort', () => resolve(), { once: true }),
    )
}

try {
  process.exitCode = await main(process.argv.slice(2))
} catch (error) {
  process.stderr.write(`demo: ${messageOf(error)}\n`)
  process.exitCode = exitStatusOf(error)
}
