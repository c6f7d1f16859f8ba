/** A call that is answered by an error status; the reason goes into the log, and to the caller as text. */
export class Refusal extends Error {
  readonly status: RefusalStatus

  constructor(status: RefusalStatus, reason: string) {
    super(reason)
    this.status = status
  }
}

/** Status of a refused call (protocol, section 4). */
export type RefusalStatus = 400 | 401 | 403 | 404 | 409 | 429 | 503 | 507
