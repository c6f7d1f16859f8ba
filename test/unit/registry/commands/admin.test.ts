import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { checkPassword } from '../../../../src/registry/api/access/administrators.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import { temporaryDirectory } from '../../../support/registry.ts'
import { runRegistryCommand as run, whyRefused } from '../../../support/registry-command.ts'

async function newDatabase(): Promise<string> {
  const path = join(temporaryDirectory(), 'registry.db')
  await using _ = await openStore(path)
  return path
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

  it.each([
    [['admin', 'drop'], 'must be one of add, remove, list'],
    [['admin', 'add', '--role', 'look'], '--name: is needed'],
    [['admin', 'add', '--name', 'ann'], '--role: is needed'],
    [['admin', 'add', '--name', 'ann', '--role', 'god'], 'must be one of look, enrol, administer'],
    [['admin', 'remove', '--name', 'ann', '--role', 'look'], '--role: is for "admin add" only'],
    [['admin', 'list', '--name', 'ann'], '--name: is not for'],
    [['audit', 'list', '--head', 'x'], '--head: is for "audit verify" only'],
  ])('says what is wrong with %j', (args, reason) => {
    expect(whyRefused(...args)).toContain(reason)
  })

  it('makes no database where there is none', async () => {
    await expect(run('admin', 'list', '--db', join(temporaryDirectory(), 'x'))).rejects.toMatchObject({
      code: 'FILE',
    })
  })
})
