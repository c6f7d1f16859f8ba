import { styleText } from 'node:util'
import type { Board } from './board.ts'
import type { MachineView, Picture } from './model.ts'
import { machineLines, matrixLines, type Paint, plainPaint, screenLines, storyLine } from './text-views.ts'

/** How it all went. */
export interface Summary {
  readonly ok: boolean
  /** Why not. */
  readonly problem: string | undefined
  readonly nodes: number
  /** From the start of the last daemon until all pairs reached each other. */
  readonly convergedSeconds: number | undefined
  readonly outages: Picture['outages']
}

/** Shows the board to whoever started the demo. */
export interface Display {
  /** The network is there: a good moment to show all pairs. */
  converged(): void
  /** Shows the rest and the summary. */
  finish(summary: Summary): void
}

/** Where a display writes. */
export interface Output {
  write(text: string): unknown
  readonly columns?: number
  readonly rows?: number
}

const REDRAW_MS = 200
const [HIDE_CURSOR, SHOW_CURSOR] = ['\x1b[?25l', '\x1b[?25h']

/** A screen that is redrawn in place. */
export function liveDisplay(board: Board, output: Output, pageUrl: string): Display {
  const paint: Paint =
    process.env['NO_COLOR'] === undefined ? (style, text) => styleText(style, text) : plainPaint
  let drawn = 0
  const draw = () => {
    const width = output.columns ?? 80
    const lines = screenLines(board.picture, pageUrl, output.rows ?? 24, paint)
    // Up to the first line of the last frame; each line is cleared to its end, then what is below.
    const up = drawn > 0 ? `\x1b[${drawn}A` : ''
    output.write(`${up}${lines.map((line) => `${shortened(line, width)}\x1b[K\n`).join('')}\x1b[J`)
    drawn = lines.length
  }
  output.write(HIDE_CURSOR)
  process.once('exit', () => output.write(SHOW_CURSOR))
  // In steady intervals, not for each change: a change often comes with others, and the time goes on without any.
  const timer = setInterval(draw, REDRAW_MS)
  return {
    converged: draw,
    finish(summary) {
      clearInterval(timer)
      draw()
      output.write(`\n${summaryLines(summary, paint).join('\n')}\n${SHOW_CURSOR}`)
    },
  }
}

/** A line for each thing that happens, for pipes and logs. */
export function plainDisplay(board: Board, output: Output, pageUrl: string): Display {
  let told = 0
  const tell = () => {
    const { story } = board.picture
    for (const line of story.slice(told)) output.write(`${storyLine(line, plainPaint)}\n`)
    told = story.length
  }
  output.write(`The network live: ${pageUrl}\n`)
  board.watch(tell)
  const show = (lines: readonly string[]) => output.write(`\n${lines.join('\n')}\n\n`)
  return {
    converged() {
      show(machineLines(board.picture, plainPaint))
      show(matrixLines(board.picture, plainPaint))
    },
    finish: (summary) => void output.write(`\n${summaryLines(summary, plainPaint).join('\n')}\n`),
  }
}

/**
 * One JSON object per line, told apart by `event`: `page` (where it is), `story`, `machine` (when one changed),
 * `outage`, `roundTrips`, and `summary` at the end.
 */
export function jsonDisplay(board: Board, output: Output, pageUrl: string): Display {
  const emit = (event: string, fields: object) => output.write(`${JSON.stringify({ event, ...fields })}\n`)
  emit('page', { url: pageUrl })
  let last = board.picture
  const compare = () => {
    const now = board.picture
    for (const line of now.story.slice(last.story.length)) emit('story', line)
    for (const machine of now.machines) {
      const before = last.machines.find(({ name }) => name === machine.name)
      if (before === undefined || fingerprint(before) !== fingerprint(machine)) emit('machine', machine)
    }
    for (const outage of now.outages) if (!last.outages.includes(outage)) emit('outage', outage)
    last = now
  }
  board.watch(compare)
  return {
    converged: () => void emit('roundTrips', { milliseconds: board.picture.roundTrips }),
    finish: (summary) => void emit('summary', summary),
  }
}

const fingerprint = (machine: MachineView): string => JSON.stringify(machine)

/** The summary, for people. */
function summaryLines(summary: Summary, paint: Paint): string[] {
  const { ok, problem, nodes, convergedSeconds, outages } = summary
  return [
    ...(convergedSeconds === undefined
      ? []
      : [
          `${nodes} nodes: all ${nodes * (nodes - 1)} pairs reached each other ${convergedSeconds.toFixed(1)} s after the start of the last one.`,
        ]),
    ...outages.map(({ what, from, to, seconds }) =>
      seconds === undefined
        ? paint('red', `${what}: packets from ${from} to ${to} did not find a way.`)
        : `${what}: packets from ${from} to ${to} flowed again after ${seconds.toFixed(1)} s.`,
    ),
    ok ? paint('green', 'The demo succeeded.') : paint('red', `The demo failed: ${problem ?? 'see above'}`),
  ]
}

/** Cut to a width; escape sequences take none. */
function shortened(line: string, width: number): string {
  let visible = 0
  let result = ''
  // biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences begin with one
  for (const [part] of line.matchAll(/\x1b\[[0-9;]*m|[\s\S]/gu)) {
    if (!part.startsWith('\x1b') && ++visible > width) continue
    result += part
  }
  return result
}
