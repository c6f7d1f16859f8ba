// On SQLite alone: names of files, which a process that is killed has not changed yet.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { afterEach, expect, it, vi } from 'vitest'
import { keepDatabase, keepNoLonger, moveDatabase } from '../../../src/platform/database-files.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { runRegistryCommand } from '../../support/registry-command.ts'

/** What comes before each change of a name in a directory, and before each wait for the disk; whether a file may have two names. */
const step = vi.hoisted(() => ({ before: () => {}, canLink: true }))

vi.mock('node:fs', async (load) => {
  const real = await load<typeof import('node:fs')>()
  return {
    ...real,
    renameSync: (...names: Parameters<typeof real.renameSync>) => {
      step.before()
      real.renameSync(...names)
    },
    linkSync: (...names: Parameters<typeof real.linkSync>) => {
      step.before()
      if (!step.canLink) throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
      real.linkSync(...names)
    },
    rmSync: (...names: Parameters<typeof real.rmSync>) => {
      step.before()
      real.rmSync(...names)
    },
    fsyncSync: (file: number) => {
      step.before()
      real.fsyncSync(file)
    },
  }
})

const RECORDED = ['registry.db', 'rotating.db'].map((name) =>
  fileURLToPath(new URL(`../../vectors/registry-db/${name}`, import.meta.url)),
)

afterEach(() => {
  step.before = () => {}
  step.canLink = true
})

/** Which certificates a file has; undefined: it is none. */
function certificatesOf(file: string): string | undefined {
  let database: Database.Database | undefined
  try {
    database = new Database(file, { readonly: true })
    return JSON.stringify(database.prepare('SELECT * FROM cert ORDER BY prefix').all())
  } catch {
    return undefined
  } finally {
    database?.close()
  }
}

/** A database, and what is restored: a backup, or the one before an earlier restore. */
function places(isExchange: boolean) {
  const directory = temporaryDirectory()
  const path = join(directory, 'registry.db')
  const file = isExchange ? `${path}.before-restore` : join(directory, 'backup')
  for (const [at, place] of [path, file].entries()) cpSync(RECORDED[at] ?? '', place)
  const [old, restored] = [certificatesOf(path), certificatesOf(file)]
  if (old === undefined || restored === undefined || old === restored) throw new Error('not two databases')
  return { directory, path, file, old, restored }
}

const databasesIn = (directory: string) =>
  readdirSync(directory).map((name) => certificatesOf(join(directory, name)))

it.each([false, true])(
  'a restore that is killed at whatever step leaves one database or the other, and loses none (exchange: %s)',
  async (isExchange) => {
    const { directory, path, file, old, restored } = places(isExchange)
    const left: string[] = []
    step.before = () => {
      const copy = join(temporaryDirectory(), 'left')
      cpSync(directory, copy, { recursive: true })
      left.push(copy)
    }
    expect(await runRegistryCommand('restore', '--db', path, file)).toMatchObject({ status: 0 })
    expect(left.length).toBeGreaterThan(isExchange ? 2 : 1)
    for (const copy of left) {
      expect([old, restored]).toContain(certificatesOf(join(copy, 'registry.db')))
      const all = databasesIn(copy)
      for (const one of [old, restored]) expect(all).toContain(one)
      // The next one finds nothing in its way.
      const again = join(copy, isExchange ? 'registry.db.before-restore' : 'backup')
      step.before = () => {}
      await runRegistryCommand('restore', '--db', join(copy, 'registry.db'), again)
      expect(readdirSync(copy).filter((name) => name.includes('re6st-new'))).toEqual([])
    }
  },
)

it.each([false, true])(
  'a restore that fails at whatever step loses nothing (exchange: %s)',
  async (isExchange) => {
    for (let failing = 1; failing <= 5; failing++) {
      const { directory, path, file, old, restored } = places(isExchange)
      let steps = 0
      step.before = () => {
        if (++steps === failing) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      }
      await runRegistryCommand('restore', '--db', path, file).catch(() => {})
      step.before = () => {}
      expect([old, restored]).toContain(certificatesOf(path))
      for (const one of [old, restored]) expect(databasesIn(directory)).toContain(one)
      expect(existsSync(`${path}.re6st-new`)).toBe(false)
      expect(readFileSync(path).subarray(0, 15).toString()).toBe('SQLite format 3')
    }
  },
)

/** A database that was not closed, and is damaged: what was committed last is in its log. */
function damagedPlaces() {
  const directory = temporaryDirectory()
  const served = join(temporaryDirectory(), 'registry.db')
  const [path, file] = [join(directory, 'registry.db'), join(directory, 'backup')]
  cpSync(RECORDED[0] ?? '', served)
  cpSync(RECORDED[1] ?? '', file)
  const database = new Database(served)
  database.pragma('journal_mode = WAL')
  database.pragma('wal_checkpoint(TRUNCATE)')
  // The first page, which is damaged below, is not in the log.
  database.exec("INSERT INTO token VALUES ('the last', 'a@example.com', 16, 0)")
  for (const ending of ['', '-wal']) cpSync(`${served}${ending}`, `${path}${ending}`)
  database.close()
  const octets = readFileSync(path)
  octets.write('damaged')
  writeFileSync(path, octets)
  const restored = certificatesOf(file)
  if (restored === undefined) throw new Error('no database')
  return { directory, path, file, restored }
}

