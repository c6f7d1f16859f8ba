import { useEffect, useRef } from 'preact/hooks'

/** A dialog that is open as long as it is shown; after it the keyboard is where it was before. */
export function useModal(): { current: HTMLDialogElement | null } {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    const { activeElement: before } = document
    dialog.current?.showModal()
    return () =>
      // It is taken out after this: as long as it is open, nothing behind it can have the keyboard.
      queueMicrotask(() => {
        if (before instanceof HTMLElement && before.isConnected) before.focus()
      })
  }, [])
  return dialog
}
