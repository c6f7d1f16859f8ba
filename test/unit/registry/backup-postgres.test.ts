import { copyFileSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { numberOfVersion } from '../../../src/core/values/network-version.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { readSnapshot } from '../../../src/registry/database/snapshot.ts'
import { soundnessOfDatabase } from '../../../src/registry/database/soundness.ts'
import { DATABASE_KIND, emptyDatabase } from '../../support/databases.ts'
import { freePort } from '../../support/free-port.ts'
import { POSTGRES_TEST_MS, sessionWith } from '../../support/postgres.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { runRegistryCommand as run } from '../../support/registry-command.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const RECORDED = fileURLToPath(new URL('../../vectors/registry-db/registry.db', import.meta.url))
/** Of one of its nodes. */
const RECORDED_NODE = '0000000000000001'

async function enrol(url: string) {
  const pem = await new RegistryClient(url).requestCertificate({ token: '', csr })
  const certificate = readNodeCertificate(pem ?? '')
  if (!certificate.ok) throw new Error(certificate.reason)
  return certificate.value
}

/** A database that is looked into. */
const databaseAt = (url: string) => ({
  url,
  session: () => sessionWith(url),
  async query(text: string) {
    await using session = await sessionWith(url)
    return await session.query(text)
  },
})

/** What is wrong in a database of PostgreSQL. */
const findings = async (url: string): Promise<string> => {
  const { findings } = await soundnessOfDatabase({ database: url, option: '--db' }, undefined)
  return findings.map(({ what }) => what).join('\n')
}

const ofConfig = (database: string) =>
  readSnapshot({ database, option: '--db' }, async (snapshot) => {
    const version = numberOfVersion((await snapshot.config('version')) as Buffer)
    return {
      version: version.ok ? version.value : 0n,
      serial: Number(await snapshot.config('serial')),
    }
  })

/** How many rows each table has; not those of transactions that have ended, of migrations, and of SQLite alone. */
async function counts(database: string): Promise<Record<string, number>> {
  return readSnapshot({ database, option: '--db' }, async (snapshot) => {
    const found: Record<string, number> = {}
    for (const table of (await snapshot.tables()).sort()) {
      if (/^(committed|replication|kysely_.*|sqlite_.*)$/.test(table)) continue
      const [row] = await snapshot.all<{ n: number }>(`SELECT COUNT(*) AS n FROM ${table}`)
      found[table] = row?.n ?? 0
    }
    return found
  })
}

// What both kinds have in common is in backup.test.ts.
describe.runIf(DATABASE_KIND === 'PostgreSQL')(
  'a database of PostgreSQL',
  { timeout: POSTGRES_TEST_MS },
  () => {
    it('is backed up into one file, and restored with what it counts along, but without what is of the present alone', async () => {
      const postgres = databaseAt(await emptyDatabase())
      const directory = temporaryDirectory()
      const backup = join(directory, 'backup')
      {
        await using registry = await testRegistry({ databasePath: postgres.url })
        await enrol(registry.url)
        expect(await run('backup', '--db', postgres.url, backup)).toMatchObject({ status: 0 })
        await enrol(registry.url)
      }
      // One file, which can be read where nothing can be written.
      const opened = new Database(backup, { readonly: true })
      expect(opened.pragma('journal_mode', { simple: true })).toBe('delete')
      opened.close()
      // Lines that nobody removes, and rows of tables that are kept by others.
      const { url } = postgres
      await postgres.query(
        "INSERT INTO audit SELECT COALESCE(MAX(number), 0) + 1, 0, 'ann', NULL, 'told', NULL, '{}', '' FROM audit",
      )
      await postgres.query("INSERT INTO session VALUES ('0101', '{}', 0)")
      await postgres.query("INSERT INTO node_address SELECT prefix, '', 1 FROM holder ON CONFLICT DO NOTHING")
      const all = await counts(url)

      const { status, text } = await run('restore', '--db', url, backup, '--json')
      const before = `${backup}.before-restore`
      expect({ status, ...(JSON.parse(text) as object) }).toEqual({
        ...{ status: 0, database: url, before, certificates: expect.any(Number) },
      })
      const copied = await counts(backup)
      // That it was restored is in the audit log.
      expect(await counts(url)).toEqual({ ...copied, audit: 1, session: 0, admin_session: 0 })
      // What the database counts along is counted anew.
      for (const table of ['holder', 'node_address']) {
        const { rows } = await postgres.query(
          `SELECT COALESCE(SUM(n), 0) = (SELECT COUNT(*) FROM ${table}) AS is_right FROM ${table}_count`,
        )
        expect(rows).toEqual([{ is_right: true }])
      }
      // What was lost is kept, but for sessions.
      expect(await counts(before)).toMatchObject({ ...all, session: 0 })
    })

    it('that is empty takes a backup of a file of SQLite, and one that is not there is told of', async () => {
      const postgres = databaseAt(await emptyDatabase({ isBare: true }))
      const copy = join(temporaryDirectory(), 'copy')
      for (const args of [['check'], ['backup', copy]])
        await expect(run(...args, '--db', postgres.url)).rejects.toMatchObject({
          code: 'FILE',
          message: expect.stringContaining('there is no database'),
        })
      expect(JSON.parse((await run('restore', '--db', postgres.url, RECORDED, '--json')).text)).toEqual({
        ...{ database: postgres.url, certificates: 20 },
      })
      expect(await findings(postgres.url)).toBe('')
      {
        await using registry = await testRegistry({ databasePath: postgres.url })
        const hello = await fetch(`${registry.url}hello?client_prefix=${RECORDED_NODE}&protocol=1`)
        expect(hello.status).toBe(200)
        expect((await enrol(registry.url)).prefix).not.toBe(RECORDED_NODE)
      }
      const unsound = join(temporaryDirectory(), 'unsound')
      await run('backup', '--db', postgres.url, unsound)
      new Database(unsound).exec("INSERT INTO cert VALUES ('x', NULL, NULL)").close()
      await expect(run('restore', '--db', postgres.url, unsound)).rejects.toMatchObject({ code: 'FILE' })
      expect(await findings(postgres.url)).toBe('')
      const gone = run('check', '--db', `postgres://re6st:secret@127.0.0.1:${await freePort()}/postgres`)
      await expect(gone).rejects.toMatchObject({ code: 'FILE' })
      await expect(gone).rejects.not.toMatchObject({ message: expect.stringContaining('secret') })
    })

    it('is backed up as it is after a restore that goes on meanwhile, and nothing empty takes the place of a backup', async () => {
      const postgres = databaseAt(await emptyDatabase())
      await run('import', RECORDED, '--db', postgres.url)
      const copy = join(temporaryDirectory(), 'copy')
      await using restoring = await postgres.session()
      // As `restore` does: what has begun to read sees a table that is truncated as empty, whenever it began.
      for (const table of ['config', 'cert'])
        await restoring.query(`CREATE TEMPORARY TABLE kept_${table} AS SELECT * FROM ${table}`)
      await restoring.query('BEGIN; TRUNCATE config, cert')
      const backup = run('backup', '--db', postgres.url, copy, '--json')
      const waiting = async () =>
        (await postgres.query("SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock'")).rowCount
      await expect.poll(waiting).toBe(1)
      for (const table of ['config', 'cert'])
        await restoring.query(`INSERT INTO ${table} SELECT * FROM kept_${table}`)
      await restoring.query('COMMIT')
      expect(JSON.parse((await backup).text)).toEqual({ file: copy, certificates: 20 })

      await postgres.query('TRUNCATE config, cert')
      await expect(run('backup', '--db', postgres.url, copy)).rejects.toMatchObject({
        code: 'FILE',
        message: expect.stringMatching(/no network .* give another name/),
      })
      expect(await counts(copy)).toMatchObject({ cert: expect.toSatisfy((rows: number) => rows > 20) })
      expect(readdirSync(dirname(copy))).toEqual(['copy'])
    })

    it('is kept under another name each time that a file is restored into it', async () => {
      const postgres = databaseAt(await emptyDatabase())
      const file = join(temporaryDirectory(), 'registry.db')
      copyFileSync(RECORDED, file)
      await run('import', file, '--db', postgres.url)
      const serials: number[] = []
      const named: unknown[] = []
      for (const _ of ['first', 'second', 'third']) {
        serials.push((await ofConfig(postgres.url)).serial)
        const { text } = await run('restore', '--db', postgres.url, file, '--json')
        named.push((JSON.parse(text) as { before: unknown }).before)
      }
      const names = ['', '.2', '.3'].map((end) => `${file}.before-restore${end}`)
      expect(named).toEqual(names)
      // Each is what was there at its time.
      expect(await Promise.all(names.map(async (name) => (await ofConfig(name)).serial))).toEqual(serials)
      expect(new Set(serials).size).toBe(3)
    })

    it('that is being restored for long is not backed up: it says why', async () => {
      const postgres = databaseAt(await emptyDatabase())
      await run('import', RECORDED, '--db', postgres.url)
      const copy = join(temporaryDirectory(), 'copy')
      await using restoring = await postgres.session()
      await restoring.query('BEGIN; LOCK TABLE config IN ACCESS EXCLUSIVE MODE')
      await expect(run('backup', '--db', postgres.url, copy)).rejects.toMatchObject({
        code: 'FILE',
        message: expect.stringContaining('when that is done'),
      })
    })

    it('is not restored into while a registry serves with it, whatever its URL says of the application', async () => {
      const postgres = databaseAt(await emptyDatabase())
      await run('import', RECORDED, '--db', postgres.url)
      for (const name of ['application_name=', 'connect_timeout=3&application%5Fname=']) {
        await using _registry = await testRegistry({
          databasePath: `${postgres.url}?${name}ours&keepalives=1`,
        })
        await expect(run('restore', '--db', postgres.url, RECORDED)).rejects.toMatchObject({
          code: 'FILE',
          message: expect.stringContaining('stop the registry first'),
        })
      }
    })

    it('is read without a change of it: tables that are missing are not made', async () => {
      const postgres = databaseAt(await emptyDatabase())
      await (await openStore(postgres.url))[Symbol.asyncDispose]()
      await postgres.query('DROP TABLE machine_event')
      const copy = join(temporaryDirectory(), 'copy')
      expect(await run('backup', '--db', postgres.url, copy)).toMatchObject({ status: 0 })
      expect(await run('check', '--db', postgres.url)).toMatchObject({ status: 0 })
      const { rowCount } = await postgres.query("SELECT FROM pg_tables WHERE tablename = 'machine_event'")
      expect(rowCount).toBe(0)
      expect(await counts(copy)).toMatchObject({ machine_event: 0 })
    })
  },
)
