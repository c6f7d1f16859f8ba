import { closeSync, existsSync, openSync, statSync } from 'node:fs'
import { isDeepStrictEqual } from 'node:util'
import Database from 'better-sqlite3'
import type { ConfigValue, ConfigValues } from '../../core/config/network-config.ts'
import { codeOf, messageOf, Re6stError } from '../../core/errors.ts'
import {
  formatAddressList,
  mergeAnnounced,
  type PeerAddress,
  parseAddressList,
} from '../../core/values/address-list.ts'
import { isBits } from '../../core/values/bits.ts'
import { type Prefix, prefixOfBits } from '../../core/values/prefix.ts'
import { moveDatabase } from '../../platform/database-files.ts'
import type { Logger } from '../../platform/log.ts'

/** The text of these definitions is compared by the Python implementation, which refuses any other. */
const SCHEMA = {
  peer: 'CREATE TABLE peer (\n  prefix TEXT PRIMARY KEY NOT NULL,\n  address TEXT NOT NULL)',
  config: 'CREATE TABLE config (\n  name TEXT PRIMARY KEY NOT NULL,\n  value)',
} as const

/** How many peers are kept. */
const MAX_PEERS = 200

/** Where the node's own addresses are kept. */
const OWN = ''

/** Name of the value that was kept without the `:json` ending once. */
const OLD_JSON_NAMES: Readonly<Record<string, string>> = { crl: 'crl:json' }

/**
 * What a node remembers between runs (`cache.db`): the network's configuration and where peers are. It is a help, not
 * a need: when the file cannot be written, the node goes on with what it has in memory.
 */
export class Cache implements Disposable {
  readonly #database: Database.Database
  readonly #log: Logger
  readonly #peers = new Map<string, readonly PeerAddress[]>()
  /** What is only in memory, by what it writes: the last of each counts. */
  readonly #unwritten = new Map<string, () => void>()
  #isHeld = false
  #failure: string | undefined

  /** @param failure why there is no file of it */
  constructor(database: Database.Database, log: Logger, failure?: string) {
    this.#database = database
    this.#log = log
    this.#failure = failure
    for (const row of database
      .prepare<[], { prefix: string; address: string }>('SELECT prefix, address FROM peer')
      .iterate())
      if (isBits(row.prefix)) this.#peers.set(row.prefix, parseAddressList(row.address).addresses)
  }

  /** Why what is new in it is only in memory; undefined: it is written. */
  get failure(): string | undefined {
    return this.#database.memory || this.#unwritten.size > 0 ? this.#failure : undefined
  }

