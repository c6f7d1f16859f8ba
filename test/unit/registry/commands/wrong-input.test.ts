import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import type { AuditEntry } from '../../../../src/registry/api/schemas/audit.ts'
import { isUsed } from '../../../../src/registry/database/copy-store.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import { Store } from '../../../../src/registry/database/store.ts'
import { Refusal } from '../../../../src/registry/refusal.ts'
import { DATABASE_KIND, databaseWith, emptyDatabase } from '../../../support/databases.ts'
import { freePort } from '../../../support/free-port.ts'
import { temporaryDirectory, testRegistry } from '../../../support/registry.ts'
import { runRegistryCommand, whyRefused } from '../../../support/registry-command.ts'
import { tamper } from '../../../support/tampering.ts'
import { vectors } from '../../../support/vectors.ts'

const pki = vectors<{ keys: Record<string, string> }>('pki.json')
const RECORDED = fileURLToPath(new URL('../../../vectors/registry-db/registry.db', import.meta.url))

/** A database with an audit log of three entries. */
async function auditedDatabase(): Promise<string> {
  const path = await emptyDatabase()
  await (await testRegistry({ databasePath: path }))[Symbol.asyncDispose]()
  for (const name of ['ann', 'bob', 'eve'])
    await runRegistryCommand('admin', 'add', '--name', name, '--role', 'look', '--db', path)
  return path
}

/** Names, owners and modes of files, and what is in them. */
const ofFiles = it.skipIf(DATABASE_KIND !== 'SQLite')

