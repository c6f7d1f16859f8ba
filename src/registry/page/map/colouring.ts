import { DAY_MS } from '../../../core/day.ts'
import { MACHINE_STATES, type MachineState } from '../../../core/values/machine-states.ts'
import { STATE_WORDS } from '../parts/state-words.ts'
import type { NetworkNode } from './network.ts'
import type { Shape } from './shapes.ts'

/** What the colour of a node says. */
export const COLOUR_MEANINGS = ['state', 'version', 'country', 'age', 'certificate'] as const
export type ColourMeaning = (typeof COLOUR_MEANINGS)[number]

/** A colour in the light and in the dark, and the shape that goes with it: colours alone are not seen by all. */
export interface Colour {
  readonly light: string
  readonly dark: string
  readonly shape: Shape
}

export type ColourMode = 'light' | 'dark'

/** The colour as it is in the light or in the dark. */
export const inMode = (colour: Colour, mode: ColourMode): string => colour[mode]

/** A line of the legend. */
export interface LegendEntry {
  readonly label: string
  readonly colour: Colour
  readonly count: number
}

/** The colours of nodes, and what they mean. */
export interface Colouring {
  readonly legend: readonly LegendEntry[]
  colourOf(node: NetworkNode): Colour
}

const GREY: Colour = { light: '#6b7785', dark: '#8b97a6', shape: 'ring' }
const GREEN: Colour = { light: '#12753a', dark: '#56d284', shape: 'disc' }
const RED: Colour = { light: '#b3261e', dark: '#ff8a80', shape: 'cross' }
const STATES: Readonly<Record<MachineState, Colour>> = {
  online: GREEN,
  offline: RED,
  expiring: { light: '#c25a00', dark: '#ffa657', shape: 'triangle' },
  outdated: { light: '#0b6bcb', dark: '#58a6ff', shape: 'square' },
  'never-seen': GREY,
  revoked: { light: '#6a3fb5', dark: '#b9a5e6', shape: 'diamond' },
}
/** Told apart also by who sees no red or no green (after Okabe and Ito); the rarest values share one. */
const CATEGORIES = [
  { light: '#0b6bcb', dark: '#58a6ff', shape: 'disc' },
  { light: '#c25a00', dark: '#ffa657', shape: 'square' },
  { light: '#00795c', dark: '#3fd0a8', shape: 'triangle' },
  { light: '#a83279', dark: '#f291c7', shape: 'diamond' },
  { light: '#7a6500', dark: '#e3c94b', shape: 'hexagon' },
  { light: '#3a8fb7', dark: '#9bdcf7', shape: 'downwards' },
  { light: '#7a3e1d', dark: '#d9a27a', shape: 'star' },
] as const satisfies readonly Colour[]
const OTHERS = 'others'
const UNKNOWN = 'unknown'

/** The classes of days left until a certificate ends, in this order. */
const CERTIFICATE_CLASSES = [
  { label: 'ended', below: 0, colour: RED },
  {
    label: 'less than 7 days left',
    below: 7,
    colour: { light: '#c25a00', dark: '#ffa657', shape: 'triangle' },
  },
  {
    label: 'less than 30 days left',
    below: 30,
    colour: { light: '#7a6500', dark: '#e3c94b', shape: 'downwards' },
  },
  { label: '30 days left or more', below: Number.POSITIVE_INFINITY, colour: GREEN },
] as const

/** The classes of days since a certificate began, in this order: nodes renew theirs when they are eleven months old. */
const AGE_CLASSES = [
  { label: 'less than 7 days old', below: 7, colour: CATEGORIES[0] },
  { label: 'less than 30 days old', below: 30, colour: CATEGORIES[1] },
  { label: 'less than 90 days old', below: 90, colour: CATEGORIES[2] },
  { label: 'less than 180 days old', below: 180, colour: CATEGORIES[3] },
  { label: 'less than 335 days old', below: 335, colour: CATEGORIES[4] },
  { label: '335 days old or more', below: Number.POSITIVE_INFINITY, colour: CATEGORIES[5] },
] as const

