import { X509Certificate } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { beforeEach, describe, expect, it } from 'vitest'
import { type ConfigValue, configOfValues } from '../../../../src/core/config/network-config.ts'
import { parseAddressList } from '../../../../src/core/values/address-list.ts'
import { bitsOfNumber } from '../../../../src/core/values/bits.ts'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { openCache } from '../../../../src/node/cache/cache.ts'
import type { Logger } from '../../../../src/platform/log.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { vectors } from '../../../support/vectors.ts'

const expected = vectors<{ peers: Record<string, string>; schema: string[] }>('cache-db/expected.json')
const pki = vectors<{ ca: string }>('pki.json')
const list = (text: string) => parseAddressList(text).addresses
const peer = (n: number) => prefixOfBits(bitsOfNumber(BigInt(n), 16))

/** Where the header of an SQLite file counts the transactions that have changed it. */
const FILE_CHANGE_COUNTER = 24

let path: string
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 're6st-cache-')), 'cache.db')
})

describe('a cache of the Python implementation', () => {
  beforeEach(() => copyFileSync(new URL('../../../vectors/cache-db/cache.db', import.meta.url), path))

  it('is read', () => {
    using cache = openCache(path, silentLog)
    const config = configOfValues(cache.readConfig(), new X509Certificate(pki.ca).publicKey)
    expect(config).toMatchObject({
      ok: true,
      value: { helloIntervalMs: 15_000, crl: new Set([3n, 4n]), encrypt: false },
    })
    for (const [prefix, addresses] of Object.entries(expected.peers)) {
      const known = prefix === '' ? cache.ownAddresses : cache.addressesOf(prefixOfBits(prefix))
      expect(known).toEqual(list(addresses))
    }
    expect(cache.peers().sort()).toEqual(
      Object.keys(expected.peers)
        .filter((prefix) => prefix !== '')
        .sort(),
    )
  })

  it('holds the same after it was written back', () => {
    const rows = () => {
      const database = new Database(path)
      const all = database
        .prepare('SELECT name, value, typeof(value) AS type FROM config ORDER BY name')
        .all()
      const schema = database.prepare('SELECT sql FROM sqlite_master').pluck().all()
      database.close()
      return { all, schema }
    }
    const before = rows()
    {
      using cache = openCache(path, silentLog)
      const values = cache.readConfig()
      cache.writeConfig(new Map())
      cache.writeConfig(values)
    }
    expect(rows()).toEqual({ ...before, all: before.all.map((row) => normalised(row as { value: unknown })) })
  })
})

/** JSON may be spaced differently. */
const normalised = (row: { value: unknown }) =>
  typeof row.value === 'string' && row.value.startsWith('[')
    ? { ...row, value: JSON.stringify(JSON.parse(row.value)) }
    : row

it('makes the tables that the Python implementation expects', () => {
  openCache(path, silentLog)[Symbol.dispose]()
  const schema = new Database(path)
    .prepare("SELECT sql FROM sqlite_master WHERE type = 'table'")
    .pluck()
    .all()
  expect(schema.sort()).toEqual([...expected.schema].sort())
})

it('remembers peers and our own addresses', () => {
  {
    using cache = openCache(path, silentLog)
    cache.store(peer(1), list('192.0.2.1,1,tcp'))
    cache.store(peer(1), list('192.0.2.1,1,tcp;192.0.2.1,1,udp,FR'))
    cache.ownAddresses = list('192.0.2.9,9,tcp')
    cache.store(peer(2), list('192.0.2.2,1,tcp'))
    cache.forget(peer(2))
  }
  using cache = openCache(path, silentLog)
  expect(cache.addressesOf(peer(1))).toEqual(list('192.0.2.1,1,tcp;192.0.2.1,1,udp,FR'))
  expect(cache.ownAddresses).toEqual(list('192.0.2.9,9,tcp'))
  expect(cache.peers()).toEqual([peer(1)])
})

it('keeps at most 200 peers; the failing ones go first', () => {
  using cache = openCache(path, silentLog)
  cache.ownAddresses = list('192.0.2.9,9,tcp')
  for (let n = 0; n < 203; n++)
    cache.store(peer(n), list(`192.0.2.1,${n + 1},tcp`), (prefix) => prefix === peer(150))
  expect(cache.peers()).toHaveLength(200)
  expect(cache.addressesOf(peer(150))).toEqual([])
  expect(cache.ownAddresses).toHaveLength(1)
})

