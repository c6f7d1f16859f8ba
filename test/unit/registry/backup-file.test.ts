// On SQLite alone: files, who may read them, what is beside them, and what becomes of them under other names.

import {
  chmodSync,
  chownSync,
  closeSync,
  copyFileSync,
  existsSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { execa } from 'execa'
import { expect, it, vi } from 'vitest'
import { programOf } from '../../../lab/programs.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { holdAlone } from '../../../src/registry/commands/end-log.ts'
import { Beside } from '../../../src/registry/database/beside.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { soundnessOfDatabase } from '../../../src/registry/database/soundness.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { runRegistryCommand, whyRefused } from '../../support/registry-command.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const RECORDED = ['registry.db', 'rotating.db'].map((name) =>
  fileURLToPath(new URL(`../../vectors/registry-db/${name}`, import.meta.url)),
)

async function run(...args: readonly string[]) {
  const [program, ...more] = programOf('re6st-registry')
  return execa(program, [...more, ...args], { reject: false })
}

/** What is wrong in a database. */
async function findings(database: string): Promise<string[]> {
  const { findings } = await soundnessOfDatabase({ database, option: '--db' }, undefined)
  return findings.map(({ what }) => what)
}

it('what is not sound is not restored, and what was there stays', async () => {
  const directory = temporaryDirectory()
  const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
  for (const file of [path, backup]) copyFileSync(RECORDED[0] ?? '', file)
  new Database(backup).exec("INSERT INTO cert VALUES ('x', NULL, NULL)").close()
  const before = statSync(path).ino
  const refused = await run('restore', '--db', path, backup)
  expect([refused.exitCode === 0, statSync(path).ino]).toEqual([false, before])
  expect(refused.stderr).toContain('is not restored')
})

it('a backup takes the place of nothing but another backup', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'registry.db')
  copyFileSync(RECORDED[0] ?? '', path)
  const key = join(directory, 'ca.key')
  writeFileSync(key, 'mine')
  const link = join(directory, 'link')
  symlinkSync(path, link)
  const used = join(directory, 'used.db')
  await using other = await testRegistry({ databasePath: used })
  await new RegistryClient(other.url).requestCertificate({ token: '', csr })
  // What a network was moved from, what was restored, and what a registry was started with; and one without a log that is served.
  const [old, restored, opened, served] = ['old', 'restored', 'opened', 'served'].map((name) =>
    join(directory, name),
  ) as [string, string, string, string]
  copyFileSync(path, old)
  for (const file of [`${restored}.copy`, opened, served])
    await runRegistryCommand('backup', '--db', path, file)
  await runRegistryCommand('restore', '--db', restored, `${restored}.copy`)
  await (await openStore(opened))[Symbol.asyncDispose]()
  writeFileSync(`${served}.socket`, '')
  const inode = statSync(path).ino
  for (const [file, remedy] of [
    [path, 'is the database itself'],
    [link, 'is the database itself'],
    [key, 'is no backup'],
    [old, 'is no backup'],
    [restored, 'is no backup'],
    [opened, 'is no backup'],
    [served, 'in use'],
    [directory, 'is no file'],
    [used, 'in use'],
  ] as const)
    await expect(runRegistryCommand('backup', '--db', path, file)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringMatching(new RegExp(`^${file}: .*${remedy}.*: give `)),
    })
  expect(statSync(path).ino).toBe(inode)
  expect(readFileSync(key, 'utf8')).toBe('mine')
  const backup = join(directory, 'backup')
  writeFileSync(backup, '')
  writeFileSync(`${backup}.new`, 'mine')
  for (const _ of ['first', 'second', 'third']) {
    await runRegistryCommand('backup', '--db', path, backup)
    await runRegistryCommand('check', '--db', backup)
  }
  expect(readFileSync(`${backup}.new`, 'utf8')).toBe('mine')
  expect(readdirSync(directory).filter((name) => name.includes('re6st-new'))).toEqual([])
})

