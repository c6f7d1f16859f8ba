import type { JSX } from 'preact'
import type { PairState } from '../../api/schemas/standby.ts'
import { isWaiting, standbyText } from './pair-text.ts'

/** On every view: that nobody can join at the moment, and why. */
export function PairNotice({ pair }: { readonly pair: PairState | undefined }): JSX.Element {
  return (
    <div class="banner" role="status">
      {pair !== undefined && isWaiting(pair) && (
        <p class="warn">
          The standby: {standbyText(pair)} Until it is back, nobody can join or be shut out, and nothing can
          be changed. <a href="#registry">More</a>
        </p>
      )}
    </div>
  )
}
