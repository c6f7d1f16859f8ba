import { createPrivateKey, X509Certificate } from 'node:crypto'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { Beside, lockBeside } from '../../../src/registry/database/beside.ts'
import { type WrittenAuthority, writeNewAuthority } from '../../../src/registry/new-authority.ts'
import { temporaryDirectory } from '../../support/registry.ts'

/** Whether SQLite has no file descriptor for whoever locks next. */
const sqlite = vi.hoisted(() => ({ isShort: false }))

vi.mock('better-sqlite3', async (load) => {
  const { default: Real } = await load<{ default: typeof import('better-sqlite3') }>()
  return {
    default: class extends Real {
      constructor(...args: ConstructorParameters<typeof Real>) {
        if (sqlite.isShort) throw Object.assign(new Error('unable to open'), { code: 'SQLITE_CANTOPEN' })
        super(...args)
      }
    },
  }
})

afterEach(() => {
  sqlite.isShort = false
})

describe('two that make an authority at once', () => {
  const make = (directory: string, ca: string, key: string, ready = async (_: WrittenAuthority) => {}) =>
    writeNewAuthority(
      {
        ...{ ca: join(directory, ca), key: join(directory, key), remedy: 'give others', ready },
        also: () => [{ file: join(directory, `${ca}.conf`), content: '', mode: 0o644 }],
      },
      { prefix: undefined, name: 'network', email: undefined, keyBits: 2048, days: 10 },
      Date.now(),
    )
  const isOfKey = (directory: string, ca: string, key: string) =>
    new X509Certificate(readFileSync(join(directory, ca))).checkPrivateKey(
      createPrivateKey(readFileSync(join(directory, key))),
    )

  it('with one key are not both made: the second changes nothing of the first', async () => {
    const directory = temporaryDirectory()
    await make(directory, 'a.crt', 'ca.key', async () => {
      await expect(make(directory, 'b.crt', 'ca.key')).rejects.toThrow(
        `${join(directory, 'ca.key')}: another process is writing it`,
      )
    })
    expect(isOfKey(directory, 'a.crt', 'ca.key')).toBe(true)
    expect(readdirSync(directory).sort()).toEqual(['a.crt', 'a.crt.conf', 'ca.key'])
  })

  it('with one certificate, and with all in common, are not both made', async () => {
    const directory = temporaryDirectory()
    const outcomes = await Promise.allSettled([
      make(directory, 'a.crt', 'a.key'),
      make(directory, 'a.crt', 'b.key'),
      make(directory, 'a.crt', 'a.key'),
    ])
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'rejected'])
    expect(isOfKey(directory, 'a.crt', 'a.key')).toBe(true)
    expect(readdirSync(directory).sort()).toEqual(['a.crt', 'a.crt.conf', 'a.key'])
  })

  it('with nothing in common are both made', async () => {
    const directory = temporaryDirectory()
    await Promise.all([make(directory, 'a.crt', 'a.key'), make(directory, 'b.crt', 'b.key')])
    expect(isOfKey(directory, 'b.crt', 'b.key')).toBe(true)
  })
})

describe('a lock beside a file', () => {
  it('is not taken away by who cannot look at it', () => {
    const target = join(temporaryDirectory(), 'file')
    using _ = lockBeside([target])
    sqlite.isShort = true
    expect(() => lockBeside([target])).toThrow('unable to open')
    expect(() => Beside.of(target)).toThrow('nothing can be written beside it')
    sqlite.isShort = false
    expect(() => lockBeside([target])).toThrow('another process is writing it')
  })

  it('of several is held for all of them or none, and leaves nothing', () => {
    const directory = temporaryDirectory()
    const [one, other] = [join(directory, 'one'), join(directory, 'other')]
    {
      using _ = lockBeside([other])
      expect(() => lockBeside([one, other])).toThrow(`${other}: another process is writing it`)
      using __ = lockBeside([one])
      expect(existsSync(`${one}.re6st-new-lock`)).toBe(true)
    }
    expect(readdirSync(directory)).toEqual([])
  })
})