it('of two that make one backup at once, one is refused, and the other is whole', async () => {
  const directory = temporaryDirectory()
  const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
  copyFileSync(RECORDED[0] ?? '', path)
  {
    // Another process, in the middle of it.
    using beside = Beside.of(backup)
    writeFileSync(beside.path, 'half of a copy')
    await expect(runRegistryCommand('backup', '--db', path, backup)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringMatching(/another process is writing it/),
    })
    expect(readFileSync(beside.path, 'utf8')).toBe('half of a copy')
  }
  const both = await Promise.all([1, 2, 3].map(() => run('backup', '--db', path, backup)))
  expect(both.some(({ exitCode }) => exitCode === 0)).toBe(true)
  for (const { exitCode, stderr } of both)
    if (exitCode !== 0) expect(stderr).toContain('another process is writing it')
  expect(await runRegistryCommand('check', '--db', backup)).toMatchObject({ status: 0 })
  expect(readdirSync(directory).sort()).toEqual(['backup', 'registry.db'])
})

it('what a killed one has left keeps nobody from a backup', async () => {
  const directory = temporaryDirectory()
  const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
  copyFileSync(RECORDED[0] ?? '', path)
  for (const ending of ['', '-wal', '-lock']) writeFileSync(`${backup}.re6st-new${ending}`, '')
  expect(await runRegistryCommand('backup', '--db', path, backup)).toMatchObject({ status: 0 })
  expect(readdirSync(directory).sort()).toEqual(['backup', 'registry.db'])
})

it.each(['backup', 'restore'])('%s takes no URL for a file, and does not repeat it', (command) => {
  for (const url of [
    'postgres://u:secret@h/db',
    'POSTGRES://u:secret@h/db',
    'mysql://u:secret@h',
    'postgres:secret',
  ])
    expect(whyRefused(command, '--db', 'registry.db', url)).toBe(
      'FILE: must be the path of a file; the URL of a database is said by --db',
    )
})

it('a database without a network takes the place of no backup of one', async () => {
  const directory = temporaryDirectory()
  const [path, empty, backup] = ['registry.db', 'empty.db', 'backup'].map((name) => join(directory, name))
  if (!path || !empty || !backup) throw new Error('no names')
  copyFileSync(RECORDED[0] ?? '', path)
  await (await openStore(empty))[Symbol.asyncDispose]()
  // Before there is a network, one copy after the other.
  for (const database of [empty, empty, path, path])
    await runRegistryCommand('backup', '--db', database, backup)
  const { ino } = statSync(backup)
  await expect(runRegistryCommand('backup', '--db', empty, backup)).rejects.toMatchObject({
    code: 'FILE',
    message: expect.stringMatching(/no network .* give another name/),
  })
  expect(statSync(backup).ino).toBe(ino)
  expect(readdirSync(directory).filter((name) => name.startsWith('backup'))).toEqual(['backup'])
})

it('the database before a restore can be restored, and the one after it again', async () => {
  const directory = temporaryDirectory()
  const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
  for (const [at, file] of [path, backup].entries()) copyFileSync(RECORDED[at] ?? '', file)
  const certificatesOf = async (file: string): Promise<unknown> =>
    new Database(file, { readonly: true }).prepare('SELECT * FROM cert ORDER BY prefix').all()
  const [first, second] = [await certificatesOf(path), await certificatesOf(backup)]
  expect(first).not.toEqual(second)
  const before = `${path}.before-restore`
  await runRegistryCommand('restore', '--db', path, backup)
  expect([await certificatesOf(path), await certificatesOf(before)]).toEqual([second, first])
  await runRegistryCommand('restore', '--db', path, before)
  expect([await certificatesOf(path), await certificatesOf(before)]).toEqual([first, second])
  await runRegistryCommand('restore', '--db', path, before)
  expect([await certificatesOf(path), await certificatesOf(before)]).toEqual([second, first])
})

