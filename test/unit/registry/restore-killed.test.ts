import { cpSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { afterEach, expect, it, vi } from 'vitest'
import { temporaryDirectory } from '../../support/registry.ts'
import { runRegistryCommand } from '../../support/registry-command.ts'

/** What comes before each change of a name in a directory, and before each wait for the disk. */
const step = vi.hoisted(() => ({ before: () => {} }))

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
      real.linkSync(...names)
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
