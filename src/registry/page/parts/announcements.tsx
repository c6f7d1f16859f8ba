import type { JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'

const said = new EventTarget()
/** Long enough to be read, also by who is asked something else meanwhile. */
const SHOWN_MS = 10_000

/** Says what was done, to who sees the page and to who hears it, wherever on it one is. */
export const announce = (text: string): void => {
  said.dispatchEvent(new CustomEvent('said', { detail: text }))
}

/** Where {@link announce} is seen and heard: what comes into it is read out. */
export function Announcements(): JSX.Element {
  const [text, setText] = useState<string>()
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined
    const hear = (event: Event) => {
      clearTimeout(timer)
      setText(String((event as CustomEvent<string>).detail))
      timer = setTimeout(() => setText(undefined), SHOWN_MS)
    }
    said.addEventListener('said', hear)
    return () => {
      clearTimeout(timer)
      said.removeEventListener('said', hear)
    }
  }, [])
  return (
    <div class="announcements" role="status">
      {text !== undefined && <p>{text}</p>}
    </div>
  )
}
