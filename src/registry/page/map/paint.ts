import type { Scene } from './scene.ts'
import { traceShape } from './shapes.ts'
import { labelled, onScreen, type Viewport } from './viewport.ts'

/** Draws all of it. @param width @param height in CSS pixels; the context is scaled already */
export function paint(
  context: CanvasRenderingContext2D,
  scene: Scene,
  view: Viewport,
  width: number,
  height: number,
): void {
  context.clearRect(0, 0, width, height)
  for (const isAhead of [false, true]) {
    paintLines(
      context,
      scene.strokes.filter((strokes) => strokes.isAhead === isAhead),
      view,
    )
    paintMarks(context, scene, isAhead, view, width, height)
  }
  paintLabels(context, scene, view, width, height)
}

function paintLines(context: CanvasRenderingContext2D, strokes: Scene['strokes'], view: Viewport): void {
  for (const { colour, width, dashed, lines } of strokes) {
    context.strokeStyle = colour
    context.lineWidth = width
    context.setLineDash(dashed ? [6, 6] : [])
    context.beginPath()
    for (const [from, to] of lines) {
      const [a, b] = [onScreen(from, view), onScreen(to, view)]
      context.moveTo(a.x, a.y)
      context.lineTo(b.x, b.y)
    }
    context.stroke()
  }
  context.setLineDash([])
}

/** Nodes of one colour at once: many small paths cost more than one long. */
function paintMarks(
  context: CanvasRenderingContext2D,
  { marks, background, text }: Scene,
  isAhead: boolean,
  view: Viewport,
  width: number,
  height: number,
): void {
  const byColour = new Map<string, Path2D>()
  for (const mark of marks) {
    if (mark.isAhead !== isAhead) continue
    const { x, y } = onScreen(mark, view)
    if (x < -20 || y < -20 || x > width + 20 || y > height + 20) continue
    const path = byColour.get(mark.colour) ?? new Path2D()
    byColour.set(mark.colour, path)
    traceShape(path, mark.shape, x, y, mark.radius)
    if (!mark.chosen) continue
    context.strokeStyle = text
    context.lineWidth = 6
    context.beginPath()
    traceShape(context, mark.shape, x, y, mark.radius)
    context.stroke()
  }
  // A rim keeps nodes apart that lie on each other; among thousands it would hide them.
  const rim = isAhead || marks.length <= 300
  context.strokeStyle = background
  context.lineWidth = 3
  for (const [colour, path] of byColour) {
    if (rim) context.stroke(path)
    context.fillStyle = colour
    context.fill(path)
  }
}

function paintLabels(
  context: CanvasRenderingContext2D,
  { marks, text, background }: Scene,
  view: Viewport,
  width: number,
  height: number,
): void {
  context.font = '600 13px system-ui, sans-serif'
  context.textAlign = 'center'
  context.textBaseline = 'top'
  context.lineJoin = 'round'
  context.lineWidth = 4
  context.strokeStyle = background
  context.fillStyle = text
  for (const mark of labelled(marks, view, width, height)) {
    const { x, y } = onScreen(mark, view)
    const half = context.measureText(mark.label).width / 2 + context.lineWidth
    // As a whole, also at an edge.
    const middle = Math.max(half, Math.min(width - half, x))
    context.strokeText(mark.label, middle, y + mark.radius + 3)
    context.fillText(mark.label, middle, y + mark.radius + 3)
  }
}
