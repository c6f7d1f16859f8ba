import { copyFileSync, existsSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { execa } from 'execa'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { programOf } from '../../../lab/programs.ts'
import { openDatabase } from '../../../src/registry/database/database.ts'
import { MIGRATION_NAMES } from '../../../src/registry/database/migrations/index.ts'
import { migrateSqlite } from '../../../src/registry/database/migrations/migrate.ts'
import { isPostgresUrl, openStore } from '../../../src/registry/database/open-store.ts'
import { soundnessOfDatabase } from '../../../src/registry/database/soundness.ts'
import { Ledger } from '../../../src/registry/ledger.ts'
import { changeIn, DATABASE_KIND, databaseWith, emptyDatabase } from '../../support/databases.ts'
import { makeEarlier } from '../../support/earlier-database.ts'
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

/** All that a database is made of but its rows: columns, indexes and triggers. */
async function shapeOf(database: string): Promise<readonly unknown[]> {
  await using store = await openStore(database)
  const texts = isPostgresUrl(database)
    ? [
        `SELECT table_name, column_name, data_type, is_nullable FROM information_schema.columns
         WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`,
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexdef",
        'SELECT tgrelid::regclass::text, tgname, tgfoid::regproc::text FROM pg_trigger WHERE NOT tgisinternal ORDER BY 1, 2',
        "SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1",
      ]
    : [
        "SELECT t.name AS of, c.name, c.type, c.pk FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table' ORDER BY 1, c.cid",
        "SELECT name, sql FROM sqlite_master WHERE type <> 'table' ORDER BY name",
      ]
  return await Promise.all(texts.map((text) => store.all(text)))
}

/** Counts on what all of our tables say of the certificates that the Python implementation had given. */
async function expectAll(database: string): Promise<void> {
  await using store = await openStore(database)
  const ledger = new Ledger(store, NETWORK_LENGTH)
  await ledger.learnChanges()
  expect(await ledger.size()).toBe(20)
  expect(await store.all('SELECT COUNT(*) AS n FROM listed_machine')).toEqual([{ n: 20 }])
  const { findings } = await soundnessOfDatabase({ database, option: '--db' }, undefined)
  expect(findings).toEqual([])
}

describe('a database', () => {
  it.each(['000', ...MIGRATION_NAMES])(
    'with the tables up to %s gets those that are missing',
    async (last) => {
      const database = await emptyDatabase({ isBare: true })
      await (await makeEarlier(database, last, RECORDED))[Symbol.asyncDispose]()
      await expectAll(database)
      expect(await shapeOf(database)).toEqual(await shapeOf(await emptyDatabase()))
    },
  )
})

// With SQLite, no other process serves.
it.runIf(DATABASE_KIND === 'PostgreSQL')(
  'who reads the lists of machines while the tables are made waits for nothing but the last step',
  async () => {
    const database = await emptyDatabase({ isBare: true })
    await (await makeEarlier(database, '017-pages-of-communities', RECORDED))[Symbol.asyncDispose]()
    // Within a transaction, what others do is read once.
    const [reader, looker] = [new pg.Client(database), new pg.Client(database)]
    await Promise.all([reader.connect(), looker.connect()])
    await reader.query('BEGIN')
    await reader.query('SELECT COUNT(*) FROM listed_machine')
    const opened = openStore(database)
    const waiting = async () =>
      (
        await looker.query<{ query: string }>(
          "SELECT query FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'",
        )
      ).rows
    await expect.poll(waiting, { timeout: 20_000 }).toEqual([{ query: 'DROP TABLE listed_machine' }])
    await reader.query('COMMIT')
    await Promise.all([reader.end(), looker.end()])
    await (await opened)[Symbol.asyncDispose]()
    await expectAll(database)
  },
)

// PostgreSQL makes all of them in one transaction.
it.runIf(DATABASE_KIND === 'SQLite')(
  'a process that is killed at whatever statement while it makes the tables leaves a database that can be used',
  async () => {
    const path = await databaseWith(RECORDED)
    const left = await leftBefore(path, migrateSqlite)
    expect(left.length).toBeGreaterThan(40)
    for (const copy of left.filter((_, number) => number % 4 === 3)) {
      await expectAll(copy)
    }
  },
)

it('several processes may be the first with a database', async () => {
  const path =
    DATABASE_KIND === 'SQLite' ? await databaseWith(RECORDED) : await emptyDatabase({ isBare: true })
  const [program, ...words] = programOf('re6st-registry')
  const all = await Promise.all(
    [1, 2, 3].map(() => execa(program, [...words, 'admin', 'list', '--db', path], { reject: false })),
  )
  expect(all.map(({ stderr, exitCode }) => ({ stderr, exitCode }))).toEqual(
    Array(3).fill({ stderr: '', exitCode: 0 }),
  )
})

// Of PostgreSQL, each has a lock of its own.
it.runIf(DATABASE_KIND === 'SQLite')(
  'a database that has all tables is opened while another process writes',
  async () => {
    const path = await emptyDatabase()
    const database = openDatabase(path)
    await migrateSqlite(database)
    const other = new Database(path)
    other.exec('BEGIN IMMEDIATE')
    database.pragma('busy_timeout = 0')
    await migrateSqlite(database)
    other.close()
    database.close()
  },
)

it('a database of a later version is told of with what to do', async () => {
  const path = await emptyDatabase()
  await changeIn(path, "INSERT INTO kysely_migration VALUES ('999-later', '2030')")
  await expect(openStore(path)).rejects.toMatchObject({
    code: 'FILE',
    message: expect.stringMatching(/later version .*999-later.*: install that version/),
  })
  expect(MIGRATION_NAMES).not.toContain('999-later')
})