describe('a file that is no good', () => {
  const spoil: Record<string, () => void> = {
    'text in its place': () => writeFileSync(path, 'not a database, but long enough to be one '.repeat(100)),
    'a folder in its place': () => mkdirSync(path),
    'a file cut in half': () => {
      const whole = readFileSync(new URL('../../../vectors/cache-db/cache.db', import.meta.url))
      writeFileSync(path, whole.subarray(0, whole.length / 2))
      writeFileSync(`${path}-journal`, 'of the old file')
    },
    'other text of the same meaning': () =>
      new Database(path).exec('CREATE TABLE config (name TEXT PRIMARY KEY NOT NULL, value)'),
    'another table in its place': () => new Database(path).exec('CREATE TABLE peer (x)'),
    'a table with one more column': () =>
      new Database(path).exec(
        `CREATE TABLE peer (\n  prefix TEXT PRIMARY KEY NOT NULL,\n  address TEXT NOT NULL, x)`,
      ),
  }
  it.each(Object.keys(spoil))('%s is set aside, and a new one is begun', (name) => {
    spoil[name]?.()
    using cache = openCache(path, silentLog)
    expect(existsSync(`${path}.bak`)).toBe(true)
    expect(cache.readConfig().size).toBe(0)
    cache.store(peer(1), list('192.0.2.1,1,tcp'))
    expect(cache.peers()).toEqual([peer(1)])
  })

  it('an empty one is begun, without a copy', () => {
    writeFileSync(path, '')
    using cache = openCache(path, silentLog)
    expect(cache.peers()).toEqual([])
    expect(existsSync(`${path}.bak`)).toBe(false)
  })

  it('a new one waits for the disk once: its tables are one transaction', () => {
    openCache(path, silentLog)[Symbol.dispose]()
    expect(readFileSync(path).readUInt32BE(FILE_CHANGE_COUNTER)).toBe(1)
  })

  it('a missing folder is a clear error', () => {
    expect(() => openCache('/nonexistent/cache.db', silentLog)).toThrow(/cache\.db cannot be used: .*--state/)
  })
})

it('one more table and an index do no harm', () => {
  openCache(path, silentLog)[Symbol.dispose]()
  new Database(path).exec('CREATE TABLE more (x); CREATE INDEX i ON peer (address)')
  using cache = openCache(path, silentLog)
  cache.store(peer(1), list('192.0.2.1,1,tcp'))
  expect(existsSync(`${path}.bak`)).toBe(false)
})

it('is readable by its owner only: it holds keys', () => {
  openCache(path, silentLog)[Symbol.dispose]()
  expect(statSync(path).mode & 0o777).toBe(0o600)
})

describe('when it cannot write', () => {
  /** A cache with one peer, and another program that keeps it from writing more. */
  function locked() {
    const lines: string[] = []
    const log = {
      ...silentLog,
      warn: (_: unknown, message: string) => void lines.push(message),
      info: (message: string) => void lines.push(message),
    } as unknown as Logger
    const cache = openCache(path, log)
    cache.store(peer(1), list('192.0.2.1,1,tcp'))
    const other = new Database(path)
    other.exec('BEGIN EXCLUSIVE')
    return { cache, other, lines, peersOf: () => other.prepare('SELECT prefix FROM peer').pluck().all() }
  }

  it('it keeps what it knows in memory, and says so once', () => {
    const { cache, lines } = locked()
    cache.store(peer(2), list('192.0.2.2,1,tcp'))
    cache.store(peer(3), list('192.0.2.3,1,tcp'))
    expect(cache.peers()).toHaveLength(3)
    expect(lines).toEqual(['the cache cannot be written: what is new in it is only in memory'])
    expect(cache.failure).toBe('database is locked')
  })

  it.each(['something is to be written', 'it is asked to'])(
    'it writes all of it when it can and %s',
    (why) => {
      const { cache, other, lines, peersOf } = locked()
      cache.store(peer(2), list('192.0.2.2,1,tcp'))
      cache.store(peer(3), list('192.0.2.3,1,tcp'))
      cache.writeConfig(new Map([['hello', 15]]))
      cache.forget(peer(1))
      cache.forget(peer(2))
      other.exec('COMMIT')
      if (why === 'it is asked to') cache.writeAgain()
      else cache.store(peer(3), list('192.0.2.3,3,tcp'))
      expect(peersOf()).toEqual([peer(3)])
      expect(cache.readConfig()).toEqual(new Map([['hello', 15]]))
      expect(lines.slice(1)).toEqual(['the cache can be written again'])
      expect(cache.failure).toBeUndefined()
    },
  )

  it('a configuration that is the written one again does not become the one that could not be written', () => {
    const { cache, other } = locked()
    other.exec('COMMIT')
    cache.writeConfig(new Map([['hello', 15]]))
    other.exec('BEGIN IMMEDIATE')
    cache.writeConfig(new Map([['hello', 4]]))
    expect(cache.failure).toBeDefined()
    cache.writeConfig(new Map([['hello', 15]]))
    expect(cache.failure).toBeUndefined()
    other.exec('COMMIT')
    cache.writeAgain()
    expect(cache.readConfig()).toEqual(new Map([['hello', 15]]))
  })
})

