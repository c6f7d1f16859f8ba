import type { JSX } from 'preact'

/** What went wrong, if anything did: it is read out at once. */
export function Problem({ what }: { readonly what: string | undefined }): JSX.Element | null {
  if (what === undefined) return null
  return (
    <p class="bad sentence" role="alert">
      {what}
    </p>
  )
}
