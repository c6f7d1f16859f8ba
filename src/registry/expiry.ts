import { Re6stError } from '../core/errors.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from './database/store.ts'
import type { Ledger } from './ledger.ts'
import { forgetUnheard } from './unheard-certificates.ts'

/**
 * Frees the prefixes of certificates that ended longer ago than the grace period, merges what is free, and deletes
 * tokens, entries of the CRL and of issued certificates that are as old. A clock that is ahead must not revoke less: the
 * CRL that is published has only what has not ended, but what has is not forgotten at once. Nor may it give away a prefix that somebody
 * has: of this machine's clock and that which all processes have in common, the one that is behind counts.
 * @returns the prefixes that are free now
 * @throws Re6stError `FILE` when the registry's own certificate would go: the clock or the database is wrong; another error
 *   when the database cannot be written: then nobody has lost anything
 */
export async function cleanUpExpired(
  {
    store,
    ledger,
    clock,
    log,
  }: { readonly store: Store; readonly ledger: Ledger; readonly clock: Clock; readonly log: Logger },
  gracePeriodMs: number,
  registryPrefix: string | undefined,
): Promise<string[]> {
  const commonMs = await store.commonTimeMs(clock)
  const nowMs = Math.min(commonMs, clock.now())
  const longAgo = Math.floor((nowMs - gracePeriodMs) / 1000)
  const expired = await store.write(async (writable) => {
    const expired = await ledger.endedBefore(writable, nowMs - gracePeriodMs)
    if (expired.some(({ prefix }) => prefix === registryPrefix))
      throw new Re6stError(
        'FILE',
        "the certificate of the registry's own node has expired: set the clock, or restore the database",
      )
    for (const { prefix } of expired) {
      await ledger.release(writable, prefix)
      await writable.endSession(prefix)
    }
    await ledger.giveBackOld(writable, commonMs)
    await ledger.merge(writable)
    await writable.deleteTokensBefore(longAgo)
    await writable.deleteMadeTokensBefore(Math.floor(nowMs / 1000))
    await forgetUnheard(writable, nowMs)
    await writable.deleteCrlBefore(longAgo)
    await writable.deleteIssuedBefore(longAgo)
    await writable.run(
      'DELETE FROM expiry_mail WHERE NOT EXISTS (SELECT 1 FROM issued WHERE issued.serial = expiry_mail.serial)',
    )
    await writable.deleteSessionsBefore(longAgo)
    await writable.forgetCommitted(Math.floor(nowMs / 1000) - COMMITTED_SECONDS)
    return expired
  })
  if (expired.length > 0) log.info({ count: expired.length }, 'expired certificates were removed')
  return expired.map(({ prefix }) => prefix)
}

/** Whoever does not know whether its transaction was committed asks within seconds. */
const COMMITTED_SECONDS = 24 * 3600
