import { useEffect, useRef } from 'preact/hooks'
import { focusHeading } from './focus-heading.ts'

/** A dialog that is open as long as it is shown; after it the keyboard is where it was before. */
export function useModal(): { current: HTMLDialogElement | null } {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const { activeElement: before } = document
    dialog.current?.showModal()
    return () =>
      // It is taken out after this: as long as it is open, nothing behind it can have the keyboard.
      queueMicrotask(() => {
        // What was made by it may have the keyboard already.
        if (document.activeElement !== document.body) return
        if (before instanceof HTMLElement && before.isConnected) before.focus()
        // What it was opened by is gone, as a machine that was revoked.
        else focusHeading()
      })
  }, [])
  return dialog
}