it('what SQLite keeps beside the one that is restored is not taken for that of the one that has its name then', async () => {
  const directory = temporaryDirectory()
  const [path, before] = ['registry.db', 'registry.db.before-restore'].map((name) => join(directory, name))
  if (!path || !before) throw new Error('no names')
  for (const file of [path, before]) copyFileSync(RECORDED[0] ?? '', file)
  const set = (database: Database.Database, serial: number) =>
    database.exec(`UPDATE config SET value = ${serial} WHERE name = 'serial'`)
  const serialOf = (file: string): unknown =>
    new Database(file).prepare("SELECT value FROM config WHERE name = 'serial'").pluck().get()
  set(new Database(path), 1_000).close()
  // A registry that served with it was killed.
  const served = new Database(before)
  served.pragma('journal_mode = WAL')
  set(served, 2_000)
  for (const ending of ['', '-wal']) copyFileSync(`${before}${ending}`, `${path}.copy${ending}`)
  served.close()
  for (const ending of ['', '-wal']) renameSync(`${path}.copy${ending}`, `${before}${ending}`)
  await runRegistryCommand('restore', '--db', path, before)
  expect(serialOf(path)).toBeGreaterThan(1_000_000)
  expect(serialOf(before)).toBe(1_000)
})

it.each([
  ['lost', (path: string) => renameSync(path, `${path}.lost`)],
  ['damaged', (path: string) => writeFileSync(path, 'x'.repeat(5_000))],
])('no serial number is given twice, also where a database that was restored is %s', async (_, destroy) => {
  const directory = temporaryDirectory()
  const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
  for (const file of [path, backup]) copyFileSync(RECORDED[0] ?? '', file)
  // Some were given since the backup, and some after the restore.
  const give = () =>
    new Database(path).exec("UPDATE config SET value = value + 1000 WHERE name = 'serial'").close()
  const given = () => {
    const database = new Database(path, { readonly: true })
    const serial = database.prepare("SELECT value FROM config WHERE name = 'serial'").pluck().get()
    database.close()
    return Number(serial)
  }
  give()
  await runRegistryCommand('restore', '--db', path, backup)
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    // As often as that, too.
    for (let time = 0; time < 4; time++) {
      give()
      const last = given()
      destroy(path)
      vi.setSystemTime(Date.now() + 3600_000)
      await runRegistryCommand('restore', '--db', path, backup)
      expect(given()).toBeGreaterThan(last)
    }
  } finally {
    vi.useRealTimers()
  }
})

it('no serial number is given twice where two databases were damaged that came after the same backup', async () => {
  const directory = temporaryDirectory()
  const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
  copyFileSync(RECORDED[0] ?? '', backup)
  // Further on than what is given between two restores.
  new Database(backup).exec("UPDATE config SET value = 3000000000 WHERE name = 'serial'").close()
  let last = 3_000_000_000
  for (let time = 0; time < 4; time++) {
    writeFileSync(path, 'x'.repeat(5_000))
    await runRegistryCommand('restore', '--db', path, backup)
    const database = new Database(path)
    const serial = Number(database.prepare("SELECT value FROM config WHERE name = 'serial'").pluck().get())
    database.close()
    expect(serial).toBeGreaterThan(last)
    last = serial
  }
})

it('no restore takes the place of the database before another one', async () => {
  const directory = temporaryDirectory()
  const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
  for (const [at, file] of [path, backup].entries()) copyFileSync(RECORDED[at] ?? '', file)
  const original = readFileSync(path)
  const named: unknown[] = []
  for (const _ of ['first', 'second', 'third']) {
    const { text } = await runRegistryCommand('restore', '--db', path, backup, '--json')
    named.push((JSON.parse(text) as { before: unknown }).before)
  }
  expect(named).toEqual(['', '.2', '.3'].map((end) => `${path}.before-restore${end}`))
  expect(readFileSync(`${path}.before-restore`)).toEqual(original)
})

/** Ways in which a disk destroys a database. */
const DAMAGES: readonly (readonly [what: string, destroy: (path: string) => void])[] = [
  [
    'its first page',
    (path) => {
      const file = openSync(path, 'r+')
      writeSync(file, Buffer.alloc(100, 'x'), 0, 100, 0)
      closeSync(file)
    },
  ],
  [
    'its schema',
    (path) => {
      const database = new Database(path)
      database.unsafeMode()
      database.pragma('writable_schema = ON')
      database.exec("UPDATE sqlite_master SET sql = 'CREATE TABLE' WHERE name = 'crl'").close()
    },
  ],
]

it.each(DAMAGES)('a database of which %s is destroyed is restored over, and kept', async (_, destroy) => {
  const directory = temporaryDirectory()
  const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
  for (const file of [path, backup]) copyFileSync(RECORDED[0] ?? '', file)
  destroy(path)
  const damaged = readFileSync(path)
  expect(await runRegistryCommand('restore', '--db', path, backup)).toMatchObject({ status: 0 })
  expect(readFileSync(`${path}.before-restore`)).toEqual(damaged)
  expect(await findings(path)).toEqual([])
})

