/**
 * The answer of everything that reads bytes or text from outside: a value, or the reason why there is none.
 * Hostile input never throws; `reason` is a lower-case phrase without a full stop, fit for a log line.
 */
export type Result<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly reason: string }

/** A value that was read. */
export const ok = <T>(value: T): Result<T> => ({ ok: true, value })

/** A refusal, with its reason. */
export const refuse = (reason: string): { readonly ok: false; readonly reason: string } => ({
  ok: false,
  reason,
})
