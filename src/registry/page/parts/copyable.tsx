import type { JSX } from 'preact'
import { useState } from 'preact/hooks'

interface CopyableProps {
  readonly text: string
  /** What it is, to be read out: `the token`. */
  readonly what: string
}

/** A text to be used elsewhere: where the browser lets a page, a button copies it. */
export function Copyable({ text, what }: CopyableProps): JSX.Element {
  const [copied, setCopied] = useState<string>()
  const verb = copied === text ? 'Copied' : 'Copy'
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => setCopied(text),
      // It can be chosen and copied by hand.
      () => setCopied(undefined),
    )
  return (
    <div class="copyable">
      <pre>{text}</pre>
      {isSecureContext && (
        <button type="button" aria-label={`${verb} ${what}`} onClick={copy}>
          {verb}
        </button>
      )}
    </div>
  )
}