it.each(['-wal', '-journal'])(
  'no %s of the database before is taken for one of the restored',
  async (journal) => {
    const directory = temporaryDirectory()
    const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
    copyFileSync(RECORDED[0] ?? '', backup)
    writeFileSync(path, 'no database any more'.repeat(50))
    writeFileSync(`${path}${journal}`, 'of the one before')
    await runRegistryCommand('restore', '--db', path, backup)
    expect(await findings(path)).toEqual([])
    expect(existsSync(`${path}${journal}`)).toBe(false)
    // A file that was lost leaves one, too.
    renameSync(path, `${path}.lost`)
    writeFileSync(`${path}${journal}`, 'of the lost one')
    await runRegistryCommand('restore', '--db', path, backup)
    expect(await findings(path)).toEqual([])
    expect(existsSync(`${path}${journal}`)).toBe(false)
  },
)

it("a database that is held is nobody else's, also of who has opened it before it has another name", () => {
  const path = join(temporaryDirectory(), 'registry.db')
  copyFileSync(RECORDED[0] ?? '', path)
  const other = new Database(path, { timeout: 0 })
  const held = holdAlone(path)
  const write = () => other.exec('DELETE FROM token')
  expect(write).toThrow(/locked/)
  renameSync(path, `${path}.before-restore`)
  copyFileSync(RECORDED[0] ?? '', path)
  held?.close()
  expect(write).toThrow(/readonly/)
  other.close()
})

it('the restored database has the owner of the one before, which nobody else can read any more', async () => {
  const directory = temporaryDirectory()
  const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
  for (const file of [path, backup]) copyFileSync(RECORDED[0] ?? '', file)
  chmodSync(path, 0o644)
  if (process.geteuid?.() === 0) chownSync(path, 1, 2)
  const { uid, gid } = statSync(path)
  await runRegistryCommand('restore', '--db', path, backup)
  for (const file of [path, `${path}.before-restore`]) {
    const found = statSync(file)
    expect([found.mode & 0o777, found.uid, found.gid]).toEqual([0o600, uid, gid])
  }
})

it('a restore that fails leaves no copy of the keys', async () => {
  const directory = temporaryDirectory()
  const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
  copyFileSync(RECORDED[0] ?? '', backup)
  new Database(backup)
    .exec("CREATE TRIGGER refuse BEFORE INSERT ON config BEGIN SELECT RAISE(ABORT, 'refused'); END")
    .close()
  await expect(runRegistryCommand('restore', '--db', path, backup)).rejects.toThrow('refused')
  expect(readdirSync(directory)).toEqual(['backup'])
})

it('a file that is not there is told of with what to do', async () => {
  const path = join(temporaryDirectory(), 'none')
  for (const [args, remedy] of [
    [['check', '--db', path], 'start the registry once'],
    [['backup', '--db', path, `${path}.copy`], 'start the registry once'],
    [['restore', '--db', `${path}.db`, path], 'name a backup'],
    [['import', '--db', `${path}.db`, path], 'name a backup'],
  ] as const) {
    const { exitCode, stderr } = await run(...args)
    expect(exitCode).toBeGreaterThan(0)
    expect(stderr).toContain(remedy)
    expect(stderr.trim().split('\n')).toHaveLength(1)
  }
})

it('backup, restore and check say the same as JSON', async () => {
  const directory = temporaryDirectory()
  const [path, backup] = [join(directory, 'registry.db'), join(directory, 'backup')]
  copyFileSync(RECORDED[0] ?? '', path)
  const asJson = async (...args: string[]): Promise<unknown> =>
    JSON.parse((await runRegistryCommand(...args, '--json')).text)
  const certificates = expect.any(Number)
  expect(await asJson('backup', '--db', path, backup)).toEqual({ file: backup, certificates })
  expect(await asJson('restore', '--db', path, backup)).toEqual({
    ...{ database: path, certificates, before: `${path}.before-restore` },
  })
  expect(await asJson('check', '--db', path)).toEqual({ findings: [], certificates })
})
