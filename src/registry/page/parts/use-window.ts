import { useEffect, useState } from 'preact/hooks'
import { type Window, windowOf } from './virtual-rows.ts'

/** Follows how a scrolling element is scrolled. */
export function useWindow(
  element: { readonly current: HTMLElement | null },
  rows: number,
  rowHeight: number,
): Window {
  const [place, setPlace] = useState({ height: 600, scrolled: 0 })
  const [isPrinted, setPrinted] = useState(false)
  useEffect(() => {
    // On paper nothing can be scrolled: all rows are drawn, which is done when the listeners of the event have been called.
    const begin = () => setPrinted(true)
    const end = () => setPrinted(false)
    addEventListener('beforeprint', begin)
    addEventListener('afterprint', end)
    return () => {
      removeEventListener('beforeprint', begin)
      removeEventListener('afterprint', end)
    }
  }, [])
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
  if (isPrinted) return { first: 0, end: rows, above: 0, below: 0 }
  return windowOf(rows, rowHeight, place.height, place.scrolled)
}
