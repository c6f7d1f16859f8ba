import type { Database, Statement } from 'better-sqlite3'
import { type Clock, systemClock } from '../../platform/clock.ts'
import type { CertificateRow, ConfigRowValue, TokenRow } from './database.ts'
import { type Disk, diskOf } from './disk.ts'

/** While another process holds the database: how often, and for how long, changes are tried. */
const BUSY_RETRY_MS = 200
const BUSY_GIVE_UP_MS = 5_000

/** Values of the table `config` that are whole numbers: SQLite must be told, since numbers here have fractions. */
const WHOLE_NUMBERS: ReadonlySet<string> = new Set(['serial'])

/** A certificate that was given to somebody; its end in Unix seconds. */
export interface IssuedRow {
  readonly serial: number
  readonly prefix: string
  readonly date: number
}

/** Where a node was last seen, as an address list; when, in Unix seconds. */
export interface NodeAddressRow {
  readonly prefix: string
  readonly addresses: string
  readonly date: number
}

/** What a column of the API's tables holds. */
export type SqlValue = string | number | null

/** One change of the database; several are written in one transaction. */
export type Write = (store: Store) => void

interface Queued {
  readonly write: Write
  readonly done: () => void
  readonly failed: (error: unknown) => void
}

/**
 * The registry's database behind typed statements. Changes of requests that come together are written together, and the
 * disk is waited for once for all of them: each is acknowledged only then.
 */
export class Store implements Disposable {
  readonly #database: Database
  readonly #clock: Pick<Clock, 'after' | 'monotonicMs'>
  readonly #disk: Disk
  readonly #statements: ReturnType<typeof prepareAll>
  /** Of the API's tables, by their text. */
  readonly #others = new Map<string, Statement<unknown[]>>()
  #ended: (isCommitted: boolean) => void = () => {}
  #queue: Queued[] = []
  /** Since when another process holds the database. */
  #busySinceMs: number | undefined
  #retry: Disposable | undefined
  #isClosing = false

  /** @param disk the one under the database, unless it is a test's */
  constructor(
    database: Database,
    clock: Pick<Clock, 'after' | 'monotonicMs'> = systemClock,
    disk = diskOf(database),
  ) {
    this.#database = database
    this.#clock = clock
    this.#disk = disk
    this.#statements = prepareAll(database)
  }

  /** Calls `listener` when a transaction ends: with true if it was committed, false if nothing of it was. */
  onTransactionEnd(listener: (isCommitted: boolean) => void): void {
    this.#ended = listener
  }

  /** Writes now, in one transaction: all or nothing. A power cut may take it until the next `write` is acknowledged. */
  writeNow(write: Write): void {
    let isCommitted = false
    try {
      this.#database.transaction(() => write(this)).immediate()
      isCommitted = true
    } finally {
      this.#ended(isCommitted)
    }
  }

  /** Writes with whatever else is waiting; resolves when it is on the disk. */
  write(write: Write): Promise<void> {
    return new Promise((done, failed) => {
      this.#queue.push({ write, done, failed })
      if (this.#queue.length === 1) setImmediate(() => this.#flush())
    })
  }

  #flush(): void {
    const queue = this.#queue
    this.#queue = []
    try {
      this.writeNow(() => {
        for (const { write } of queue) write(this)
      })
      this.#busySinceMs = undefined
      this.#acknowledge(queue)
    } catch (error) {
      if (isBusy(error)) {
        this.#wait(queue, error)
        return
      }
      this.#busySinceMs = undefined
      // One of them fails: each on its own, so that it takes no other with it.
      for (const queued of queue) {
        try {
          this.writeNow(queued.write)
          this.#acknowledge([queued])
        } catch (error) {
          queued.failed(error)
        }
      }
    }
  }

