import type { JSX } from 'preact'
import { EXPIRING_DAYS } from '../../../core/values/machine-states.ts'
import { Moment } from '../parts/moment.tsx'
import { daysLeft } from '../parts/time.ts'
import { useNow } from '../parts/use-now.ts'

/** Until when a certificate is valid: what is about to end, or has ended, is seen without reading it. */
export function CertificateEnd({
  at,
  form = 'both',
}: {
  readonly at: string
  readonly form?: 'both' | 'day'
}): JSX.Element {
  const left = daysLeft(Date.parse(at), useNow())
  return (
    <span class={left < 0 ? 'bad' : left < EXPIRING_DAYS ? 'warn' : undefined}>
      <Moment at={at} form={form} />
    </span>
  )
}
