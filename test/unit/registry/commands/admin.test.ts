import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it, vi } from 'vitest'
import { checkPassword } from '../../../../src/registry/api/access/administrators.ts'
import { audit } from '../../../../src/registry/api/audit-log.ts'
import type { AuditEntry } from '../../../../src/registry/api/schemas/audit.ts'
import { runSubcommand } from '../../../../src/registry/commands/dispatch.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import { DATABASE_KIND, emptyDatabase } from '../../../support/databases.ts'
import { sessionWith } from '../../../support/postgres.ts'
import { temporaryDirectory } from '../../../support/registry.ts'
import {
  registryCommandOptions,
  runRegistryCommand as run,
  whyRefused,
} from '../../../support/registry-command.ts'

async function newDatabase(): Promise<string> {
  const database = await emptyDatabase()
  await using _ = await openStore(database)
  return database
}

/** Whether somebody holds what the database was at an earlier moment. */
async function isHeld(db: string): Promise<boolean> {
  if (DATABASE_KIND === 'PostgreSQL') {
    await using session = await sessionWith(db)
    const { rows } = await session.query(
      "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in transaction%'",
    )
    return rows.length > 0
  }
  const database = new Database(db)
  try {
    database.prepare("UPDATE config SET value = value WHERE name = 'serial'").run()
    const [state] = database.pragma('wal_checkpoint(TRUNCATE)') as { readonly busy: number }[]
    return state?.busy !== 0
  } finally {
    database.close()
  }
}

describe('re6st-registry admin', () => {
  it('adds, lists and removes administrators, which is in the audit log', async () => {
    const db = await newDatabase()
    const password = join(temporaryDirectory(), 'password')
    writeFileSync(password, 'correct horse battery\n', { mode: 0o600 })
    await run('admin', 'add', '--name', 'ann', '--role', 'look', '--password', password, '--db', db)
    const made = await run('admin', 'add', '--name', 'bob', '--role', 'administer', '--db', db, '--json')
    {
      await using store = await openStore(db)
      expect(await checkPassword(store, 'ann', 'correct horse battery')).toMatchObject({ role: 'look' })
      const { password: madeUp } = JSON.parse(made.text) as { password: string }
      expect(await checkPassword(store, 'bob', madeUp)).toMatchObject({ role: 'administer' })
    }
    const list = await run('admin', 'list', '--db', db, '--json')
    expect(JSON.parse(list.text)).toMatchObject([{ name: 'ann', role: 'look' }, { name: 'bob' }])
    await run('admin', 'remove', '--name', 'ann', '--db', db)
    await expect(run('admin', 'remove', '--name', 'ann', '--db', db)).rejects.toMatchObject({
      code: 'NOT_FOUND',
    })

    const entries = JSON.parse((await run('audit', 'list', '--db', db, '--json')).text) as {
      action: string
    }[]
    expect(entries.map(({ action }) => action)).toEqual(['admin.removed', 'admin.added', 'admin.added'])
    const state = await run('audit', 'verify', '--db', db, '--json')
    const { head } = JSON.parse(state.text) as { head: string }
    expect(await run('audit', 'verify', '--head', head, '--db', db)).toMatchObject({ status: 0 })
    expect(await run('audit', 'verify', '--head', 'f'.repeat(64), '--db', db)).toMatchObject({ status: 1 })
  })

  it('all entries of the audit log are printed, also of a long one, or some of them', async () => {
    const db = await newDatabase()
    const count = 2_050
    {
      await using store = await openStore(db)
      await store.write(async (writable) => {
        for (let number = 1; number <= count; number += 1)
          await audit(
            writable,
            { name: number % 10 === 0 ? 'ann' : 'bob\u001b[2J', from: '192.0.2.1' },
            { action: number % 2 === 0 ? 'machine.revoked' : 'session.begun', subject: `${number}/16` },
            Date.now(),
          )
      })
    }
    const list = async (...args: string[]) =>
      JSON.parse((await run('audit', 'list', '--db', db, '--json', ...args)).text) as AuditEntry[]
    const all = await list()
    expect(all.map(({ number }) => number)).toEqual(Array.from({ length: count }, (_, at) => count - at))
    // As the API says it.
    expect(all[0]).toMatchObject({ from: '192.0.2.1', subject: `${count}/16` })
    expect(await list('--who', 'ann')).toHaveLength(count / 10)
    expect(await list('--action', 'session.begun', '--who', 'ann')).toEqual([])
    const { text } = await run('audit', 'list', '--db', db)
    expect(text.split('\n')[0]).toMatch(/^NUMBER +TIME +WHO +ACTION/)
    expect(text.split('\n')).toHaveLength(count + 2)
    // What somebody has typed cannot steer a terminal.
    expect(text).not.toContain('\u001b')
    expect((await run('audit', 'list', '--db', db, '--who', 'nobody')).text).toMatch(/^NUMBER.*\n$/)
  })

  it('whoever reads the audit log slowly keeps the database from nothing', async () => {
    const db = await newDatabase()
    {
      await using store = await openStore(db)
      await store.write(async (writable) => {
        for (let number = 1; number <= 1_050; number += 1)
          await audit(writable, { name: 'ann', from: undefined }, { action: 'keys.rotated' }, Date.now())
      })
    }
    const held: boolean[] = []
    const stdout = vi.spyOn(process.stdout, 'write').mockImplementation(() => {
      void isHeld(db).then((isSo) => {
        held.push(isSo)
        process.stdout.emit('drain')
      })
      return false
    })
    try {
      expect(await runSubcommand(registryCommandOptions('audit', 'list', '--db', db))).toBe(0)
    } finally {
      stdout.mockRestore()
    }
    expect(held.length).toBeGreaterThan(1)
    expect(held).not.toContain(true)
  })

  it.each([
    [['admin', 'drop'], 'must be one of add, remove, list'],
    [['admin', 'add', '--role', 'look'], '--name: is needed'],
    [['admin', 'add', '--name', 'ann'], '--role: is needed'],
    [['admin', 'add', '--name', 'ann', '--role', 'god'], 'must be one of look, enrol, administer'],
    [['admin', 'remove', '--name', 'ann', '--role', 'look'], '--role: is for "admin add" only'],
    [['admin', 'list', '--name', 'ann'], '--name: is not for'],
    [['ca', 'renew', '--ca', 'x', '--key', './x'], '--ca, --key: both name x'],
    [['audit', 'list', '--head', 'x'], '--head: is for "audit verify" only'],
    [['audit', 'verify', '--head', '123'], '--head: must be a hash'],
    [['audit', 'verify', '--who', 'ann'], '--who: is for "audit list" only'],
    [['audit', 'list', '--action', 'machine.revoke'], 'machine.revoked'],
    [['token', 'make'], 'must be one of new, list, delete'],
    [['token', 'new', '--role', 'look'], '--label: is needed'],
    [['token', 'new', '--label', 'x'], '--role: is needed by "token new": one of look'],
    [['token', 'new', '--label', 'x', '--role', 'look', '--days', '366'], 'from 1 to 365'],
    [['token', 'list', '--role', 'look'], '--role: is for "token new" only'],
    [['token', 'delete'], '--id: is needed'],
    [['token', 'list', '--id', 'x'], '--id: is for "token delete" only'],
  ])('says what is wrong with %j', (args, reason) => {
    expect(whyRefused(...args)).toContain(reason)
  })

  it('makes no database where there is none', async () => {
    // A database of PostgreSQL is made by its own programs.
    await expect(run('admin', 'list', '--db', join(temporaryDirectory(), 'x'))).rejects.toMatchObject({
      code: 'FILE',
    })
  })
})
