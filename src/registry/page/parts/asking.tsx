import type { JSX } from 'preact'
import type { Asked } from './use-answer.ts'

/** As long as there is neither an answer nor a reason why there is none. */
export function Asking({ asked }: { readonly asked: Omit<Asked<unknown>, 'again'> }): JSX.Element | null {
  if (asked.answer !== undefined || asked.problem !== undefined) return null
  return (
    <p class="notice asking" role="status">
      Asking the registry…
    </p>
  )
}
