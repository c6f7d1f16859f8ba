import { searchWordsOf } from '../../src/core/values/search-words.ts'
import type { SqlValue } from '../../src/registry/database/engine.ts'
import type { Queries } from '../../src/registry/database/queries.ts'
import type { HolderRow } from '../../src/registry/database/tables.ts'

/** Rows that are written at a time. */
const BATCH = 1_000

/** Adds machines as `setHolder` does, all at once: one by one, some thousand take seconds. None of them is there yet. */
export async function addHolders(writable: Queries, holders: readonly HolderRow[]): Promise<void> {
  await insert(
    writable,
    'holder (prefix, email, serial, subject_serial, not_after, reason)',
    holders.map(({ prefix, email, serial, subject_serial, not_after, reason }) => [
      ...[prefix, email, serial, subject_serial, not_after, reason],
    ]),
  )
  await insert(
    writable,
    'search_word (word, prefix, kind)',
    holders.flatMap(({ prefix, email }) => searchWordsOf(email ?? '').map((word) => [word, prefix, 'email'])),
  )
}

async function insert(writable: Queries, into: string, rows: readonly SqlValue[][]): Promise<void> {
  for (let at = 0; at < rows.length; at += BATCH) {
    const some = rows.slice(at, at + BATCH)
    const places = some.map((row) => `(${row.map(() => '?').join(', ')})`)
    await writable.run(`INSERT INTO ${into} VALUES ${places.join(', ')}`, ...some.flat())
  }
}
