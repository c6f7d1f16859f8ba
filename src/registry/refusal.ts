/** A call that is answered by an error status; the reason goes into the log, and to the caller as text. */
export class Refusal extends Error {
  readonly status: RefusalStatus
  /** When it is worth trying again, where that is known (429, 503). */
  readonly retryAfterMs: number | undefined

  constructor(
    status: RefusalStatus,
    reason: string,
    { retryAfterMs }: { readonly retryAfterMs?: number } = {},
  ) {
    super(reason)
    this.status = status
    this.retryAfterMs = retryAfterMs
  }
}

/** Status of a refused call (protocol, section 4). */
export type RefusalStatus = 400 | 401 | 403 | 404 | 409 | 429 | 503 | 507
