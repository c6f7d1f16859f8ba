import { useEffect, useState } from 'preact/hooks'

/** What changes is seen within five seconds. */
const ROUND_MS = 4_000

/** Counts on while it is wanted: what is asked for in each round is never old. */
export function useRounds(isWanted: boolean): number {
  const [round, setRound] = useState(0)
  useEffect(() => {
    if (!isWanted) return
    const timer = setInterval(() => setRound((before) => before + 1), ROUND_MS)
    return () => clearInterval(timer)
  }, [isWanted])
  return round
}
