import { exitStatusOf, messageOf } from '../core/errors.ts'
import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'

/** A clean-up takes seconds at most; one that what went wrong keeps from ending must not keep the service from starting again. */
const LAST_MS = 30_000

/**
 * Hears of what nobody foresaw, exceptions and rejections without a handler: each is written to the log, and the first
 * one ends the daemon in order, with everything undone. The service manager starts it again. Until disposed of.
 * @param end called once, with the error that the daemon is to end with
 */
export function hearUnexpected(
  { clock, log }: { readonly clock: Pick<Clock, 'after'>; readonly log: Logger },
  end: (error: Error) => void,
): Disposable {
  let deadline: Disposable | undefined
  // Node.js gives rejections that nobody hears to the same event.
  const hear = (cause: unknown) => {
    const error = cause instanceof Error ? cause : new Error(messageOf(cause))
    log.error({ err: error }, 'unexpected: the daemon ends in order')
    if (deadline) return
    deadline = clock.after(LAST_MS, () => process.exit(exitStatusOf(error)))
    end(error)
  }
  process.on('uncaughtException', hear)
  return {
    [Symbol.dispose]() {
      deadline?.[Symbol.dispose]()
      process.off('uncaughtException', hear)
    },
  }
}
