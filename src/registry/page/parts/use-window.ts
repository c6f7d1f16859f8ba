import { useEffect, useState } from 'preact/hooks'
import { type Window, windowOf } from './virtual-rows.ts'

/** Follows how a scrolling element is scrolled. */
export function useWindow(
  element: { readonly current: HTMLElement | null },
  rows: number,
  rowHeight: number,
): Window {
  const [place, setPlace] = useState({ height: 600, scrolled: 0 })
  useEffect(() => {
    const { current } = element
    if (current === null) return
    const look = () => setPlace({ height: current.clientHeight, scrolled: current.scrollTop })
    const observer = new ResizeObserver(look)
    observer.observe(current)
    current.addEventListener('scroll', look, { passive: true })
    look()
    return () => {
      observer.disconnect()
      current.removeEventListener('scroll', look)
    }
  }, [element])
  return windowOf(rows, rowHeight, place.height, place.scrolled)
}
