import { useCallback, useEffect, useState } from 'preact/hooks'
import { hashOf, type Place, placeOf } from './address.ts'

/** Tells what the browser does not: that the page itself has changed its address. */
const moved = new EventTarget()

/** The place that the address names, followed. */
export const usePlace = (): Place => placeOf(useHash())

/** What is behind the `#` of the address, with it, followed. */
export function useHash(): string {
  const [hash, setHash] = useState(location.hash)
  useEffect(() => {
    const look = () => setHash(location.hash)
    const sources: readonly [EventTarget, string][] = [
      [globalThis, 'hashchange'],
      [globalThis, 'popstate'],
      [moved, 'moved'],
    ]
    for (const [source, type] of sources) source.addEventListener(type, look)
    // It may have changed since it was shown.
    look()
    return () => {
      for (const [source, type] of sources) source.removeEventListener(type, look)
    }
  }, [])
  return hash
}

/** How an address is changed: as a place to go back from, or in the place of the one before. */
type Move = 'push' | 'replace'

/** Of the view that is shown, what is looked at, and how to look at something else. */
export function useParameters(): readonly [
  ReadonlyMap<string, string>,
  (changed: Readonly<Record<string, string | undefined>>, move: Move) => void,
] {
  const { parameters } = usePlace()
  const change = useCallback((changed: Readonly<Record<string, string | undefined>>, move: Move) => {
    const before = placeOf(location.hash)
    const hash = hashOf(before.view, new Map([...before.parameters, ...Object.entries(changed)]))
    if (hash === location.hash) return
    if (move === 'push') history.pushState(undefined, '', hash)
    else history.replaceState(undefined, '', hash)
    moved.dispatchEvent(new Event('moved'))
  }, [])
  return [parameters, change]
}
