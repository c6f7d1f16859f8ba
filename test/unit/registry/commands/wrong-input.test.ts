import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import type { AuditEntry } from '../../../../src/registry/api/schemas/audit.ts'
import { freePort } from '../../../support/free-port.ts'
import { temporaryDirectory, testRegistry } from '../../../support/registry.ts'
import { runRegistryCommand, whyRefused } from '../../../support/registry-command.ts'

/** A database with an audit log of three entries. */
async function auditedDatabase(): Promise<string> {
  const path = join(temporaryDirectory(), 'registry.db')
  await (await testRegistry({ databasePath: path }))[Symbol.asyncDispose]()
  for (const name of ['ann', 'bob', 'eve'])
    await runRegistryCommand('admin', 'add', '--name', name, '--role', 'look', '--db', path)
  return path
}

/** As somebody may who can write to the file: what keeps others from it is removed. */
function tamper(path: string, change: string): void {
  new Database(path).exec(`DROP TRIGGER audit_update; DROP TRIGGER audit_delete; ${change}`).close()
}

it.each([
  ["UPDATE audit SET who = 'x' WHERE number = 2", 'entry 2 was changed'],
  ['DELETE FROM audit WHERE number = 2', 'entry 2 is missing'],
  ["UPDATE audit SET detail = 'garbage' WHERE number = 1", 'entry 1 was changed'],
  ["UPDATE audit SET detail = '[1]' WHERE number = 1", 'entry 1 was changed'],
  ["UPDATE audit SET date = 'x' WHERE number = 3", 'entry 3 was changed'],
  ['UPDATE audit SET date = 9000000000000 WHERE number = 3', 'entry 3 was changed'],
  ['DROP TABLE audit', 'its table is not there'],
])(
  'an audit log that was tampered with is told of, shown all the same, and no obstacle to a backup: %s',
  async (change, problem) => {
    const path = await auditedDatabase()
    expect(await runRegistryCommand('check', '--db', path)).toMatchObject({ status: 0 })
    tamper(path, change)
    for (const command of [['audit', 'verify'], ['check']]) {
      const { status, text } = await runRegistryCommand(...command, '--db', path)
      expect(status).toBe(1)
      expect(text).toContain(problem)
    }
    if (!change.startsWith('DROP')) {
      const { text } = await runRegistryCommand('audit', 'list', '--db', path, '--json')
      expect((JSON.parse(text) as AuditEntry[]).length).toBe(change.startsWith('DELETE') ? 2 : 3)
    }
    const backup = `${path}.backup`
    await runRegistryCommand('backup', backup, '--db', path)
    expect(await runRegistryCommand('restore', backup, '--db', path)).toMatchObject({ status: 0 })
  },
)

it.each([
  ['check'],
  ['nodes'],
  ['audit', 'verify'],
  ['backup', 'b.db'],
  ['restore', 'b.db'],
  ['import', 'b.db'],
  ['ca', 'status'],
])('another kind of database is refused by its URL: %s', (...command) => {
  for (const url of ['mysql://re6st@db/re6st', 'postgresq://db/re6st'])
    expect(whyRefused(...command, '--db', url)).toContain('postgres://USER@HOST/NAME')
  expect(whyRefused(...command, '--db', 'postgresql://db/re6st')).toBe('')
})

it('a database that cannot be had is told of with what to do, and without a password', async () => {
  const directory = temporaryDirectory()
  const text = join(directory, 'text')
  writeFileSync(text, 'no database, but long enough to be looked at: '.repeat(20))
  mkdirSync(join(directory, 'directory'))
  const server = `127.0.0.1:${await freePort()}`
  for (const [database, why] of [
    [text, 'name another'],
    [join(directory, 'directory'), 'name a file in it'],
    [`postgres://re6st:secret@${server}/re6st`, 'see whether PostgreSQL runs there'],
  ] as const) {
    const failure: unknown = await runRegistryCommand('admin', 'list', '--db', database).catch(
      (error: unknown) => error,
    )
    expect(failure).toMatchObject({ code: 'FILE', message: expect.stringContaining(why) })
    expect(String(failure)).not.toContain('secret')
  }
})
