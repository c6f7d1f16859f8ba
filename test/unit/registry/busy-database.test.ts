// On SQLite alone: another process holds a file; who holds a database of PostgreSQL is in postgres-losses.test.ts.

import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import { codeOf } from '../../../src/core/errors.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Refusal } from '../../../src/registry/refusal.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

it('changes wait for a database that is held again, also after one of them had failed for itself', async () => {
  const path = join(temporaryDirectory(), 'registry.db')
  const time = { nowMs: 0 }
  let retry = () => {}
  await using store = await openStore(path, {
    clock: {
      monotonicMs: () => time.nowMs,
      after: (_, listener) => {
        retry = listener
        return { [Symbol.dispose]: () => {} }
      },
    },
  })
  using other = new HeldDatabase(path)
  const flushed = () => new Promise((resolve) => setImmediate(resolve))

  other.hold()
  const refused = store.write(async () => {
    throw new Error('refused')
  })
  await flushed()
  other.release()
  retry()
  await expect(refused).rejects.toThrow('refused')

  time.nowMs += 60_000
  other.hold()
  const written = store.write((writable) => writable.setConfig('valid_until', 1))
  await flushed()
  other.release()
  retry()
  await written
  expect(await store.config('valid_until')).toBe(1)
})

it('a database that could not be written is tried again when somebody asks, and a change that was wrong is no reason', async () => {
  const path = join(temporaryDirectory(), 'registry.db')
  const clock = steppedClock()
  await using store = await openStore(path, { clock })
  using other = new HeldDatabase(path)
  await store.checkWritable()
  await store.write((writable) => writable.setConfig('version', Buffer.from([1])))
  const wrong = store.write(async () => {
    throw new Error('refused')
  })
  await expect(wrong).rejects.toThrow('refused')
  other.hold()
  // Nothing was to be written meanwhile.
  await store.checkWritable()
  const failure = async (promise: Promise<unknown>) => {
    const failed = promise.then(
      () => undefined,
      ({ status, cause }: Refusal) => [status, codeOf(cause)],
    )
    for (let seconds = 0; seconds < 6; seconds++) await clock.pass(1_000)
    return failed
  }
  expect(await failure(store.write((writable) => writable.setConfig('valid_until', 1)))).toEqual([
    503,
    'SQLITE_BUSY',
  ])
  expect(await failure(store.checkWritable())).toEqual([503, 'SQLITE_BUSY'])
  other.release()
  // A little may be written where a lot cannot: that is tried.
  await store.write((writable) => writable.setConfig('valid_until', 1))
  other.hold()
  expect(await failure(store.checkWritable())).toEqual([503, 'SQLITE_BUSY'])
  other.release()
  await store.checkWritable()
  other.hold()
  await store.checkWritable()
  other.release()
  expect(await store.all("SELECT 1 FROM config WHERE name = 'tried'")).toEqual([])
})

/** Another process with the same database. */
class HeldDatabase implements Disposable {
  readonly #database: Database.Database

  constructor(path: string) {
    this.#database = new Database(path)
  }

  hold(): void {
    this.#database.exec('BEGIN IMMEDIATE')
  }

  release(): void {
    this.#database.exec('COMMIT')
  }

  [Symbol.dispose](): void {
    this.#database.close()
  }
}