  /** The values of the network's configuration; empty if there is none yet. */
  readConfig(): ConfigValues {
    const values = new Map<string, ConfigValue>()
    const rows = this.#database.prepare<[], { name: string; value: ConfigValue }>(
      'SELECT name, value FROM config',
    )
    for (const row of rows.iterate()) {
      const name = OLD_JSON_NAMES[row.name] ?? row.name
      try {
        if (name.endsWith(':json')) values.set(name.slice(0, -':json'.length), JSON.parse(String(row.value)))
        else values.set(name, row.value)
      } catch (error) {
        this.#log.warn({ reason: messageOf(error) }, `cached value of ${row.name} is not JSON, ignored`)
      }
    }
    return values
  }

  /** Replaces the values of the network's configuration: names that are not in `values` go. */
  writeConfig(values: ConfigValues): void {
    if (this.#isInFile(values)) return void this.#unwritten.delete('config')
    this.#write('config', () => {
      this.#database.prepare('DELETE FROM config').run()
      const insert = this.#database.prepare('INSERT INTO config VALUES (?, ?)')
      for (const [name, value] of values) insert.run(...rowOf(name, value))
    })
  }

  #isInFile(values: ConfigValues): boolean {
    try {
      return isDeepStrictEqual(storable(this.readConfig()), storable(values))
    } catch {
      return false // it cannot even be read at the moment
    }
  }

  /** Known addresses of a peer, in the order in which to try them. */
  addressesOf(peer: Prefix): readonly PeerAddress[] {
    return this.#peers.get(peer) ?? []
  }

  /** All peers with known addresses, ourselves excepted. */
  peers(): Prefix[] {
    return [...this.#peers.keys()].filter((prefix) => prefix !== OWN).map(prefixOfBits)
  }

  /**
   * Remembers a peer's addresses. When there are too many peers, one that `isFailing` goes first, else the one that
   * was known longest.
   */
  store(
    peer: Prefix,
    addresses: readonly PeerAddress[],
    isFailing: (peer: Prefix) => boolean = () => false,
  ): void {
    const isNew = !this.#peers.has(peer)
    const known = this.peers()
    const goes = isNew && known.length >= MAX_PEERS ? (known.find(isFailing) ?? known[0]) : undefined
    if (goes !== undefined) this.forget(goes)
    this.#set(peer, addresses)
  }

  /**
   * Remembers what a peer says of itself: these addresses and no others, but those that are known already in the order in
   * which they worked.
   * @returns the addresses in the order in which to try them
   */
  storeAnnounced(peer: Prefix, announced: readonly PeerAddress[]): readonly PeerAddress[] {
    const addresses = mergeAnnounced(this.addressesOf(peer), announced)
    this.store(peer, addresses)
    return addresses
  }

  /** Forgets a peer: its certificate was revoked, or its addresses are of no use. */
  forget(peer: Prefix): void {
    if (!this.#peers.delete(peer)) return
    this.#write(`peer ${peer}`, () => this.#database.prepare('DELETE FROM peer WHERE prefix = ?').run(peer))
  }

  /** Our own addresses when we last knew them. */
  get ownAddresses(): readonly PeerAddress[] {
    return this.#peers.get(OWN) ?? []
  }

  set ownAddresses(addresses: readonly PeerAddress[]) {
    this.#set(OWN, addresses)
  }

  #set(prefix: string, addresses: readonly PeerAddress[]): void {
    const text = formatAddressList(addresses, { withCountry: true })
    const before = this.#peers.get(prefix)
    if (before && formatAddressList(before, { withCountry: true }) === text) return
    this.#peers.set(prefix, addresses)
    this.#write(`peer ${prefix}`, () =>
      this.#database.prepare('INSERT OR REPLACE INTO peer VALUES (?, ?)').run(prefix, text),
    )
  }

  /** Writes what could not be written before. To be called now and then: a full disk has space again some day. */
  writeAgain(): void {
    if (this.#unwritten.size > 0 && !this.#isHeld) this.#writeAll()
  }

  /** Keeps in memory what is new, until disposed of: then all of it is written together, and the disk waited for once. */
  hold(): Disposable {
    this.#isHeld = true
    return { [Symbol.dispose]: () => this.#release() }
  }

  #release(): void {
    this.#isHeld = false
    this.writeAgain()
  }

  #write(what: string, action: () => void): void {
    this.#unwritten.set(what, action)
    if (!this.#isHeld) this.#writeAll()
  }

  #writeAll(): void {
    try {
      this.#database
        .transaction(() => {
          for (const action of this.#unwritten.values()) action()
        })
        .immediate()
      this.#unwritten.clear()
      if (this.#database.memory) return
      if (this.#failure !== undefined) this.#log.info('the cache can be written again')
      this.#failure = undefined
    } catch (error) {
      // Once, not for each write: a full disk lasts.
      if (this.#failure === undefined)
        this.#log.warn(
          { reason: messageOf(error) },
          'the cache cannot be written: what is new in it is only in memory',
        )
      this.#failure = messageOf(error)
    }
  }

  [Symbol.dispose](): void {
    this.#release()
    this.#database.close()
  }
}

/**
 * Opens the cache, and begins a new one when the file is damaged or has other tables: the old one is set aside as
 * `.bak`. On a disk that is full or read-only there is one in memory instead: the node must run.
 * @throws Re6stError `FILE` when there can be no file at this path
 */
export function openCache(path: string, log: Logger): Cache {
  try {
    return openOrBegin(path, log)
  } catch (error) {
    if (!NO_SPACE.has(codeOf(error)))
      throw new Re6stError('FILE', `${path} cannot be used: ${messageOf(error)}; is --state right?`, {
        cause: error,
      })
    log.warn(
      { reason: messageOf(error) },
      `${path} cannot be written: what is learnt is lost at the next start`,
    )
    return new Cache(openDatabase(':memory:'), log, messageOf(error))
  }
}

function openOrBegin(path: string, log: Logger): Cache {
  try {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) throw new Unusable('it is a directory')
    return new Cache(openDatabase(path), log)
  } catch (error) {
    if (!isDamage(error)) throw error
    log.warn({ reason: messageOf(error) }, `${path} is damaged: set aside as ${path}.bak, a new one is begun`)
  }
  // A journal left behind belongs to the old file: SQLite would apply it to the new one.
  moveDatabase(path, `${path}.bak`)
  return new Cache(openDatabase(path), log)
}

class Unusable extends Error {}

/** Error codes of SQLite and of the file system for a disk that takes nothing (more). */
const NO_SPACE: ReadonlySet<string> = new Set([
  ...['SQLITE_FULL', 'SQLITE_READONLY', 'SQLITE_READONLY_DIRECTORY', 'SQLITE_IOERR_WRITE'],
  ...['ENOSPC', 'EDQUOT', 'EROFS'],
])

const isDamage = (error: unknown): boolean =>
  error instanceof Unusable || ['SQLITE_NOTADB', 'SQLITE_CORRUPT'].includes(codeOf(error))

function openDatabase(path: string): Database.Database {
  // It holds the MAC keys of the network: nobody else's business.
  if (path !== ':memory:' && !existsSync(path)) closeSync(openSync(path, 'a', 0o600))
  const database = new Database(path)
  try {
    // Two nodes with one state directory is a mistake; a waiting sqlite3 shell is not.
    database.pragma('busy_timeout = 500')
    database.pragma('synchronous = NORMAL')
    const tables = database
      .prepare<[], { name: string; sql: string }>("SELECT name, sql FROM sqlite_master WHERE type = 'table'")
      .all()
    const missing: string[] = []
    for (const [name, sql] of Object.entries(SCHEMA)) {
      const table = tables.find((one) => one.name === name)
      if (table === undefined) missing.push(sql)
      else if (table.sql !== sql) throw new Unusable(`the table ${name} is not what it should be`)
    }
    // Together: each transaction waits three times for the disk, and so does the start.
    if (missing.length > 0) database.transaction(() => void database.exec(missing.join(';\n')))()
    if (database.pragma('quick_check(1)', { simple: true }) !== 'ok') throw new Unusable('it is corrupt')
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** Values as they come back from the cache, where true is 1. */
const storable = (values: ConfigValues): ConfigValues =>
  new Map([...values].map(([name, value]) => [name, typeof value === 'boolean' ? Number(value) : value]))

/** A value as SQLite keeps it. */
function rowOf(
  name: string,
  value: ConfigValue,
): [name: string, value: null | bigint | number | string | Buffer] {
  if (typeof value === 'boolean') return [name, value ? 1n : 0n]
  // A number would become a floating-point one, which others would read as 15.0.
  if (typeof value === 'number') return [name, Number.isSafeInteger(value) ? BigInt(value) : value]
  if (value === null || typeof value === 'string' || Buffer.isBuffer(value)) return [name, value]
  return [`${name}:json`, JSON.stringify(value)]
}
