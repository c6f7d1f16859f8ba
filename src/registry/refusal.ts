/**
 * A call that is answered by an error status; the reason goes into the log, and to the caller as text. A cause is for the log alone: what
 * its operator has to see to.
 */
export class Refusal extends Error {
  readonly status: RefusalStatus
  /** When it is worth trying again, where that is known (429, 503). */
  readonly retryAfterMs: number | undefined

  constructor(
    status: RefusalStatus,
    reason: string,
    { retryAfterMs, cause }: { readonly retryAfterMs?: number; readonly cause?: unknown } = {},
  ) {
    super(reason, { cause })
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** Status of a refused call (protocol, section 4). */
export type RefusalStatus = 400 | 401 | 403 | 404 | 409 | 429 | 503 | 507
