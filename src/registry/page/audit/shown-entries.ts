import type { AuditEntry } from '../../api/schemas/audit.ts'

/**
 * The latest entries, and behind them those that were loaded before, each once. Where others may be missing in between, since many were
 * made while nobody looked, only the latest: all others are loaded again behind them.
 */
export function shownEntries<Entry extends Pick<AuditEntry, 'number'>>(
  latest: readonly Entry[],
  older: readonly Entry[],
): readonly Entry[] {
  const [end, begin] = [latest.at(-1), older[0]]
  if (end !== undefined && begin !== undefined && begin.number + 1 < end.number) return latest
  return [...new Map([...latest, ...older].map((entry) => [entry.number, entry])).values()]
}
