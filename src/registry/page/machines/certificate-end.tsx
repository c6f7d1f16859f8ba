import type { JSX } from 'preact'
import { Moment } from '../parts/moment.tsx'
import { daysLeft } from '../parts/time.ts'
import { useNow } from '../parts/use-now.ts'

/** With fewer days left, a certificate is told apart: the registry says of its machine that it is expiring. */
const EXPIRING_DAYS = 30

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
