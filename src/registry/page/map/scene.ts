import { type Colouring, type ColourMode, inMode } from './colouring.ts'
import { type Network, pairKey, pairsOnRoute } from './network.ts'
import { type Position, type Positions, pairsOf } from './positions.ts'
import type { Shape } from './shapes.ts'

/** A node as it is drawn. */
export interface Mark extends Position {
  readonly id: string
  readonly label: string
  readonly colour: string
  readonly shape: Shape
  /** In pixels, whatever the magnification. */
  readonly radius: number
  readonly chosen: boolean
  /** Of what somebody looks at: drawn over the others, among thousands of which it would not be seen. */
  readonly isAhead: boolean
  /** Labels of greater ones go first where there is no room for all. */
  readonly weight: number
}

/** Lines of one look. */
export interface Strokes {
  readonly colour: string
  readonly width: number
  readonly dashed: boolean
  /** As that of a {@link Mark}. */
  readonly isAhead: boolean
  readonly lines: readonly (readonly [Position, Position])[]
}

/** All that is drawn, in the order in which it is. */
export interface Scene {
  readonly strokes: readonly Strokes[]
  readonly marks: readonly Mark[]
  readonly text: string
  readonly background: string
}

/** What is shown of a network. */
export interface Shown {
  readonly network: Network
  readonly colouring: Colouring
  readonly chosen: string | undefined
  /** The nodes that packets pass, drawn stronger. */
  readonly route: readonly string[]
  /** Pairs between which nothing goes, as {@link pairKey}. */
  readonly cuts: ReadonlySet<string>
}

const COLOURS = {
  light: {
    line: '#b8c2ce',
    faint: '#d3dae3',
    way: '#0b6bcb',
    cut: '#b3261e',
    text: '#1b2430',
    background: '#ffffff',
  },
  dark: {
    line: '#4a5563',
    faint: '#39434f',
    way: '#58a6ff',
    cut: '#ff8a80',
    text: '#e4e9f0',
    background: '#1c2128',
  },
} as const

const radiusFor = (nodes: number): number => (nodes > 2_000 ? 3 : nodes > 300 ? 4 : nodes > 40 ? 6 : 9)

/** Longer names would cover other nodes. */
const LONGEST = 22
/** That of the chosen one may cover some, but has to fit on a phone: its details have all of it. */
const LONGEST_CHOSEN = 36

const shortened = (name: string, longest: number): string =>
  name.length > longest ? `${name.slice(0, longest - 1)}…` : name

/** What to draw of a network whose nodes are at these positions. */
export function sceneOf(
  { network, colouring, chosen, route, cuts }: Shown,
  at: Positions,
  mode: ColourMode,
): Scene {
  const colours = COLOURS[mode]
  const radius = radiusFor(network.nodes.length)
  const many = network.nodes.length > 80
  const ahead = new Set(chosen === undefined ? [] : [chosen, ...route])
  const onRoute = pairsOnRoute(route)
  const degree = new Map<string, number>()
  const lines = { usual: [], own: [], route: [], cut: [] } as Record<
    string,
    (readonly [Position, Position])[]
  >
  const add = (kind: string, one: string, other: string) => {
    const [a, b] = [at.get(one), at.get(other)]
    if (a !== undefined && b !== undefined) lines[kind]?.push([a, b])
  }
  for (const [one, other] of pairsOf(network)) {
    for (const end of [one, other]) degree.set(end, (degree.get(end) ?? 0) + 1)
    const key = pairKey(one, other)
    if (cuts.has(key)) continue
    if (onRoute.has(key)) continue
    const isOwn = one === chosen || other === chosen
    if (isOwn) ahead.add(one).add(other)
    add(isOwn ? 'own' : 'usual', one, other)
  }
  // Also where packets pass no tunnel: on a LAN.
  for (const [at, hop] of route.slice(1).entries()) add('route', route[at] ?? hop, hop)
  for (const key of cuts) {
    const [one = '', other = ''] = key.split(' ')
    add('cut', one, other)
  }
  const stroke = (
    kind: string,
    colour: string,
    width: number,
    { dashed = false, isAhead = false } = {},
  ): Strokes => ({ colour, width, dashed, isAhead, lines: lines[kind] ?? [] })
  return {
    strokes: [
      many ? stroke('usual', colours.faint, 0.6) : stroke('usual', colours.line, 1.2),
      stroke('cut', colours.cut, 2.5, { dashed: true }),
      stroke('own', colours.way, 2, { isAhead: true }),
      stroke('route', colours.way, 4, { isAhead: true }),
    ],
    marks: network.nodes.flatMap((node): Mark | readonly [] => {
      const position = at.get(node.id)
      if (position === undefined) return []
      const isChosen = node.id === chosen
      const colour = colouring.colourOf(node)
      return {
        ...position,
        id: node.id,
        label: shortened(node.name, isChosen ? LONGEST_CHOSEN : LONGEST),
        colour: inMode(colour, mode),
        shape: colour.shape,
        radius: radius * (node.registry ? 1.5 : 1) + (isChosen ? 3 : 0),
        chosen: isChosen,
        isAhead: ahead.has(node.id),
        weight: isChosen || route.includes(node.id) ? 1e6 : node.registry ? 1e5 : (degree.get(node.id) ?? 0),
      }
    }),
    text: colours.text,
    background: colours.background,
  }
}
