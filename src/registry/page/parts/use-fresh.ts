import { useEffect } from 'preact/hooks'

/** What others do is seen after this at the latest, by whoever looks. */
const ROUND_MS = 5_000

/** Asks again and again, as long as the page can be seen. @param again always the same function */
export function useFresh(again: () => void): void {
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === 'visible') again()
    }, ROUND_MS)
    return () => clearInterval(timer)
  }, [again])
}