it.each<readonly [change: string, problem: string]>([
  ["UPDATE audit SET who = 'x' WHERE number = 2", 'entry 2 was changed'],
  ['DELETE FROM audit WHERE number = 2', 'entry 2 is missing'],
  ["UPDATE audit SET detail = 'garbage' WHERE number = 1", 'entry 1 was changed'],
  ["UPDATE audit SET detail = '[1]' WHERE number = 1", 'entry 1 was changed'],
  // PostgreSQL lets nobody write a text there.
  ...(DATABASE_KIND === 'SQLite'
    ? ([["UPDATE audit SET date = 'x' WHERE number = 3", 'entry 3 was changed']] as const)
    : []),
  ['UPDATE audit SET date = 9000000000000 WHERE number = 3', 'entry 3 was changed'],
  ['DROP TABLE audit', 'its table is not there'],
])(
  'an audit log that was tampered with is told of, shown all the same, and no obstacle to a backup: %s',
  async (change, problem) => {
    const path = await auditedDatabase()
    expect(await runRegistryCommand('check', '--db', path)).toMatchObject({ status: 0 })
    await tamper(path, change)
    for (const command of [['audit', 'verify'], ['check']]) {
      const { status, text } = await runRegistryCommand(...command, '--db', path)
      expect(status).toBe(1)
      expect(text).toContain(problem)
    }
    if (!change.startsWith('DROP')) {
      const { text } = await runRegistryCommand('audit', 'list', '--db', path, '--json')
      expect((JSON.parse(text) as AuditEntry[]).length).toBe(change.startsWith('DELETE') ? 2 : 3)
    }
    const backup = join(temporaryDirectory(), 'backup')
    await runRegistryCommand('backup', backup, '--db', path)
    const restored = (database: string) => runRegistryCommand('restore', backup, '--db', database)
    if (DATABASE_KIND === 'SQLite' || !change.startsWith('DROP'))
      expect(await restored(path)).toMatchObject({ status: 0 })
    else {
      // A file is replaced, a database of PostgreSQL is written to.
      await expect(restored(path)).rejects.toMatchObject({
        code: 'FILE',
        message: expect.stringContaining('its table audit is not there: make an empty database'),
      })
      expect(await restored(await emptyDatabase())).toMatchObject({ status: 0 })
    }
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

/** Databases of other versions: of the Python implementation, and of one that comes after this. */
function otherDatabases() {
  const directory = temporaryDirectory()
  const [python, later] = [join(directory, 'python.db'), join(directory, 'later.db')]
  cpSync(RECORDED, python)
  return { directory, python, later }
}

it('the database of a later version is not restored or imported, and what was there stays', async () => {
  const { directory, later } = otherDatabases()
  const [path, laterDatabase] = [await databaseWith(RECORDED), await emptyDatabase()]
  for (const database of [later, laterDatabase]) {
    await using store = await openStore(database)
    await store.write((writable) =>
      writable.run("INSERT INTO kysely_migration VALUES ('999-later', '2030-01-01')"),
    )
  }
  const rows = async () => {
    await using store = await openStore(path)
    return [await store.all('SELECT * FROM cert ORDER BY prefix'), await store.all('SELECT * FROM audit')]
  }
  const before = await rows()
  const why = 'a later version of re6stnet has made tables in it (999-later): install that version'
  for (const command of [
    ['restore', later, '--db', path],
    ['import', later, '--db', path],
    ['import', laterDatabase, '--db', join(directory, 'new.db')],
    ['admin', 'list', '--db', laterDatabase],
    // Of a file, all is copied.
    ...(DATABASE_KIND === 'SQLite' ? [] : [['backup', join(directory, 'new'), '--db', laterDatabase]]),
  ])
    await expect(runRegistryCommand(...command)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining(why),
    })
  expect(await rows()).toEqual(before)
  expect(readdirSync(directory).filter((name) => name.startsWith('new'))).toEqual([])
  if (DATABASE_KIND === 'SQLite') expect(existsSync(`${path}.before-restore`)).toBe(false)
})

ofFiles('who looks at the database of the Python implementation does not take it over', async () => {
  const { directory, python } = otherDatabases()
  const before = readFileSync(python)
  for (const command of [
    ['audit', 'list'],
    ['audit', 'verify'],
  ])
    await expect(runRegistryCommand(...command, '--db', python)).rejects.toMatchObject({
      code: 'NOT_FOUND',
      message: expect.stringContaining('there is no audit log'),
    })
  expect(await runRegistryCommand('check', '--db', python)).toMatchObject({ status: 0 })
  expect(readFileSync(python)).toEqual(before)
  expect(readdirSync(directory)).toEqual(['python.db'])
})

it('what is no file, or a half of one, is told of as that, by each command that reads a database', async () => {
  const directory = temporaryDirectory()
  const [half, empty] = [join(directory, 'half'), join(directory, 'empty')]
  writeFileSync(half, readFileSync(RECORDED).subarray(0, 6_000))
  writeFileSync(empty, '')
  const target = await emptyDatabase()
  const copy = join(directory, 'copy')
  for (const [file, why] of [
    [join(directory, 'nowhere'), 'there is no'],
    [directory, 'it is a directory'],
    [half, 'malformed'],
    [empty, 'no such table'],
  ] as const)
    for (const command of [
      ['check', '--db', file],
      ['audit', 'verify', '--db', file],
      ['backup', copy, '--db', file],
      ['restore', file, '--db', target],
      ['import', file, '--db', target],
    ])
      await expect(runRegistryCommand(...command), command.join(' ')).rejects.toMatchObject({
        code: 'FILE',
        message: expect.stringContaining(why),
      })
  expect(readdirSync(directory).sort()).toEqual(['empty', 'half'])
  if (DATABASE_KIND === 'SQLite') expect(existsSync(target)).toBe(false)
  await using store = await openStore(target)
  expect(await isUsed(store)).toBe(false)
})

ofFiles(
  'what is named by mistake is not replaced by a database, and a directory that is missing is told of',
  async () => {
    const directory = temporaryDirectory()
    const path = (name: string) => join(directory, name)
    const [backup, key, file] = [path('backup'), path('ca.key'), path('file')]
    cpSync(RECORDED, backup)
    writeFileSync(key, `Bag Attributes\n${pki.keys['ca']}`)
    writeFileSync(file, '')
    const before = readFileSync(key)
    for (const [command, why] of [
      [['restore', backup, '--db', key], 'is a key or a certificate'],
      [['restore', backup, '--db', directory], 'it is a directory: name a file in it'],
      [['restore', backup, '--db', join(directory, 'none', 'x.db')], 'its directory is not there'],
      [['restore', backup, '--db', join(file, 'x.db')], 'inside of what is no directory'],
      [['backup', join(directory, 'none', 'b'), '--db', backup], 'its directory is not there'],
      [['backup', join(file, 'b'), '--db', backup], 'inside of what is no directory'],
      [['import', backup, '--db', join(file, 'x.db')], 'inside of what is no directory'],
      [['import', backup, '--db', join(directory, 'none', 'x.db')], 'its directory is not there'],
    ] as const)
      await expect(runRegistryCommand(...command), command.join(' ')).rejects.toMatchObject({
        code: 'FILE',
        message: expect.stringContaining(why),
      })
    expect(readFileSync(key)).toEqual(before)
    expect(readdirSync(directory).sort()).toEqual(['backup', 'ca.key', 'file'])
  },
)

it.skipIf(process.geteuid?.() !== 0 || DATABASE_KIND !== 'SQLite')(
  'what root makes beside the files of a registry that is somebody else is theirs',
  async () => {
    const directory = temporaryDirectory()
    const [uid, gid] = [12_345, 12_346]
    const path = (name: string) => join(directory, name)
    chownSync(directory, uid, gid)
    cpSync(RECORDED, path('python.db'))
    await runRegistryCommand('import', path('python.db'), '--db', path('registry.db'))
    await runRegistryCommand('backup', path('backup'), '--db', path('registry.db'))
    await runRegistryCommand('restore', path('backup'), '--db', path('registry.db'))
    await runRegistryCommand('admin', 'add', '--name', 'ann', '--role', 'look', '--db', path('registry.db'))
    await runRegistryCommand('audit', 'verify', '--db', path('registry.db'))
    // One that is owned by somebody else stays theirs.
    chownSync(path('backup'), uid + 1, gid)
    await runRegistryCommand('backup', path('backup'), '--db', path('registry.db'))
    const owners = Object.fromEntries(
      readdirSync(directory).map((name) => [name, statSync(path(name)).uid - uid]),
    )
    expect(owners).toEqual({
      'python.db': -uid,
      'registry.db': 0,
      'registry.db.before-restore': 0,
      ...{ 'registry.db-wal': 0, 'registry.db-shm': 0 },
      backup: 1,
    })
    for (const name of ['registry.db', 'backup']) expect(statSync(path(name)).mode & 0o777).toBe(0o600)
  },
)

it('why nothing can be written is told to who runs the command, though not to who calls the registry', async () => {
  const [path, target] = [await emptyDatabase(), await emptyDatabase()]
  await (await testRegistry({ databasePath: path }))[Symbol.asyncDispose]()
  const cause = new Error('database or disk is full')
  const write = vi.spyOn(Store.prototype, 'write').mockRejectedValue(new Refusal(503, 'later', { cause }))
  try {
    await expect(runRegistryCommand('import', path, '--db', target)).rejects.toThrow(
      'is not written: database or disk is full',
    )
  } finally {
    write.mockRestore()
  }
})
