import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'

/** So long nobody types: then it counts. */
const PAUSE_MS = 250

interface DelayedInputProps {
  readonly label: string
  readonly value: string
  readonly change: (value: string) => void
  readonly placeholder: string
  readonly maxLength?: number
  readonly isInvalid?: boolean
  /** How wide it is. */
  readonly class?: string
}

/** A labelled input whose text counts when nobody types any more; from elsewhere, as by the button Back, it changes at once. */
export function DelayedInput(props: DelayedInputProps): JSX.Element {
  const { label, value, change, placeholder, maxLength = 400, isInvalid = false } = props
  const [text, setText] = useState(value)
  const counted = useRef(value)
  const latest = useRef(change)
  latest.current = change
  useEffect(() => {
    if (value === counted.current) return
    counted.current = value
    setText(value)
  }, [value])
  useEffect(() => {
    if (text.trim() === counted.current) return
    const timer = setTimeout(() => {
      counted.current = text.trim()
      latest.current(counted.current)
    }, PAUSE_MS)
    return () => clearTimeout(timer)
  }, [text])
  return (
    <label>
      {label}{' '}
      <input
        type="search"
        {...{ placeholder, maxLength }}
        class={props.class ?? ''}
        aria-invalid={isInvalid}
        value={text}
        onInput={({ currentTarget }) => setText(currentTarget.value)}
      />
    </label>
  )
}
