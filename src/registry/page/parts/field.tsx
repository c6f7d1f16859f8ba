import type { ComponentChildren, JSX } from 'preact'

interface FieldProps {
  readonly label: string
  readonly hint?: string
  /** The input. */
  readonly children: ComponentChildren
}

/** A labelled input of a form. */
export function Field({ label, hint, children }: FieldProps): JSX.Element {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is what it contains
    <label class="field">
      <span>{label}</span>
      {children}
      {hint !== undefined && <small>{hint}</small>}
    </label>
  )
}

/** What was written into a form, by the names of its fields. */
export function valuesOf(event: SubmitEvent): ReadonlyMap<string, string> {
  event.preventDefault()
  const data = new FormData(event.currentTarget as HTMLFormElement)
  return new Map([...data].map(([name, value]) => [name, String(value).trim()]))
}
