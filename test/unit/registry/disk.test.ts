// On SQLite alone: the disk under a file, for which a server of PostgreSQL waits by itself.

import { copyFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import { openDatabase } from '../../../src/registry/database/database.ts'
import { type Disk, diskOf } from '../../../src/registry/database/disk.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { temporaryDirectory } from '../../support/registry.ts'

/** A disk that takes as long as the test likes. */
class HeldDisk implements Disk {
  readonly waiting: { readonly written: () => void; readonly broken: (error: Error) => void }[] = []

  sync(): Promise<void> {
    return new Promise((written, broken) => this.waiting.push({ written, broken }))
  }

  [Symbol.dispose](): void {}
}

const path = () => join(temporaryDirectory(), 'registry.db')
const turn = () => new Promise((resolve) => setImmediate(resolve))

it('a change is acknowledged when the disk has it, and nobody else waits for that', async () => {
  const disk = new HeldDisk()
  await using store = await openStore(path(), { disk })
  let isAcknowledged = false
  const written = store
    .write((writable) => writable.setConfig('valid_until', 1))
    .then(() => {
      isAcknowledged = true
    })
  await expect.poll(() => disk.waiting).toHaveLength(1)
  expect([isAcknowledged, await store.config('valid_until')]).toEqual([false, 1])
  disk.waiting[0]?.written()
  await written
})

it('who asked for a change hears when the disk is broken', async () => {
  const disk = new HeldDisk()
  await using store = await openStore(path(), { disk })
  const written = store.write((writable) => writable.setConfig('valid_until', 1))
  await expect.poll(() => disk.waiting).toHaveLength(1)
  disk.waiting[0]?.broken(new Error('EIO'))
  await expect(written).rejects.toThrow('EIO')
})

it('a disk that has failed once is not believed again: the process must end', async () => {
  const database = openDatabase(path())
  const broken: Error[] = []
  const answers = [new Error('EIO'), null]
  using disk = diskOf(
    database,
    (error) => broken.push(error),
    (_file, done) => setImmediate(done, answers.shift() ?? null),
  )
  const [first, second] = [disk.sync(), disk.sync()]
  for (const sync of [first, second, disk.sync()]) await expect(sync).rejects.toThrow(/EIO.*started again/)
  await expect(disk.sync()).rejects.toThrow(/EIO/)
  expect([broken.length, answers.length]).toEqual([1, 1])
  database.close()
})

it('what a killed process has written is in the file itself before anything comes after it', async () => {
  const place = path()
  const killed = await openStore(place)
  await killed.write((writable) => writable.setConfig('valid_until', 1))
  // All that is not in the log alone.
  const opened = openDatabase(place)
  const alone = join(temporaryDirectory(), 'registry.db')
  copyFileSync(place, alone)
  const found = new Database(alone)
    .prepare("SELECT value FROM config WHERE name = 'valid_until'")
    .pluck()
    .get()
  expect(found).toBe(1)
  opened.close()
  await killed[Symbol.asyncDispose]()
})

it('many changes that come one after another are all acknowledged', async () => {
  await using store = await openStore(path())
  const acknowledged: number[] = []
  await Promise.all(
    Array.from({ length: 50 }, async (_, number) => {
      for (let pause = 0; pause < number % 5; pause++) await turn()
      await store.write((writable) => writable.setConfig(`babel_hmac${number}`, number))
      acknowledged.push(number)
    }),
  )
  expect(acknowledged.sort((one, other) => one - other)).toEqual(
    Array.from({ length: 50 }, (_, number) => number),
  )
})

it('SQLite itself waits for the disk where there is no write-ahead log', async () => {
  const database = openDatabase(path())
  expect(database.pragma('synchronous', { simple: true })).toBe(1)
  database.pragma('journal_mode = DELETE')
  using disk = diskOf(database)
  // Nothing is there that could be waited for: it would be refused.
  await disk.sync()
  database.close()
})
