// On SQLite alone: a file that is on another machine.

import { copyFileSync, existsSync, type StatsFs } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it, vi } from 'vitest'
import { openDatabase } from '../../../src/registry/database/database.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { temporaryDirectory } from '../../support/registry.ts'

const { NFS, asked } = vi.hoisted(() => ({ NFS: 0x6969, asked: [] as string[] }))

// A machine whose disks are all of another machine, as statfs(2) says: nothing else can be had without such a kernel.
vi.mock('node:fs', async (original) => ({
  ...(await original<typeof import('node:fs')>()),
  statfsSync: (path: string): Partial<StatsFs> => {
    asked.push(path)
    return { type: NFS }
  },
}))

const RECORDED = fileURLToPath(new URL('../../vectors/registry-db/registry.db', import.meta.url))

it('on a file system of another machine, a database of the Python implementation is served with a rollback journal', async () => {
  const directory = temporaryDirectory()
  const path = join(directory, 'registry.db')
  copyFileSync(RECORDED, path)
  openDatabase(path).close()
  expect(asked).toContain(directory)
  {
    await using store = await openStore(path)
    await store.write((writable) => writable.setConfig('name', 'value'))
    expect(await store.config('name')).toBe('value')
    // What a write-ahead log needs is not even made.
    for (const end of ['-wal', '-shm']) expect(existsSync(`${path}${end}`), end).toBe(false)
  }
  const database = openDatabase(path)
  expect(database.pragma('journal_mode', { simple: true })).toBe('delete')
  // SQLite waits for the disk by itself.
  expect(database.pragma('synchronous', { simple: true })).toBe(2)
  database.close()
})
