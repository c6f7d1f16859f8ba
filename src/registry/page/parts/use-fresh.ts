import { useEffect } from 'preact/hooks'

/** What others do is seen after this at the latest, by whoever looks. */
const ROUND_MS = 5_000

/** Asks again and again, as long as the page can be seen. @param again always the same function */
export function useFresh(again: () => void): void {
  useEffect(() => {
    const look = () => {
      if (document.visibilityState === 'visible') again()
    }
    const timer = setInterval(look, ROUND_MS)
    // Who comes back to it sees nothing old.
    document.addEventListener('visibilitychange', look)
    return () => {
      clearInterval(timer)
      document.removeEventListener('visibilitychange', look)
    }
  }, [again])
}
