import type { ComponentChildren, JSX } from 'preact'
import { useLayoutEffect, useRef, useState } from 'preact/hooks'
import { announce } from './announcements.tsx'
import { Problem } from './problem.tsx'
import { sayWhy } from './use-answer.ts'
import { useModal } from './use-modal.ts'

interface ConfirmProps {
  readonly title: string
  /** What it does, and what cannot be undone. */
  readonly children: ComponentChildren
  /** What the button that does it says. */
  readonly verb: string
  readonly danger?: boolean
  readonly act: () => Promise<unknown>
  /** Said when it was done. */
  readonly done: string
  /** It was done, or will not be. */
  readonly close: () => void
}

/** Says what an action does before it is done. */
export function Confirm({
  title,
  children,
  verb,
  danger = false,
  act,
  done,
  close,
}: ConfirmProps): JSX.Element {
  const dialog = useModal()
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState<string>()
  const isShown = useRef(true)
  // Not later than it is taken out: a refusal may come at once.
  useLayoutEffect(
    () => () => {
      isShown.current = false
    },
    [],
  )
  const go = () => {
    setBusy(true)
    setProblem(undefined)
    act().then(
      () => {
        announce(done)
        close()
      },
      (error: unknown) => {
        // Who has closed it meanwhile would not see that.
        if (!isShown.current) return announce(`${title} That was not done: ${sayWhy(error)}`)
        setBusy(false)
        setProblem(sayWhy(error))
      },
    )
  }
  return (
    <dialog ref={dialog} aria-labelledby="confirm-title" onClose={close}>
      <h2 id="confirm-title">{title}</h2>
      {children}
      <Problem what={problem} />
      <div class="buttons">
        <button type="button" onClick={close}>
          Cancel
        </button>
        <button type="button" class={danger ? 'danger' : 'primary'} disabled={busy} onClick={go}>
          {busy ? 'A moment…' : verb}
        </button>
      </div>
    </dialog>
  )
}
