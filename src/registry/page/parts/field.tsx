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

interface NumberFieldProps {
  readonly label: string
  readonly hint?: string
  readonly name: string
  readonly min: number
  readonly max?: number
  readonly value: number
}

/** A whole number that a form asks for. */
export function NumberField({ label, hint, name, min, max, value }: NumberFieldProps): JSX.Element {
  const bounds = max === undefined ? { min } : { min, max }
  return (
    <Field label={label} {...(hint === undefined ? {} : { hint })}>
      <input name={name} type="number" {...bounds} defaultValue={String(value)} required />
    </Field>
  )
}

/** What was written into a form, by the names of its fields. */
export function valuesOf(event: SubmitEvent): ReadonlyMap<string, string> {
  event.preventDefault()
  const data = new FormData(event.currentTarget as HTMLFormElement)
  return new Map([...data].map(([name, value]) => [name, String(value).trim()]))
}
