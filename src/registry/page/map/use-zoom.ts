import { select } from 'd3-selection'
import { type D3ZoomEvent, type ZoomBehavior, zoom, zoomIdentity } from 'd3-zoom'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { Position } from './positions.ts'
import type { Viewport } from './viewport.ts'

/** A drawing that is moved and magnified by pointer, wheel or fingers, and by buttons. */
interface Zoomed {
  readonly view: Viewport
  /** How wide it is, in pixels. */
  readonly width: number
  /** @param point of the drawing that stays where it is; without one, its middle */
  readonly zoom: (factor: number, point: Position | undefined) => void
  readonly showAll: () => void
}

const WHOLE: Viewport = { k: 1, tx: 0, ty: 0 }
/** How much it is magnified at most. */
const MOST = 40

/** Follows how a drawing is moved. @param height of the drawing for each pixel of its width */
export function useZoom(frame: { readonly current: SVGSVGElement | null }, height: number): Zoomed {
  const [view, setView] = useState(WHOLE)
  const [width, setWidth] = useState(960)
  const behaviour = useRef<ZoomBehavior<SVGSVGElement, unknown>>(undefined)
  useEffect(() => {
    const { current } = frame
    if (current === null) return
    const its = zoom<SVGSVGElement, unknown>()
      .scaleExtent([1, MOST])
      .on('zoom', ({ transform }: D3ZoomEvent<SVGSVGElement, unknown>) =>
        setView({ k: transform.k, tx: transform.x, ty: transform.y }),
      )
    behaviour.current = its
    const selection = select<SVGSVGElement, unknown>(current).call(its)
    const observer = new ResizeObserver(([entry]) => {
      const now = entry?.contentRect.width ?? 0
      if (now === 0) return
      its.extent([
        [0, 0],
        [now, now * height],
      ])
      its.translateExtent([
        [0, 0],
        [now, now * height],
      ])
      setWidth(now)
    })
    observer.observe(current)
    return () => {
      observer.disconnect()
      selection.on('.zoom', null)
    }
  }, [frame, height])
  const act = (step: (its: ZoomBehavior<SVGSVGElement, unknown>, element: SVGSVGElement) => void) => {
    if (frame.current !== null && behaviour.current !== undefined) step(behaviour.current, frame.current)
  }
  return {
    ...{ view, width },
    zoom: (factor, point) =>
      act((its, element) =>
        its.scaleBy(select<SVGSVGElement, unknown>(element), factor, point && [point.x, point.y]),
      ),
    showAll: () =>
      act((its, element) => its.transform(select<SVGSVGElement, unknown>(element), zoomIdentity)),
  }
}
