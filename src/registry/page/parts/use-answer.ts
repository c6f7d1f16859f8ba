import { useCallback, useEffect, useState } from 'preact/hooks'
import { useSessionBegun } from './use-session-begun.ts'

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
    ask().then(
      (answer) => wanted && setState({ answer }),
      (error: unknown) => wanted && setState((before) => ({ ...before, problem: sayWhy(error) })),
    )
    return () => {
      wanted = false
    }
  }, [ask, round])
  const again = useCallback(() => setRound((before) => before + 1), [])
  useSessionBegun(again)
  return { answer: state.answer, problem: state.problem, again }
}

/** What went wrong, for people. */
export const sayWhy = (error: unknown): string => (error instanceof Error ? error.message : String(error))