it('does not write what it has', () => {
  using cache = openCache(path, silentLog)
  const values = new Map<string, ConfigValue>([
    ['hello', 15],
    ['encrypt', false],
    ['crl', [1]],
    ['key', Buffer.alloc(2)],
    ['nothing', null],
    ['real', 1.5],
    ['table', { a: [1] }],
  ])
  cache.writeConfig(values)
  cache.store(peer(1), list('192.0.2.1,1,tcp'))
  const other = new Database(path, { readonly: true })
  const version = () => other.pragma('data_version', { simple: true })
  const before = version()
  cache.writeConfig(cache.readConfig())
  cache.writeConfig(values)
  cache.store(peer(1), list('192.0.2.1,1,tcp'))
  expect(version()).toBe(before)
  cache.writeConfig(new Map([...values, ['hello', 4]]))
  expect(version()).not.toBe(before)
  other.close()
})

describe('while it is held', () => {
  const other = () => new Database(path, { readonly: true })
  const peersInFile = () => {
    const file = other()
    const peers = file.prepare('SELECT prefix FROM peer').pluck().all()
    file.close()
    return peers
  }

  it('it knows what is new, and writes all of it together afterwards, then each at once', () => {
    using cache = openCache(path, silentLog)
    const held = cache.hold()
    const reader = other()
    const version = () => reader.pragma('data_version', { simple: true })
    const before = version()
    cache.writeConfig(new Map([['hello', 15]]))
    cache.store(peer(1), list('192.0.2.1,1,tcp'))
    cache.store(peer(2), list('192.0.2.2,1,tcp'))
    cache.writeAgain()
    expect(version()).toBe(before)
    expect(cache.peers()).toEqual([peer(1), peer(2)])
    expect(cache.failure).toBeUndefined()
    const changesOf = () => readFileSync(path).readUInt32BE(FILE_CHANGE_COUNTER)
    const changes = changesOf()
    held[Symbol.dispose]()
    expect(changesOf()).toBe(changes + 1)
    expect(peersInFile()).toEqual([peer(1), peer(2)])
    expect(cache.readConfig()).toEqual(new Map([['hello', 15]]))
    cache.store(peer(3), list('192.0.2.3,1,tcp'))
    expect(peersInFile()).toHaveLength(3)
    reader.close()
  })

  it('its end loses nothing', () => {
    {
      using cache = openCache(path, silentLog)
      cache.hold()
      cache.store(peer(1), list('192.0.2.1,1,tcp'))
    }
    expect(peersInFile()).toEqual([peer(1)])
  })
})

it('a peer that says its addresses again does not change the order in which they worked', () => {
  using cache = openCache(path, silentLog)
  cache.store(peer(1), list('203.0.113.1,1194,udp;203.0.113.1,1194,tcp'))
  const inOrder = list('203.0.113.1,1194,udp;203.0.113.2,1194,tcp')
  expect(cache.storeAnnounced(peer(1), list('203.0.113.2,1194,tcp;203.0.113.1,1194,udp'))).toEqual(inOrder)
  expect(cache.addressesOf(peer(1))).toEqual(inOrder)
})
