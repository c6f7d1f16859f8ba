import { messageOf } from '../core/errors.ts'

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

/** Why something could not be done, for an operator: what has caused a refusal, where it says that. */
export const reasonForOperator = (error: unknown): string =>
  messageOf(error instanceof Refusal && error.cause !== undefined ? error.cause : error)

/** Status of a refused call (protocol, section 4). */
export type RefusalStatus = 400 | 401 | 403 | 404 | 409 | 429 | 503 | 507