  /** They are committed. */
  #acknowledge(queue: readonly Queued[]): void {
    this.#disk.sync().then(
      () => {
        for (const { done } of queue) done()
      },
      (error: unknown) => {
        for (const { failed } of queue) failed(error)
      },
    )
  }

  /** Nobody has begun: all of them later, or none. */
  #wait(queue: readonly Queued[], error: unknown): void {
    const nowMs = this.#clock.monotonicMs()
    this.#busySinceMs ??= nowMs
    if (this.#isClosing || nowMs - this.#busySinceMs >= BUSY_GIVE_UP_MS) {
      this.#busySinceMs = undefined
      for (const { failed } of queue) failed(error)
      return
    }
    this.#queue = [...queue, ...this.#queue]
    this.#retry = this.#clock.after(BUSY_RETRY_MS, () => this.#flush())
  }

  config(name: string): ConfigRowValue | undefined {
    return this.#statements.config.get(name)?.value
  }

  /** Sets a value; undefined removes it. */
  setConfig(name: string, value: ConfigRowValue | undefined): void {
    if (value === undefined) this.#statements.deleteConfig.run(name)
    else
      this.#statements.setConfig.run(
        name,
        typeof value === 'number' && WHOLE_NUMBERS.has(name) ? BigInt(value) : value,
      )
  }

  token(token: string): TokenRow | undefined {
    return this.#statements.token.get(token)
  }

  addToken(row: TokenRow): void {
    this.#statements.addToken.run(row)
  }

  deleteToken(token: string): void {
    this.#statements.deleteToken.run(token)
    this.#statements.deleteMadeToken.run(token)
  }

  /** A token that was added is one that the registry made up: it lives until then, in Unix seconds. */
  addMadeToken(token: string, email: string, endUnixSeconds: number): void {
    this.#statements.addMadeToken.run(token, email, endUnixSeconds)
  }

  /** When a token ends that was made up; undefined for one that was given. */
  endOfMadeToken(token: string): number | undefined {
    return this.#statements.madeToken.get(token)?.date
  }

  /** A token that was made up for this address, and lives longer than that. */
  madeTokenFor(email: string, unixSeconds: number): string | undefined {
    return this.#statements.madeTokenFor.get(email, unixSeconds)?.token
  }

  deleteMadeTokensBefore(unixSeconds: number): void {
    this.#statements.deleteEndedTokens.run(unixSeconds)
    this.#statements.deleteMadeTokensBefore.run(unixSeconds)
  }

  deleteTokensBefore(unixSeconds: number): void {
    this.#statements.deleteTokensBefore.run(unixSeconds)
  }

  certificate(prefix: string): CertificateRow | undefined {
    return this.#statements.certificate.get(prefix)
  }

  certificates(): IterableIterator<CertificateRow> {
    return this.#statements.certificates.iterate()
  }

  /** A few rows that have a certificate. */
  someCertificates(): CertificateRow[] {
    return this.#statements.someCertificates.all()
  }

  setCertificate(row: CertificateRow): void {
    this.#statements.setCertificate.run(row)
  }

  deletePrefix(prefix: string): void {
    this.#statements.deletePrefix.run(prefix)
  }

  nodeAddresses(): NodeAddressRow[] {
    return this.#statements.nodeAddresses.all()
  }

  setNodeAddress({ prefix, addresses, date }: NodeAddressRow): void {
    this.#statements.setNodeAddress.run(prefix, addresses, date)
  }

  deleteNodeAddress(prefix: string): void {
    this.#statements.deleteNodeAddress.run(prefix)
  }

  /** A certificate was given to somebody. One that is known already stays as it is. */
  addIssued({ serial, prefix, date }: IssuedRow): void {
    this.#statements.addIssued.run(serial, prefix, date)
  }

  issued(serial: number): IssuedRow | undefined {
    return this.#statements.issued.get(serial)
  }

  /** What was given for a prefix and ends after that. */
  issuedFor(prefix: string, afterUnixSeconds: number): IssuedRow[] {
    return this.#statements.issuedFor.all(prefix, afterUnixSeconds)
  }

  deleteIssuedBefore(unixSeconds: number): void {
    this.#statements.deleteIssuedBefore.run(unixSeconds)
  }

  /** Revoked serials whose certificates have not ended by then. */
  crl(unixSeconds: number): number[] {
    return this.#statements.crl.all(unixSeconds).map(({ serial }) => serial)
  }

  isRevoked(serial: number): boolean {
    return this.#statements.isRevoked.get(serial) !== undefined
  }

  addToCrl(serial: number, date: number): void {
    this.#statements.addToCrl.run(serial, date)
  }

  deleteCrlBefore(unixSeconds: number): void {
    this.#statements.deleteCrlBefore.run(unixSeconds)
  }

  /** Rows of the API's tables. */
  all<Row>(sql: string, ...parameters: readonly SqlValue[]): Row[] {
    return this.#prepared(sql).all(...parameters) as Row[]
  }

  /** Changes the API's tables. @returns how many rows */
  run(sql: string, ...parameters: readonly SqlValue[]): number {
    return this.#prepared(sql).run(...parameters).changes
  }

  #prepared(sql: string): Statement<unknown[]> {
    let statement = this.#others.get(sql)
    if (!statement) {
      statement = this.#database.prepare<unknown[]>(sql)
      this.#others.set(sql, statement)
    }
    return statement
  }

  [Symbol.dispose](): void {
    this.#isClosing = true
    this.#retry?.[Symbol.dispose]()
    if (this.#queue.length > 0) this.#flush()
    this.#disk[Symbol.dispose]()
    this.#database.close()
  }
}

