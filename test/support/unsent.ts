import type { Delivery } from '../../src/registry/unheard-certificates.ts'

/** An answer that is never sent: its client is gone. */
export const unsent: Delivery = { signal: AbortSignal.abort(), onSent: () => {} }
