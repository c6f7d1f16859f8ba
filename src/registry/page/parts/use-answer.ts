import { useCallback, useEffect, useState } from 'preact/hooks'

/** What was asked for: not there yet, there, or why not. */
export interface Asked<Answer> {
  readonly answer: Answer | undefined
  readonly problem: string | undefined
  readonly again: () => void
}

/** Asks when the component is shown, and again when `ask` is another: it has to be kept with useCallback. */
export function useAnswer<Answer>(ask: () => Promise<Answer>): Asked<Answer> {
  const [state, setState] = useState<{ answer?: Answer; problem?: string }>({})
  const [round, setRound] = useState(0)
  // Another round asks again.
  useEffect(() => {
    let wanted = true
    ask().then(
      (answer) => wanted && setState({ answer }),
      (error: unknown) => wanted && setState({ problem: sayWhy(error) }),
    )
    return () => {
      wanted = false
    }
  }, [ask, round])
  const again = useCallback(() => setRound((before) => before + 1), [])
  return { answer: state.answer, problem: state.problem, again }
}

/** What went wrong, for people. */
export const sayWhy = (error: unknown): string => (error instanceof Error ? error.message : String(error))
