import { HEAD_BITS } from '../tables.ts'
import { type MigrationOf, runningEach } from './migration.ts'

const HEAD = `substr(prefix, 1, ${HEAD_BITS})`

/** By which pages of the machines of a community are read in an order: a community is some heads, each of which has all its orders. */
const INDEXES: readonly string[] = [
  `listed_head_seen ON listed_machine ((${HEAD}), seen, prefix)`,
  `listed_head_country ON listed_machine ((${HEAD}), country, prefix)`,
  `holder_head_email ON holder ((${HEAD}), (COALESCE(email, '')), prefix) WHERE reason IS NULL`,
  `holder_head_serial ON holder ((${HEAD}), serial, prefix) WHERE reason IS NULL`,
  `holder_head_not_after ON holder ((${HEAD}), not_after, prefix) WHERE reason IS NULL`,
]

/** Pages of the table of machines of a community, by whatever they are sorted. */
export const migration: MigrationOf = (kind) => ({
  async up(db) {
    const run = runningEach(db)
    for (const index of INDEXES) await run(`CREATE INDEX ${index}`)
    // How many there are of each head is not known before: other indexes would seem to be as good.
    if (kind === 'postgres') for (const table of ['listed_machine', 'holder']) await run(`ANALYZE ${table}`)
  },
})
