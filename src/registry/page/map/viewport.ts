import type { Position } from './positions.ts'
import type { Mark } from './scene.ts'

/** Where a point of the drawing is on the screen: `x * k + tx`, `y * k + ty`, in CSS pixels. */
export interface Viewport {
  readonly k: number
  readonly tx: number
  readonly ty: number
}

/** Room around a drawing that is shown whole; at its foot, labels are below nodes, and buttons. */
const MARGIN = 48
const FOOT = 32
/** A few nodes are not drawn larger than this. */
const LARGEST = 12
/** A finger's half width: this near is on it. */
const NEAR = 10

export const onScreen = ({ x, y }: Position, { k, tx, ty }: Viewport): Position => ({
  x: x * k + tx,
  y: y * k + ty,
})

/** The viewport that shows all of them. */
export function showingAll(places: Iterable<Position>, width: number, height: number): Viewport {
  let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity]
  for (const { x, y } of places) {
    left = Math.min(left, x)
    right = Math.max(right, x)
    top = Math.min(top, y)
    bottom = Math.max(bottom, y)
  }
  if (left > right) return { k: 1, tx: width / 2, ty: height / 2 }
  const room = (length: number) => Math.max(1, length - 2 * MARGIN)
  const k = Math.min(LARGEST, room(width) / (right - left || 1), room(height - FOOT) / (bottom - top || 1))
  return { k, tx: width / 2 - (k * (left + right)) / 2, ty: (height - FOOT) / 2 - (k * (top + bottom)) / 2 }
}

/** Whether a place is on the screen, and not at its very edge. */
export function isSeen(place: Position, view: Viewport, width: number, height: number): boolean {
  const { x, y } = onScreen(place, view)
  return x >= NEAR && y >= NEAR && x <= width - NEAR && y <= height - NEAR
}

/** The node that was meant by a click there: the nearest, if one is near. */
export function markAt(marks: readonly Mark[], view: Viewport, point: Position): Mark | undefined {
  let best: Mark | undefined
  let nearest = Number.POSITIVE_INFINITY
  for (const mark of marks) {
    const { x, y } = onScreen(mark, view)
    const distance = Math.hypot(x - point.x, y - point.y) - mark.radius
    if (distance < NEAR && distance < nearest) {
      best = mark
      nearest = distance
    }
  }
  return best
}

/** How a picture that was drawn at one viewport has to be moved to be right at another. */
export function motionBetween(drawn: Viewport, now: Viewport): Viewport {
  const k = now.k / drawn.k
  return { k, tx: now.tx - drawn.tx * k, ty: now.ty - drawn.ty * k }
}

/** The nodes whose labels are written: the weightiest first, as long as none is on another. */
export function labelled(
  marks: readonly Mark[],
  view: Viewport,
  width: number,
  height: number,
): readonly Mark[] {
  const cells = new Map<string, Mark>()
  for (const mark of marks) {
    const { x, y } = onScreen(mark, view)
    if (x < 0 || y < 0 || x > width || y > height) continue
    const cell = `${Math.floor(x / CELL.width)} ${Math.floor(y / CELL.height)}`
    const other = cells.get(cell)
    if (other === undefined || other.weight < mark.weight) cells.set(cell, mark)
  }
  const placed: Mark[] = []
  for (const mark of [...cells.values()].sort((a, b) => b.weight - a.weight))
    if (!placed.some((other) => touches(mark, other, view))) placed.push(mark)
  return placed
}

function touches(one: Mark, other: Mark, { k }: Viewport): boolean {
  const width = ((one.label.length + other.label.length) * LETTER) / 2
  const below = one.y * k + one.radius - (other.y * k + other.radius)
  return Math.abs(one.x - other.x) * k < width + 8 && Math.abs(below) < LABEL_HEIGHT
}

/** Of each of them at most one label is tried. */
const CELL = { width: 110, height: 32 }
/** About the width of a letter of a label, and its height. */
const LETTER = 8
const LABEL_HEIGHT = 20
