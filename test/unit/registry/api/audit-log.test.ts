import { describe, expect, it } from 'vitest'
import { audit, auditEntries, NO_HASH, verifyAudit } from '../../../../src/registry/api/audit-log.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import type { Store } from '../../../../src/registry/database/store.ts'
import { DATABASE_KIND, emptyDatabase, emptyStore } from '../../../support/databases.ts'
import { fc, test } from '../../../support/property.ts'
import { tamper } from '../../../support/tampering.ts'

const NOW_MS = 1_800_000_000_000
/** Each kind has its own words for a row that takes the place of another. */
const REPLACING =
  DATABASE_KIND === 'SQLite'
    ? [
        'INSERT OR REPLACE INTO audit SELECT number, date, who, origin, action, subject, detail, hash FROM audit WHERE number = 2',
        "REPLACE INTO audit VALUES (3, 0, '', NULL, '', NULL, '', '')",
      ]
    : [
        'INSERT INTO audit SELECT number, date, who, origin, action, subject, detail, hash FROM audit WHERE number = 2 ON CONFLICT (number) DO UPDATE SET hash = excluded.hash',
      ]

const actor = { name: 'ann', from: '127.0.0.1' }

async function filled(count: number, opened: Promise<Store> = emptyStore()): Promise<Store> {
  const store = await opened
  await Promise.all(
    Array.from({ length: count }, (_, number) =>
      store.write((writable) =>
        audit(
          writable,
          actor,
          { action: 'machine.revoked', subject: `${number}/16`, detail: { number } },
          NOW_MS,
        ),
      ),
    ),
  )
  return store
}

/** One, and who has it in his hands. */
async function filledDatabase(count: number) {
  const place = await emptyDatabase()
  return {
    store: await filled(count, openStore(place)),
    tamper: (statement: string) => tamper(place, statement),
  }
}

/** Of property tests: to open one takes longer than all else. */
const shared = await emptyStore({ isShared: true })

describe('the audit log', () => {
  it('is whole as it was written, and empty at first', async () => {
    await using empty = await filled(0)
    expect(await verifyAudit(empty)).toEqual({ isWhole: true, entries: 0, head: NO_HASH })
    await using store = await filled(2_500)
    expect(await verifyAudit(store)).toMatchObject({ isWhole: true, entries: 2_500 })
    const { total, rows } = await auditEntries(store, { limit: 2, offset: 1 })
    expect(total).toBe(2_500)
    expect(rows.map(({ number }) => number)).toEqual([2_499, 2_498])
  })

  it('cannot be changed or cut with SQL', async () => {
    await using store = await filled(3)
    for (const sql of [
      "UPDATE audit SET who = 'bob'",
      'DELETE FROM audit WHERE number = 3',
      ...REPLACING,
      "INSERT INTO audit VALUES (7, 0, '', NULL, '', NULL, '', '')",
    ])
      await expect(store.write((writable) => writable.run(sql))).rejects.toThrow('only added to')
  })

  it('writes nothing when the action fails', async () => {
    await using store = await filled(1)
    await expect(
      store.write(async (writable) => {
        await audit(writable, actor, { action: 'machine.revoked' }, NOW_MS)
        throw new Error('no')
      }),
    ).rejects.toThrow('no')
    expect(await verifyAudit(store)).toMatchObject({ entries: 1 })
  })

  it.each([
    ["UPDATE audit SET who = 'bob' WHERE number = 2", 'entry 2 was changed'],
    ["UPDATE audit SET detail = '{}' WHERE number = 3", 'entry 3 was changed'],
    ['UPDATE audit SET date = date + 1 WHERE number = 1', 'entry 1 was changed'],
    ['DELETE FROM audit WHERE number = 2', 'entry 2 is missing'],
    ['DELETE FROM audit WHERE number = 1', 'entry 1 is missing'],
  ])('shows what somebody did who has removed the triggers: %s', async (sql, problem) => {
    const { tamper, store } = await filledDatabase(3)
    await using _ = store
    await tamper(sql)
    expect(await verifyAudit(store)).toMatchObject({
      isWhole: false,
      problem: expect.stringContaining(problem),
    })
  })

  it('shows that the end was cut off to who has written down a hash', async () => {
    const { tamper, store } = await filledDatabase(3)
    await using _ = store
    const { head } = await verifyAudit(store)
    await tamper('DELETE FROM audit WHERE number = 3')
    expect(await verifyAudit(store)).toMatchObject({ isWhole: true, entries: 2 })
    expect(await verifyAudit(store, head)).toMatchObject({ isWhole: false, entries: 2 })
  })

  it('is whole with a text that not every database can keep', async () => {
    await using store = await emptyStore()
    for (const subject of ['a\0b', '\ud800'])
      await store.write((writable) => audit(writable, actor, { action: 'machine.revoked', subject }, NOW_MS))
    expect(await verifyAudit(store)).toMatchObject({ isWhole: true, entries: 2 })
  })

  test(
    'is whole whatever is in it',
    fc.array(
      fc.tuple(fc.string({ unit: 'binary' }), fc.string(), fc.dictionary(fc.string(), fc.jsonValue())),
      { maxLength: 5 },
    ),
    async (entries) => {
      const { entries: before } = await verifyAudit(shared)
      for (const [name, subject, detail] of entries)
        await shared.write((writable) =>
          audit(
            writable,
            { name: name, from: undefined },
            { action: 'machine.revoked', subject, detail: JSON.parse(JSON.stringify(detail)) },
            NOW_MS,
          ),
        )
      expect(await verifyAudit(shared)).toMatchObject({ isWhole: true, entries: before + entries.length })
    },
  )
})
