import { useCallback, useEffect, useRef, useState } from 'preact/hooks'
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
 * again. What is asked for again while the answer is on its way is asked for after that: an answer may take longer than the pause
 * between two questions, and is shown all the same.
 */
export function useAnswer<Answer>(ask: () => Promise<Answer>): Asked<Answer> {
  const [state, setState] = useState<{ answer?: Answer; problem?: string }>({})
  const latest = useRef<() => void>(() => {})
  useEffect(() => {
    let wanted = true
    let isAsking = false
    let isWantedAgain = false
    let timer: ReturnType<typeof setTimeout> | undefined
    const go = () => {
      if (!wanted) return
      clearTimeout(timer)
      isWantedAgain = isAsking
      if (isAsking) return
      isAsking = true
      ask()
        .then(
          (answer) => wanted && setState({ answer }),
          (error: unknown) => {
            if (!wanted) return
            const isAway = error instanceof ApiFailure && error.isAway
            const problem = `${sayWhy(error)}${isAway ? '; asking again…' : ''}`
            setState((before) => ({ ...before, problem }))
            if (isAway) timer = setTimeout(go, AGAIN_MS)
          },
        )
        .finally(() => {
          isAsking = false
          if (isWantedAgain) go()
        })
    }
    latest.current = go
    go()
    return () => {
      wanted = false
      clearTimeout(timer)
    }
  }, [ask])
  const again = useCallback(() => latest.current(), [])
  useSessionBegun(again)
  return { answer: state.answer, problem: state.problem, again }
}

/** What went wrong, for people. */
export const sayWhy = (error: unknown): string => (error instanceof Error ? error.message : String(error))