/** Whether some database in a directory, if it were repaired, has what was committed last. */
const hasTheLast = (directory: string): boolean =>
  readdirSync(directory).some((name) => {
    const path = join(temporaryDirectory(), 'repaired')
    for (const ending of ['', '-wal'])
      if (existsSync(join(directory, `${name}${ending}`)))
        cpSync(join(directory, `${name}${ending}`), `${path}${ending}`)
    const octets = readFileSync(path)
    if (octets.toString('latin1', 0, 7) !== 'damaged') return false
    octets.write('SQLite ')
    writeFileSync(path, octets)
    const database = new Database(path)
    try {
      return database.prepare("SELECT 1 FROM token WHERE token = 'the last'").get() !== undefined
    } finally {
      database.close()
    }
  })

const LINKS = ['with links', 'without links'] as const

it.each(LINKS)(
  'a restore over a damaged database that was not closed loses nothing of it, at whatever step it is killed or fails: on a file system %s',
  async (link) => {
    const { directory, path, file, restored } = damagedPlaces()
    const left: string[] = []
    step.canLink = link === 'with links'
    step.before = () => {
      const copy = join(temporaryDirectory(), 'left')
      cpSync(directory, copy, { recursive: true })
      left.push(copy)
    }
    expect(await runRegistryCommand('restore', '--db', path, file)).toMatchObject({ status: 0 })
    expect(left.length).toBeGreaterThan(5)
    step.before = () => {}
    for (const copy of [...left, directory]) {
      const served = join(copy, 'registry.db')
      expect(hasTheLast(copy)).toBe(true)
      if (!existsSync(served)) await expect(openStore(served)).rejects.toThrow('restore" again')
      expect(await runRegistryCommand('restore', '--db', served, join(copy, 'backup'))).toMatchObject({
        status: 0,
      })
      expect(certificatesOf(served)).toBe(restored)
      expect(hasTheLast(copy)).toBe(true)
    }
    for (let failing = 1; failing <= left.length; failing++) {
      const places = damagedPlaces()
      let steps = 0
      step.before = () => {
        if (++steps === failing) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      }
      await runRegistryCommand('restore', '--db', places.path, places.file).catch(() => {})
      step.before = () => {}
      expect(hasTheLast(places.directory)).toBe(true)
      expect(existsSync(places.path)).toBe(true)
    }
  },
)

const FILES = { '': 'the database', '-wal': 'its log', '-journal': 'what is to be rolled back' }

/** Which of two names has a database with all that is beside it. */
function wholeNames(directory: string): string[] {
  const textOf = (name: string) =>
    existsSync(join(directory, name)) ? readFileSync(join(directory, name), 'utf8') : undefined
  return ['path', 'kept'].filter((name) =>
    Object.entries(FILES).every(([ending, text]) => textOf(`${name}${ending}`) === text),
  )
}

function databaseWithLogs(): string {
  const directory = join(temporaryDirectory(), 'databases')
  mkdirSync(directory)
  for (const [ending, text] of Object.entries(FILES)) writeFileSync(join(directory, `path${ending}`), text)
  writeFileSync(join(directory, 'path-shm'), 'of this boot')
  return directory
}

function succeeds(work: () => void): boolean {
  try {
    work()
    return true
  } catch {
    return false
  }
}

it.each(
  LINKS.flatMap((link) => [keepDatabase, moveDatabase].map((move) => [move.name, link, move] as const)),
)(
  '%s leaves a database whole at whatever step it is killed, and it can be taken back where it fails: %s',
  (_, link, move) => {
    const directory = databaseWithLogs()
    step.canLink = link === 'with links'
    const left: string[] = []
    step.before = () => {
      const copy = join(temporaryDirectory(), 'left')
      cpSync(directory, copy, { recursive: true })
      left.push(copy)
    }
    move(join(directory, 'path'), join(directory, 'kept'))
    step.before = () => {}
    expect(wholeNames(directory)).toEqual(['kept'])
    expect(readdirSync(directory).filter((name) => name.startsWith('path'))).toEqual([])
    expect(left.length).toBeGreaterThan(5)
    for (const copy of left) expect(wholeNames(copy)).toHaveLength(1)
    for (let failing = 1; failing <= left.length; failing++) {
      const another = databaseWithLogs()
      const [path, kept] = [join(another, 'path'), join(another, 'kept')]
      let steps = 0
      step.before = () => {
        if (++steps === failing) throw Object.assign(new Error('EIO'), { code: 'EIO' })
      }
      // What cannot be linked is copied.
      const isMoved = succeeds(() => move(path, kept))
      step.before = () => {}
      if (!isMoved) keepNoLonger(path, kept)
      expect(wholeNames(another)).toEqual([isMoved ? 'kept' : 'path'])
      const other = isMoved ? 'path' : 'kept'
      expect(readdirSync(another).filter((name) => name.startsWith(other))).toEqual([])
    }
  },
)

it('nobody begins a new network where a restore was killed, on a file system without links', async () => {
  const { directory, path, file } = places(false)
  const left: string[] = []
  step.canLink = false
  step.before = () => {
    const copy = join(temporaryDirectory(), 'left')
    cpSync(directory, copy, { recursive: true })
    left.push(copy)
  }
  await runRegistryCommand('restore', '--db', path, file)
  step.before = () => {}
  const without = left.map((copy) => join(copy, 'registry.db')).filter((served) => !existsSync(served))
  expect(without).not.toEqual([])
  for (const served of without) await expect(openStore(served)).rejects.toMatchObject({ code: 'FILE' })
})
