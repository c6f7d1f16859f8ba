import Table from 'cli-table3'
import {
  linksOf,
  type MachineView,
  type Picture,
  reachability,
  type Stage,
  type StoryLine,
  waysFrom,
} from './model.ts'

/** Colours a text, or not. */
export type Paint = (style: 'bold' | 'dim' | 'green' | 'red' | 'yellow' | 'cyan', text: string) => string

/** No colours: for files and pipes. */
export const plainPaint: Paint = (_, text) => text

const STAGE_STYLE: Readonly<Record<Stage, 'dim' | 'yellow' | 'green' | 'red'>> = {
  off: 'dim',
  waiting: 'dim',
  enrolling: 'yellow',
  enrolled: 'yellow',
  starting: 'yellow',
  running: 'green',
  killed: 'red',
}
const STORY_STYLE = { step: 'bold', machine: 'dim', good: 'green', bad: 'red' } as const

/** What a name of a subnet stands for, where it is met for the first time. */
export const enrolledText = (
  name: string,
  { subnetName, subnetCidr }: { readonly subnetName: string; readonly subnetCidr: string },
): string => `${name} is enrolled: subnet ${subnetName}, which is ${subnetCidr}`

/** Machines with their tunnels and routes, one per line. */
export function machineLines(picture: Picture, paint: Paint): string[] {
  const names = new Map(picture.machines.map(({ subnet, name }) => [subnet, name]))
  const rows = picture.machines.map((machine) => [
    paint('bold', machine.name),
    machine.site === undefined ? 'public' : `NAT ${machine.site}`,
    paint(STAGE_STYLE[machine.stage], machine.stage),
    machine.subnet ?? '',
    tunnelText(machine, names),
    routeText(machine, picture),
  ])
  return tableLines(['', 'where', 'state', 'subnet', 'tunnels: > made, < taken', 'routes'], rows, paint)
}

function tunnelText({ tunnels }: MachineView, names: ReadonlyMap<string | undefined, string>): string {
  return tunnels
    .map(({ role, peer }) => `${role === 'client' ? '>' : '<'}${names.get(peer) ?? peer}`)
    .sort()
    .join(' ')
}

function routeText(machine: MachineView, picture: Picture): string {
  if (machine.stage !== 'running') return ''
  const lengths = waysFrom(machine.name, picture).flatMap(({ complete, hops }) =>
    complete ? [hops.length - 1] : [],
  )
  if (lengths.length === 0) return '-'
  return `${lengths.length} (${Math.max(...lengths) === 1 ? 'all direct' : `up to ${Math.max(...lengths)} hops`})`
}

/** Round-trip times of all pairs in milliseconds; `-` where there is no answer. */
export function matrixLines({ machines, roundTrips }: Picture, paint: Paint): string[] {
  const names = machines.map(({ name }) => name)
  const rows = names.map((from) => [
    paint('bold', from),
    ...names.map((to) => {
      if (from === to) return '.'
      const time = roundTrips[from]?.[to]
      return time === undefined ? paint('red', '-') : time.toFixed(time < 10 ? 1 : 0)
    }),
  ])
  return tableLines(['ms', ...names], rows, paint)
}

/** A line of the story. */
export function storyLine({ atMs, kind, text }: StoryLine, paint: Paint): string {
  return `${paint('dim', `${(atMs / 1000).toFixed(1).padStart(6)} s`)}  ${paint(STORY_STYLE[kind], text)}`
}

/** Everything at once, in as many lines as the terminal has. */
export function screenLines(picture: Picture, pageUrl: string, height: number, paint: Paint): string[] {
  const { answered, wanted } = reachability(picture)
  const links = linksOf(picture).length
  const head = [
    `${paint('bold', 're6stnet demo')}   page: ${paint('cyan', pageUrl)}   ${links} links   pairs that ping: ${answered}/${wanted}   ${(picture.elapsedMs / 1000).toFixed(0)} s`,
    paint('bold', picture.step),
    '',
  ]
  const machines = [...machineLines(picture, paint), '']
  const matrix = answered === 0 ? [] : [...matrixLines(picture, paint), '']
  const room = Math.max(3, height - 1 - head.length - machines.length - matrix.length)
  const story = picture.story.slice(-room).map((line) => storyLine(line, paint))
  const all = [...head, ...machines, ...matrix, ...story]
  // Too small a terminal for all: the story is at the end of the output anyway.
  return all.length < height ? all : [...head, ...machines, ...story].slice(0, height - 1)
}

function tableLines(head: readonly string[], rows: readonly (readonly string[])[], paint: Paint): string[] {
  const table = new Table({
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 2 },
    head: head.map((text) => paint('dim', text)),
  })
  table.push(...rows.map((row) => [...row]))
  return table.toString().split('\n')
}

const BORDERLESS = Object.fromEntries(
  [
    ...['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right'],
    ...['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid', 'middle'],
  ].map((place) => [place, '']),
)
