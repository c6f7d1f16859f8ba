import type { JSX } from 'preact'
import { create } from 'qrcode'

/** Room around a code that readers need (ISO/IEC 18004). */
const QUIET = 4

/** A text as a QR code: black on white, also in the dark. */
export function QrCode({ text, label }: { readonly text: string; readonly label: string }): JSX.Element {
  const { modules } = create(text, { errorCorrectionLevel: 'M' })
  const size = modules.size + 2 * QUIET
  const path = [...modules.data]
    .map((dark, at) =>
      dark ? `M${(at % modules.size) + QUIET},${Math.floor(at / modules.size) + QUIET}h1v1h-1z` : '',
    )
    .join('')
  return (
    <svg class="qr" role="img" aria-label={label} viewBox={`0 0 ${size} ${size}`}>
      <rect width={size} height={size} fill="#ffffff" />
      <path d={path} fill="#000000" shape-rendering="crispEdges" />
    </svg>
  )
}
