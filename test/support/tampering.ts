import { openStore } from '../../src/registry/database/open-store.ts'
import { DATABASE_KIND } from './databases.ts'

/** What keeps others from changing the audit log. */
const TRIGGERS =
  DATABASE_KIND === 'SQLite' ? ['audit_update', 'audit_delete', 'audit_insert'] : ['audit_added_to ON audit']

/** As somebody may who has the database in his hands: what keeps others from the audit log is removed, and then these are run. */
export async function tamper(database: string, ...statements: readonly string[]): Promise<void> {
  await using store = await openStore(database)
  await store.write(async (writable) => {
    for (const trigger of TRIGGERS) await writable.run(`DROP TRIGGER IF EXISTS ${trigger}`)
    for (const statement of statements) await writable.run(statement)
  })
}
