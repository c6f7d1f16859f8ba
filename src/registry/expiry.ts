import { Re6stError } from '../core/errors.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from './database/store.ts'
import type { Ledger } from './ledger.ts'

/**
 * Frees the prefixes of certificates that ended longer ago than the grace period, merges what is free, and deletes
 * tokens, entries of the CRL and of issued certificates that are as old. A clock that is ahead must not revoke less: the
 * CRL that is published has only what has not ended, but what has is not forgotten at once.
 * @returns the prefixes that are free now
 * @throws Re6stError `FILE` when the registry's own certificate would go: the clock or the database is wrong; another error
 *   when the database cannot be written: then nobody has lost anything
 */
export function cleanUpExpired(
  {
    store,
    ledger,
    clock,
    log,
  }: { readonly store: Store; readonly ledger: Ledger; readonly clock: Clock; readonly log: Logger },
  gracePeriodMs: number,
  registryPrefix: string | undefined,
): string[] {
  const nowMs = clock.now()
  const expired = [...ledger.holders()].filter(({ notAfterMs }) => notAfterMs < nowMs - gracePeriodMs)
  if (expired.some(({ prefix }) => prefix === registryPrefix))
    throw new Re6stError(
      'FILE',
      "the certificate of the registry's own node has expired: set the clock, or restore the database",
    )
  const undo = expired.map(({ prefix }) => ledger.release(prefix))
  try {
    store.writeNow((writable) => {
      ledger.saveTo(writable)
      const longAgo = Math.floor((nowMs - gracePeriodMs) / 1000)
      writable.deleteTokensBefore(longAgo)
      writable.deleteMadeTokensBefore(Math.floor(nowMs / 1000))
      writable.deleteCrlBefore(longAgo)
      writable.deleteIssuedBefore(longAgo)
      writable.run('DELETE FROM expiry_mail WHERE serial NOT IN (SELECT serial FROM issued)')
    })
  } catch (error) {
    // They hold their prefixes until that is written, and are removed the next time.
    for (const hold of undo) hold?.()
    throw error
  }
  // What is free is free, whether this can be written now or with what comes next.
  ledger.merge()
  store.writeNow((writable) => ledger.saveTo(writable))
  if (expired.length > 0) log.info({ count: expired.length }, 'expired certificates were removed')
  return expired.map(({ prefix }) => prefix)
}
