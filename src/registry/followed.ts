import type { Queries } from './database/queries.ts'

/** Which configuration is asked about, and of whom. */
export interface FollowedQuery {
  readonly version: number
  /** Machines whose certificates have ended by then, in Unix seconds, are not counted. */
  readonly endedBy: number
  /** How many these are. */
  readonly ended: number
  /** How many can be used, those that have ended included. */
  readonly machines: number
  /** So many of those behind are named at most. */
  readonly named: number
}

/** How many have asked for a version of the configuration, or a newer one, and who has not. */
export interface Followed {
  readonly following: number
  readonly behind: number
  /** Prefixes of those behind, the ones first that were behind the least. */
  readonly names: readonly string[]
}

/** Who has followed before its certificate ended has done so not long before that: so many are looked at, the last ones. */
const MOST_ENDED = 10_000

/** Who follows the configuration: the database counts along, so that it takes no longer however many there are. */
export async function followedBy(
  queries: Pick<Queries, 'all'>,
  { version, endedBy, ended, machines, named }: FollowedQuery,
): Promise<Followed> {
  const count = async (sql: string, ...parameters: readonly number[]) =>
    (await queries.all<{ n: number }>(sql, ...parameters))[0]?.n ?? 0
  const all = await count(
    'SELECT CAST(COALESCE(SUM(n), 0) AS BIGINT) AS n FROM listed_version WHERE version >= ?',
    version,
  )
  const endedFollowing =
    ended === 0
      ? 0
      : await count(
          'SELECT COUNT(*) AS n FROM (SELECT prefix FROM holder WHERE reason IS NULL AND not_after <= ? ORDER BY not_after DESC, prefix DESC LIMIT ?) AS ended CROSS JOIN listed_machine WHERE listed_machine.prefix = ended.prefix AND listed_machine.version >= ?',
          ...[endedBy, MOST_ENDED, version],
        )
  const following = Math.max(0, all - endedFollowing)
  const behind = Math.max(0, machines - ended - following)
  if (behind === 0) return { following, behind, names: [] }
  const rows = await queries.all<{ prefix: string }>(
    'SELECT listed_machine.prefix FROM listed_machine CROSS JOIN holder WHERE listed_machine.version < ? AND holder.prefix = listed_machine.prefix AND holder.not_after > ? ORDER BY listed_machine.version DESC, listed_machine.prefix DESC LIMIT ?',
    ...[version, endedBy, named],
  )
  return { following, behind, names: rows.map(({ prefix }) => prefix) }
}
