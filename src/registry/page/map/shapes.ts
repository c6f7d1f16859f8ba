/**
 * Shapes of nodes: what colours say, they say, too, to who does not tell colours apart. All are about as large as a disc of radius 1.
 */
export const SHAPES = [
  'disc',
  'square',
  'triangle',
  'diamond',
  'cross',
  'downwards',
  'hexagon',
  'star',
  'ring',
] as const
export type Shape = (typeof SHAPES)[number]

type Point = readonly [number, number]

/** What shapes are drawn on: a canvas, a `Path2D`. */
interface Pen {
  moveTo(x: number, y: number): void
  lineTo(x: number, y: number): void
  closePath(): void
  arc(x: number, y: number, radius: number, begin: number, end: number, counterclockwise?: boolean): void
}

/** Part of a ring's radius that is hollow. */
const HOLLOW = 0.6

const regular = (corners: number, radius: number, turned: number): readonly Point[] =>
  Array.from({ length: corners }, (_, at): Point => {
    const angle = (2 * Math.PI * at) / corners + turned
    return [radius * Math.cos(angle), radius * Math.sin(angle)]
  })

const UP = -Math.PI / 2

function star(): readonly Point[] {
  const [outer, inner] = [regular(5, 1.3, UP), regular(5, 0.6, UP + Math.PI / 5)]
  return outer.flatMap((point, at) => [point, inner[at] ?? point])
}

/** An upright cross, turned: like the letter. */
function cross(): readonly Point[] {
  const [arm, half] = [1.3, 0.42]
  const quarter: readonly Point[] = [
    [half, -half],
    [arm, -half],
    [arm, half],
  ]
  const turn = ([x, y]: Point, angle: number): Point => [
    x * Math.cos(angle) - y * Math.sin(angle),
    x * Math.sin(angle) + y * Math.cos(angle),
  ]
  return [0, 1, 2, 3].flatMap((at) => quarter.map((point) => turn(point, Math.PI / 4 + (at * Math.PI) / 2)))
}

const CORNERS: Readonly<Partial<Record<Shape, readonly Point[]>>> = {
  square: regular(4, 1.25, Math.PI / 4),
  triangle: regular(3, 1.35, UP),
  diamond: regular(4, 1.25, UP),
  cross: cross(),
  downwards: regular(3, 1.35, -UP),
  hexagon: regular(6, 1.1, 0),
  star: star(),
}

/** Adds a shape to what a pen draws. @param radius of a disc that is about as large */
export function traceShape(pen: Pen, shape: Shape, x: number, y: number, radius: number): void {
  const corners = CORNERS[shape]
  if (corners !== undefined) {
    for (const [at, [across, down]] of corners.entries()) {
      if (at === 0) pen.moveTo(x + across * radius, y + down * radius)
      else pen.lineTo(x + across * radius, y + down * radius)
    }
    return pen.closePath()
  }
  pen.moveTo(x + radius, y)
  pen.arc(x, y, radius, 0, 2 * Math.PI)
  if (shape !== 'ring') return
  pen.moveTo(x + HOLLOW * radius, y)
  pen.arc(x, y, HOLLOW * radius, 0, 2 * Math.PI, true)
}

/** The same as a path of SVG, around 0. */
export function shapePath(shape: Shape, radius: number): string {
  const corners = CORNERS[shape]
  if (corners !== undefined)
    return `M${corners.map((point) => point.map((part) => (part * radius).toFixed(2)).join(' ')).join('L')}Z`
  const circle = (size: number, sweep: 0 | 1) =>
    `M${-size} 0A${size} ${size} 0 1 ${sweep} ${size} 0A${size} ${size} 0 1 ${sweep} ${-size} 0Z`
  return shape === 'ring' ? circle(radius, 1) + circle(HOLLOW * radius, 0) : circle(radius, 1)
}
