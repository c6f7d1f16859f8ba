import { join } from 'node:path'
import Database from 'better-sqlite3'
import { systemClock } from '../../src/platform/clock.ts'
import { openStore } from '../../src/registry/database/open-store.ts'
import type { Store } from '../../src/registry/database/store.ts'
import { FollowedDatabase } from '../../src/registry/standby/followed-database.ts'
import { Follower } from '../../src/registry/standby/follower.ts'
import { answerPeer } from '../../src/registry/standby/pair.ts'
import { connectToPeer } from '../../src/registry/standby/peer-link.ts'
import type { PeerStream } from '../../src/registry/standby/peer-stream.ts'
import { Primary } from '../../src/registry/standby/primary.ts'
import { temporaryDirectory } from './registry.ts'
import { silentLog } from './silent-log.ts'

const SECRET = 'of both, and of nobody else, of this test'
const AUTHORITY = 'hash'
/** Nobody listens there. */
const NOBODY = { host: '127.0.0.1', port: 1, secret: SECRET }

/** The databases of a pair, joined by the real stream on loopback, without the registries around them. */
export class TestPair implements AsyncDisposable {
  readonly directory = temporaryDirectory()
  readonly primaryPath = join(this.directory, 'primary.db')
  readonly standbyPath = join(this.directory, 'standby.db')
  #port = 0
  #primarySide: { readonly store: Store; readonly primary: Primary; readonly server: Disposable } | undefined
  #standbySide:
    | { readonly follower: Follower; readonly database: FollowedDatabase; readonly running: Promise<void> }
    | undefined
  #stream: PeerStream | undefined

  get store(): Store {
    if (!this.#primarySide) throw new Error('there is no primary')
    return this.#primarySide.store
  }

  get primary(): Primary {
    if (!this.#primarySide) throw new Error('there is no primary')
    return this.#primarySide.primary
  }

  async startPrimary(): Promise<void> {
    const store = await openStore(this.primaryPath)
    const feed = store.feed()
    if (!feed) throw new Error('no changes to follow')
    const primary = await Primary.of({
      ...{ store, feed, peer: NOBODY, authority: AUTHORITY, clock: systemClock, log: silentLog },
    })
    store.replicateTo(primary)
    const server = await answerPeer(
      { peer: NOBODY, listen: { kind: 'address', address: '127.0.0.1', port: 0 } },
      systemClock,
      {
        state: () => primary.peerState,
        follow: (stream, following) => primary.follow(stream, following),
      },
    )
    this.#port = server.port
    this.#primarySide = { store, primary, server }
  }

  async stopPrimary(): Promise<void> {
    const side = this.#primarySide
    this.#primarySide = undefined
    side?.server[Symbol.dispose]()
    side?.primary[Symbol.dispose]()
    await side?.store[Symbol.asyncDispose]()
  }

  startStandby(id = 'standby'): void {
    const database = new FollowedDatabase(this.standbyPath)
    const follower = new Follower({
      connect: async () => {
        this.#stream = await connectToPeer({ ...NOBODY, port: this.#port }, systemClock)
        return this.#stream
      },
      database,
      self: { id, authority: AUTHORITY },
      clock: { sleep: (_, signal) => systemClock.sleep(5, signal) },
      log: silentLog,
    })
    this.#standbySide = { follower, database, running: follower.run() }
  }

  async stopStandby(): Promise<void> {
    const side = this.#standbySide
    this.#standbySide = undefined
    side?.follower.stop()
    await side?.running
    side?.database[Symbol.dispose]()
  }

  /** The connection breaks. */
  cut(): void {
    this.#stream?.end('cut')
  }

  /** Another program changes the primary's database. */
  change(sql: string): void {
    changeFile(this.primaryPath, sql)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stopStandby()
    await this.stopPrimary()
  }
}

/** Changes a database as another program would. */
export function changeFile(path: string, sql: string): void {
  const database = new Database(path)
  database.pragma('busy_timeout = 5000')
  database.exec(sql)
  database.close()
}

/** All that is in a database, table by table. */
export function contentOf(path: string): Record<string, unknown[]> {
  const database = new Database(path, { readonly: true })
  try {
    const tables = database
      .prepare<[], string>("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")
      .pluck()
      .all()
    return Object.fromEntries(
      tables.map((table) => [table, database.prepare(`SELECT * FROM ${table}`).all()]),
    )
  } finally {
    database.close()
  }
}
