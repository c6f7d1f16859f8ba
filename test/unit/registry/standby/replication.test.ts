import { expect, it } from 'vitest'
import { waitFor } from '../../../../lab/wait-for.ts'
import type { Queries } from '../../../../src/registry/database/queries.ts'
import { FollowedDatabase } from '../../../../src/registry/standby/followed-database.ts'
import { changeFile, contentOf, TestPair } from '../../../support/pair.ts'
import { fc } from '../../../support/property.ts'

const DEADLINE_MS = 30_000

const whenCurrent = (pair: TestPair) =>
  waitFor(
    () => {
      const { connection, isRegistered, behind } = pair.primary.state
      return connection === 'current' && isRegistered && behind === 0
    },
    { what: 'the standby', deadlineMs: DEADLINE_MS, intervalMs: 5 },
  )

/** A change with values of all kinds; `seed` decides which. */
async function change(writable: Queries, seed: number): Promise<void> {
  const prefix = (seed % 64).toString(2).padStart(6, '0')
  switch (seed % 5) {
    case 0:
      return writable.setCertificate({ prefix, email: `ä${seed}@example.com`, cert: null })
    case 1:
      return writable.deletePrefix(prefix)
    case 2:
      return writable.setConfig(`key${seed % 3}`, Buffer.from([seed % 256, 0, 255]))
    case 3:
      return writable.setConfig('serial', seed)
    default:
      await writable.run('DELETE FROM machine_event WHERE prefix = ?', prefix)
      await writable.run('INSERT INTO machine_event VALUES (?, ?, ?, ?)', prefix, seed, 'seen', null)
  }
}

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('write' as const),
      seed: fc.nat(10_000),
      times: fc.integer({ min: 1, max: 8 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('cut' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart standby' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart primary' as const) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('another program' as const), seed: fc.nat(1_000) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('wait' as const) }) },
)

it('whatever is lost, restarted or changed by another program, the databases are the same in the end', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 12 }), async (steps) => {
      await using pair = new TestPair()
      await pair.startPrimary()
      pair.startStandby()
      for (const one of steps)
        switch (one.kind) {
          case 'write':
            await Promise.all(
              Array.from({ length: one.times }, (_, index) =>
                pair.store.write((writable) => change(writable, one.seed + 7 * index), {
                  isExpendable: true,
                }),
              ),
            )
            break
          case 'cut':
            pair.cut()
            break
          case 'restart standby':
            await pair.stopStandby()
            pair.startStandby()
            break
          case 'restart primary':
            await pair.stopPrimary()
            await pair.startPrimary()
            break
          case 'another program':
            pair.change(`INSERT OR REPLACE INTO config VALUES ('other', ${one.seed})`)
            break
          case 'wait':
            await whenCurrent(pair)
        }
      // What another program did last is noticed with the next change.
      await pair.store.write((writable) => change(writable, 3), { isExpendable: true })
      await whenCurrent(pair)
      await pair.stopStandby()
      await pair.stopPrimary()
      expect(contentOf(pair.standbyPath)).toEqual(contentOf(pair.primaryPath))
    }),
    // Each run takes a second: the first that fails is told of as it is.
    { numRuns: 12, endOnFailure: true },
  )
}, 180_000)

it('what was acknowledged once the standby has everything is there, whenever the primary dies', async () => {
  for (const pause of [0, 1, 3, 10]) {
    await using pair = new TestPair()
    await pair.startPrimary()
    pair.startStandby()
    await whenCurrent(pair)
    const acknowledged: string[] = []
    const writers = Array.from({ length: 8 }, async (_, writer) => {
      for (let count = 0; ; count++) {
        const token = `${writer}-${count}`
        try {
          await pair.store.write((writable) =>
            writable.addToken({ token, email: '', prefix_len: 16, date: 1 }),
          )
          acknowledged.push(token)
        } catch {
          return
        }
      }
    })
    await waitFor(() => acknowledged.length > 20 + pause, {
      ...{ what: 'some changes', deadlineMs: DEADLINE_MS, intervalMs: 1 },
    })
    // The standby hears no more, as of a machine that has died.
    await pair.stopStandby()
    await pair.stopPrimary()
    await Promise.all(writers)
    const kept = new Set(contentOf(pair.standbyPath)['token']?.map((row) => (row as { token: string }).token))
    expect(acknowledged.filter((token) => !kept.has(token))).toEqual([])
  }
}, 180_000)

it('without its standby, a primary refuses what would be given away, writes what may be lost, and goes on when it is dropped', async () => {
  await using pair = new TestPair()
  await pair.startPrimary()
  await pair.store.write((writable) => writable.setConfig('one', 1))
  pair.startStandby()
  await whenCurrent(pair)
  await pair.stopStandby()
  await waitFor(() => pair.primary.refusal() !== undefined, { what: 'the loss', deadlineMs: DEADLINE_MS })
  await expect(pair.store.write((writable) => writable.setConfig('two', 2))).rejects.toMatchObject({
    status: 503,
  })
  await pair.store.write((writable) => writable.setConfig('three', 3), { isExpendable: true })
  expect(await pair.store.config('two')).toBe(undefined)
  expect(await pair.store.config('three')).toBe(3)
  // It is so also after the next start.
  await pair.stopPrimary()
  await pair.startPrimary()
  expect(pair.primary.refusal()).toMatchObject({ status: 503 })
  await pair.primary.drop({ name: 'test', from: undefined })
  await pair.store.write((writable) => writable.setConfig('two', 2))
  // When it is back, it is waited for again.
  pair.startStandby()
  await whenCurrent(pair)
  await expect(pair.primary.drop({ name: 'test', from: undefined })).rejects.toMatchObject({ status: 409 })
})

it('another standby than the registered one is turned away until that is dropped', async () => {
  await using pair = new TestPair()
  await pair.startPrimary()
  pair.startStandby('one')
  await whenCurrent(pair)
  await pair.stopStandby()
  pair.startStandby('other')
  await waitFor(() => pair.primary.refusal() !== undefined, { what: 'the loss', deadlineMs: DEADLINE_MS })
  await pair.primary.drop({ name: 'test', from: undefined })
  await whenCurrent(pair)
})

it('a change that is missing, or does something else than at the primary, is not made', async () => {
  await using pair = new TestPair()
  await pair.startPrimary()
  pair.startStandby()
  await whenCurrent(pair)
  await pair.stopStandby()
  using database = new FollowedDatabase(pair.standbyPath)
  const number = (database.position?.number ?? 0) + 1
  const sql = "DELETE FROM config WHERE name = 'none'"
  expect(database.apply({ number: number + 1, statements: [] })).toBe(false)
  expect(() => database.apply({ number, statements: [{ sql, values: [], rows: 1 }] })).toThrow()
  expect(database.position?.number).toBe(number - 1)
  expect(database.apply({ number, statements: [{ sql, values: [], rows: 0 }] })).toBe(true)
  expect(database.apply({ number, statements: [{ sql, values: [], rows: 7 }] })).toBe(true)
  expect(database.position?.number).toBe(number)
})

it('a standby whose database somebody else has changed takes a copy again', async () => {
  await using pair = new TestPair()
  await pair.startPrimary()
  pair.startStandby()
  await whenCurrent(pair)
  changeFile(pair.standbyPath, "INSERT INTO config VALUES ('stray', 1)")
  await pair.store.write((writable) => writable.setConfig('one', 1), { isExpendable: true })
  await waitFor(() => contentOf(pair.standbyPath)['config']?.length === 1, {
    ...{ what: 'a copy', deadlineMs: DEADLINE_MS },
  })
  await whenCurrent(pair)
})
