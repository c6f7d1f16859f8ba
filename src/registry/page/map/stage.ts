import { select } from 'd3-selection'
import { type D3ZoomEvent, zoom, zoomIdentity } from 'd3-zoom'
import { paint } from './paint.ts'
import type { Scene } from './scene.ts'
import { isSeen, markAt, motionBetween, showingAll, type Viewport } from './viewport.ts'

/** The canvas that a scene is drawn on, and moved with pointer, wheel, fingers or keys. */
export interface Stage {
  show(scene: Scene): void
  zoom(factor: number): void
  pan(x: number, y: number): void
  showAll(): void
  /** Moves a node into the middle if it cannot be seen. */
  bring(id: string): void
  stop(): void
}

/** Drawing that takes longer than this is not done at each step of a movement: the picture itself is moved meanwhile. */
const SLOW_MS = 8
/** So long nothing moves: then it is drawn anew. */
const PAUSE_MS = 120

/** @param chosen hears the node that was clicked; undefined: none */
export function startStage(canvas: HTMLCanvasElement, chosen: (id: string | undefined) => void): Stage {
  const context = canvas.getContext('2d', { willReadFrequently: true })
  const frame = canvas.parentElement
  if (context === null || frame === null) throw new Error('a canvas in a frame is needed')
  let scene: Scene | undefined
  let view: Viewport = { k: 1, tx: 0, ty: 0 }
  let drawn = view
  let size = { width: 0, height: 0 }
  let costMs = 0
  // Until somebody moves it, all of it is shown.
  let untouched = true
  let planned = 0
  let pause: ReturnType<typeof setTimeout> | undefined

  const draw = () => {
    if (scene === undefined) return
    const begun = performance.now()
    const ratio = devicePixelRatio
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    paint(context, scene, view, size.width, size.height)
    // Drawing on a canvas is put off until its picture is needed: asking for one makes its cost known.
    context.getImageData(0, 0, 1, 1)
    canvas.style.transform = ''
    drawn = view
    costMs = performance.now() - begun
  }
  const plan = (step: () => void) => {
    cancelAnimationFrame(planned)
    planned = requestAnimationFrame(step)
  }
  const follow = () => {
    clearTimeout(pause)
    if (costMs <= SLOW_MS) return draw()
    const { k, tx, ty } = motionBetween(drawn, view)
    canvas.style.transform = `translate(${tx}px, ${ty}px) scale(${k})`
    pause = setTimeout(() => plan(draw), PAUSE_MS)
  }

  const behaviour = zoom<HTMLElement, unknown>()
    .scaleExtent([0.02, 60])
    .on('zoom', ({ transform, sourceEvent }: D3ZoomEvent<HTMLElement, unknown>) => {
      if (sourceEvent !== null && sourceEvent !== undefined) untouched = false
      view = { k: transform.k, tx: transform.x, ty: transform.y }
      plan(follow)
    })
  const selection = select<HTMLElement, unknown>(frame).call(behaviour)
  selection.on('click', (event: MouseEvent) => {
    const { left, top } = frame.getBoundingClientRect()
    if (scene !== undefined)
      chosen(markAt(scene.marks, view, { x: event.clientX - left, y: event.clientY - top })?.id)
  })

  const showAll = () => {
    untouched = true
    const { k, tx, ty } = showingAll(scene?.marks ?? [], size.width, size.height)
    behaviour.transform(selection, zoomIdentity.translate(tx, ty).scale(k))
    plan(draw)
  }
  const observer = new ResizeObserver(([entry]) => {
    if (entry === undefined) return
    size = entry.contentRect
    canvas.width = Math.round(size.width * devicePixelRatio)
    canvas.height = Math.round(size.height * devicePixelRatio)
    if (untouched) showAll()
    plan(draw)
  })
  observer.observe(frame)

  return {
    show(next) {
      scene = next
      if (untouched) showAll()
      plan(draw)
    },
    zoom(factor) {
      untouched = false
      behaviour.scaleBy(selection, factor)
    },
    pan(x, y) {
      untouched = false
      behaviour.translateBy(selection, x / view.k, y / view.k)
    },
    showAll,
    bring(id) {
      const mark = scene?.marks.find((one) => one.id === id)
      if (mark === undefined || isSeen(mark, view, size.width, size.height)) return
      untouched = false
      behaviour.translateTo(selection, mark.x, mark.y, [size.width / 2, size.height / 2])
    },
    stop() {
      cancelAnimationFrame(planned)
      clearTimeout(pause)
      observer.disconnect()
      selection.on('.zoom', null)
    },
  }
}
