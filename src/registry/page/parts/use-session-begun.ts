import { useEffect } from 'preact/hooks'
import { sessionEvents } from '../api.ts'

/** Calls `begun` when somebody has signed in again, behind whom the page was left as it is. */
export function useSessionBegun(begun: () => void): void {
  useEffect(() => {
    sessionEvents.addEventListener('begun', begun)
    return () => sessionEvents.removeEventListener('begun', begun)
  }, [begun])
}
