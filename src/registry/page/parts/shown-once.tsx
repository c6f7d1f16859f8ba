import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useRef } from 'preact/hooks'

interface ShownOnceProps {
  /** Of the region: what it is. */
  readonly label: string
  readonly heading: string
  readonly children: ComponentChildren
  /** It was copied, or is not needed. */
  readonly close: () => void
}

/** What cannot be shown again: whoever has made it is led to it, and says when it is not needed any more. */
export function ShownOnce({ label, heading, children, close }: ShownOnceProps): JSX.Element {
  const title = useRef<HTMLHeadingElement>(null)
  // After the dialog that it was made by is gone: as long as that is open, nothing else can have the keyboard.
  useEffect(() => {
    const lead = () => {
      if (document.querySelector('dialog[open]') !== null) {
        frame = requestAnimationFrame(lead)
        return
      }
      title.current?.focus()
      title.current?.scrollIntoView({ block: 'nearest' })
    }
    let frame = requestAnimationFrame(lead)
    return () => cancelAnimationFrame(frame)
  }, [])
  return (
    <section class="card once" aria-label={label}>
      <h2 ref={title} tabIndex={-1}>
        {heading}
      </h2>
      {children}
      <div class="buttons">
        <button type="button" onClick={close}>
          Done
        </button>
      </div>
    </section>
  )
}