/** Colours for these nodes by one of their properties. @param nowMs for what certificates have behind and before them */
export function colouringOf(meaning: ColourMeaning, nodes: readonly NetworkNode[], nowMs: number): Colouring {
  switch (meaning) {
    case 'state':
      return classes(
        nodes,
        ({ state }) => STATE_WORDS[state],
        MACHINE_STATES.map((state) => [STATE_WORDS[state], STATES[state]] as const),
      )
    case 'age':
      return dayClasses(nodes, AGE_CLASSES, (node) => certificateAge(node, nowMs))
    case 'certificate':
      return dayClasses(nodes, CERTIFICATE_CLASSES, (node) => certificateClass(node, nowMs))
    case 'version':
      return categories(nodes, ({ version }) => version ?? UNKNOWN)
    case 'country':
      return categories(nodes, ({ country }) => country ?? UNKNOWN)
  }
}

/** In which class of days left its certificate is. */
export const certificateClass = ({ certificateEndMs }: NetworkNode, nowMs: number): string =>
  dayClassOf(CERTIFICATE_CLASSES, certificateEndMs, (endMs) => endMs - nowMs)

/** In which class of days since it began its certificate is: one of a clock that is ahead is new. */
export const certificateAge = ({ certificateBeginMs }: NetworkNode, nowMs: number): string =>
  dayClassOf(AGE_CLASSES, certificateBeginMs, (beginMs) => nowMs - beginMs)

/** A class of times of so many days, up to those of the next. */
interface DayClass {
  readonly label: string
  readonly below: number
  readonly colour: Colour
}

function dayClassOf(
  all: readonly DayClass[],
  atMs: number | undefined,
  distanceOf: (ms: number) => number,
): string {
  if (atMs === undefined) return UNKNOWN
  const days = distanceOf(atMs) / DAY_MS
  return all.find(({ below }) => days < below)?.label ?? UNKNOWN
}

const dayClasses = (
  nodes: readonly NetworkNode[],
  all: readonly DayClass[],
  labelOf: (node: NetworkNode) => string,
): Colouring =>
  classes(nodes, labelOf, [...all.map(({ label, colour }) => [label, colour] as const), [UNKNOWN, GREY]])

/** The most frequent values have colours of their own; equal counts by name, so that colours do not jump. */
function categories(nodes: readonly NetworkNode[], textOf: (node: NetworkNode) => string): Colouring {
  const counts = countBy(nodes, textOf)
  const known = [...counts.keys()]
    .filter((value) => value !== UNKNOWN)
    .sort((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0) || a.localeCompare(b))
  const own = new Map(
    known.slice(0, CATEGORIES.length).map((value, at) => [value, CATEGORIES[at] ?? GREY] as const),
  )
  const labelOf = (node: NetworkNode) => {
    const value = textOf(node)
    return own.has(value) || value === UNKNOWN ? value : OTHERS
  }
  return classes(nodes, labelOf, [
    ...own,
    [OTHERS, { light: '#46505c', dark: '#c3ccd6', shape: 'cross' }],
    [UNKNOWN, GREY],
  ])
}

function classes(
  nodes: readonly NetworkNode[],
  labelOf: (node: NetworkNode) => string,
  colours: Iterable<readonly [string, Colour]>,
): Colouring {
  const counts = countBy(nodes, labelOf)
  const byLabel = new Map(colours)
  return {
    legend: [...byLabel].flatMap(([label, colour]) => {
      const count = counts.get(label) ?? 0
      return count === 0 ? [] : [{ label, colour, count }]
    }),
    colourOf: (node) => byLabel.get(labelOf(node)) ?? GREY,
  }
}

function countBy(nodes: readonly NetworkNode[], labelOf: (node: NetworkNode) => string): Map<string, number> {
  const counts = new Map<string, number>()
  for (const node of nodes) counts.set(labelOf(node), (counts.get(labelOf(node)) ?? 0) + 1)
  return counts
}