const isBusy = (error: unknown): boolean =>
  error instanceof Error && 'code' in error && /^SQLITE_(BUSY|LOCKED)/.test(String(error.code))

function prepareAll(database: Database) {
  const prepare = <Parameters extends unknown[], Row = unknown>(sql: string): Statement<Parameters, Row> =>
    database.prepare<Parameters, Row>(sql)
  return {
    config: prepare<[string], { value: ConfigRowValue }>('SELECT value FROM config WHERE name = ?'),
    setConfig: prepare<[string, ConfigRowValue]>('INSERT OR REPLACE INTO config VALUES (?, ?)'),
    deleteConfig: prepare<[string]>('DELETE FROM config WHERE name = ?'),
    token: prepare<[string], TokenRow>('SELECT * FROM token WHERE token = ?'),
    addToken: prepare<[TokenRow]>('INSERT INTO token VALUES (@token, @email, @prefix_len, @date)'),
    deleteToken: prepare<[string]>('DELETE FROM token WHERE token = ?'),
    deleteTokensBefore: prepare<[number]>('DELETE FROM token WHERE date < ?'),
    certificate: prepare<[string], CertificateRow>('SELECT * FROM cert WHERE prefix = ?'),
    certificates: prepare<[], CertificateRow>('SELECT * FROM cert'),
    someCertificates: prepare<[], CertificateRow>(
      "SELECT * FROM cert WHERE cert IS NOT NULL AND cert <> 'reserved' LIMIT 20",
    ),
    setCertificate: prepare<[CertificateRow]>('INSERT OR REPLACE INTO cert VALUES (@prefix, @email, @cert)'),
    deletePrefix: prepare<[string]>('DELETE FROM cert WHERE prefix = ?'),
    crl: prepare<[number], { serial: number }>('SELECT serial FROM crl WHERE date >= ? ORDER BY serial'),
    addMadeToken: prepare<[string, string, number]>('INSERT OR REPLACE INTO made_token VALUES (?, ?, ?)'),
    madeToken: prepare<[string], { date: number }>('SELECT date FROM made_token WHERE token = ?'),
    madeTokenFor: prepare<[string, number], { token: string }>(
      'SELECT made_token.token FROM made_token JOIN token USING (token) WHERE made_token.email = ? AND made_token.date > ? LIMIT 1',
    ),
    deleteMadeToken: prepare<[string]>('DELETE FROM made_token WHERE token = ?'),
    deleteEndedTokens: prepare<[number]>(
      'DELETE FROM token WHERE token IN (SELECT token FROM made_token WHERE date < ?)',
    ),
    deleteMadeTokensBefore: prepare<[number]>('DELETE FROM made_token WHERE date < ?'),
    nodeAddresses: prepare<[], NodeAddressRow>('SELECT * FROM node_address'),
    setNodeAddress: prepare<[string, string, number]>('INSERT OR REPLACE INTO node_address VALUES (?, ?, ?)'),
    deleteNodeAddress: prepare<[string]>('DELETE FROM node_address WHERE prefix = ?'),
    addIssued: prepare<[number, string, number]>('INSERT OR IGNORE INTO issued VALUES (?, ?, ?)'),
    issued: prepare<[number], IssuedRow>('SELECT * FROM issued WHERE serial = ?'),
    issuedFor: prepare<[string, number], IssuedRow>('SELECT * FROM issued WHERE prefix = ? AND date > ?'),
    deleteIssuedBefore: prepare<[number]>('DELETE FROM issued WHERE date < ?'),
    isRevoked: prepare<[number]>('SELECT 1 FROM crl WHERE serial = ?'),
    addToCrl: prepare<[number, number]>('INSERT OR IGNORE INTO crl VALUES (?, ?)'),
    deleteCrlBefore: prepare<[number]>('DELETE FROM crl WHERE date < ?'),
  }
}
