import type { Queries } from '../database/queries.ts'

/** The one row of the table `replication`. */
export interface ReplicationRow {
  readonly epoch: number
  readonly generation: string
  readonly number: number
  /** Which standby must have everything that is given; null: there is none. */
  readonly standby: string | null
  /** In Unix seconds. */
  readonly since: number | null
}

/** @throws when there is none: the database is PostgreSQL's */
export async function readReplication(queries: Queries): Promise<ReplicationRow> {
  const [row] = await queries.all<ReplicationRow>('SELECT * FROM replication')
  if (!row) throw new Error('the table replication has no row')
  return row
}
