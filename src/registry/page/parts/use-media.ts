import { useEffect, useState } from 'preact/hooks'

/** Whether a media query holds, followed as it changes. */
function useMedia(query: string): boolean {
  const [holds, setHolds] = useState(() => matchMedia(query).matches)
  useEffect(() => {
    const list = matchMedia(query)
    const changed = () => setHolds(list.matches)
    list.addEventListener('change', changed)
    return () => list.removeEventListener('change', changed)
  }, [query])
  return holds
}

/** Whether the page is shown dark. */
export const useDark = (): boolean => useMedia('(prefers-color-scheme: dark)')
