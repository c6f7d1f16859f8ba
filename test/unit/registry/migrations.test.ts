import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { execa } from 'execa'
import { expect, it } from 'vitest'
import { programOf } from '../../../lab/programs.ts'
import { openDatabase } from '../../../src/registry/database/database.ts'
import { MIGRATION_NAMES } from '../../../src/registry/database/migrations/index.ts'
import { migrateSqlite } from '../../../src/registry/database/migrations/migrate.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { soundnessOfDatabase } from '../../../src/registry/database/soundness.ts'
import { Ledger } from '../../../src/registry/ledger.ts'
import { temporaryDirectory } from '../../support/registry.ts'

const RECORDED = fileURLToPath(new URL('../../vectors/registry-db/registry.db', import.meta.url))
const NETWORK_LENGTH = 48

/** What a process leaves on the disk that is killed before each statement of a work with a database. */
async function leftBefore(path: string, work: (database: Database.Database) => Promise<void>) {
  const directory = temporaryDirectory()
  const database = openDatabase(path)
  const left: string[] = []
  const prepare = database.prepare.bind(database)
  database.prepare = ((sql: string) => {
    const copy = join(directory, String(left.length))
    for (const ending of ['', '-wal'])
      if (existsSync(`${path}${ending}`)) copyFileSync(`${path}${ending}`, `${copy}${ending}`)
    left.push(copy)
    return prepare(sql)
  }) as typeof database.prepare
  await work(database)
  database.close()
  return left
}

it('a process that is killed at whatever statement while it makes the tables leaves a database that can be used', async () => {
  const path = join(temporaryDirectory(), 'registry.db')
  copyFileSync(RECORDED, path)
  const left = await leftBefore(path, migrateSqlite)
  expect(left.length).toBeGreaterThan(40)
  for (const copy of left.filter((_, number) => number % 4 === 3)) {
    await using store = await openStore(copy)
    const ledger = new Ledger(store, NETWORK_LENGTH)
    await ledger.learnChanges()
    expect(await ledger.size()).toBe(20)
    const { findings } = await soundnessOfDatabase({ database: copy, option: '--db' }, undefined)
    expect(findings).toEqual([])
  }
})

it('several processes may be the first with a database', async () => {
  const path = join(temporaryDirectory(), 'registry.db')
  copyFileSync(RECORDED, path)
  const [program, ...words] = programOf('re6st-registry')
  const all = await Promise.all(
    [1, 2, 3].map(() => execa(program, [...words, 'admin', 'list', '--db', path], { reject: false })),
  )
  expect(all.map(({ stderr, exitCode }) => ({ stderr, exitCode }))).toEqual(
    Array(3).fill({ stderr: '', exitCode: 0 }),
  )
})

it('a database that has all tables is opened while another process writes', async () => {
  const path = join(temporaryDirectory(), 'registry.db')
  const database = openDatabase(path)
  await migrateSqlite(database)
  const other = new Database(path)
  other.exec('BEGIN IMMEDIATE')
  database.pragma('busy_timeout = 0')
  await migrateSqlite(database)
  other.close()
  database.close()
})

it('a database of a later version is told of with what to do', async () => {
  const path = join(temporaryDirectory(), 'registry.db')
  await (await openStore(path))[Symbol.asyncDispose]()
  new Database(path).exec("INSERT INTO kysely_migration VALUES ('999-later', '2030')").close()
  await expect(openStore(path)).rejects.toMatchObject({
    code: 'FILE',
    message: expect.stringMatching(/later version .*999-later.*: install that version/),
  })
  expect(MIGRATION_NAMES).not.toContain('999-later')
})
