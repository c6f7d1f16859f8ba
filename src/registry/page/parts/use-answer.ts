import { useCallback, useEffect, useState } from 'preact/hooks'
import { ApiFailure } from '../api.ts'
import { useSessionBegun } from './use-session-begun.ts'

/** After this, a registry that did not answer is asked again. */
const AGAIN_MS = 5_000

/** What was asked for: not there yet, there, or why not. */
export interface Asked<Answer> {
  /** The last that there was, also when it could not be asked for again. */
  readonly answer: Answer | undefined
  readonly problem: string | undefined
  readonly again: () => void
}

/**
 * Asks when the component is shown, again when `ask` is another (it has to be kept with useCallback), and when somebody has signed in
 * again.
 */
export function useAnswer<Answer>(ask: () => Promise<Answer>): Asked<Answer> {
  const [state, setState] = useState<{ answer?: Answer; problem?: string }>({})
  const [round, setRound] = useState(0)
  // Another round asks again.
  useEffect(() => {
    let wanted = true
    let timer: ReturnType<typeof setTimeout> | undefined
    ask().then(
      (answer) => wanted && setState({ answer }),
      (error: unknown) => {
        if (!wanted) return
        const isAway = error instanceof ApiFailure && error.isAway
        setState((before) => ({ ...before, problem: `${sayWhy(error)}${isAway ? '; asking again…' : ''}` }))
        if (isAway) timer = setTimeout(() => setRound((before) => before + 1), AGAIN_MS)
      },
    )
    return () => {
      wanted = false
      clearTimeout(timer)
    }
  }, [ask, round])
  const again = useCallback(() => setRound((before) => before + 1), [])
  useSessionBegun(again)
  return { answer: state.answer, problem: state.problem, again }
}

/** What went wrong, for people. */
export const sayWhy = (error: unknown): string => (error instanceof Error ? error.message : String(error))
