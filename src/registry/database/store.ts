import type { Database, Statement } from 'better-sqlite3'
import type { CertificateRow, ConfigRowValue, TokenRow } from './database.ts'

/** One change of the database; several are written in one transaction. */
export type Write = (store: Store) => void

/**
 * The registry's database behind typed statements. Changes of requests that come together are written together: one
 * `fsync` for all of them, and each is acknowledged only after it.
 */
export class Store implements Disposable {
  readonly #database: Database
  readonly #statements: ReturnType<typeof prepareAll>
  #ended: (isCommitted: boolean) => void = () => {}
  #queue: { write: Write; done: () => void; failed: (error: unknown) => void }[] = []

  constructor(database: Database) {
    this.#database = database
    this.#statements = prepareAll(database)
  }

  /** Calls `listener` when a transaction ends: with true if it was committed, false if nothing of it was. */
  onTransactionEnd(listener: (isCommitted: boolean) => void): void {
    this.#ended = listener
  }

  /** Writes now, in one transaction: all or nothing. */
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
      for (const { done } of queue) done()
    } catch {
      // One of them fails: each on its own, so that it takes no other with it.
      for (const { write, done, failed } of queue) {
        try {
          this.writeNow(write)
          done()
        } catch (error) {
          failed(error)
        }
      }
    }
  }

  config(name: string): ConfigRowValue | undefined {
    return this.#statements.config.get(name)?.value
  }

  /** Sets a value; undefined removes it. */
  setConfig(name: string, value: ConfigRowValue | undefined): void {
    if (value === undefined) this.#statements.deleteConfig.run(name)
    else this.#statements.setConfig.run(name, value)
  }

  token(token: string): TokenRow | undefined {
    return this.#statements.token.get(token)
  }

  addToken(row: TokenRow): void {
    this.#statements.addToken.run(row)
  }

  deleteToken(token: string): void {
    this.#statements.deleteToken.run(token)
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

  setCertificate(row: CertificateRow): void {
    this.#statements.setCertificate.run(row)
  }

  deletePrefix(prefix: string): void {
    this.#statements.deletePrefix.run(prefix)
  }

  /** Revoked serials, with the end of their certificates in Unix seconds. */
  crl(): { readonly serial: number; readonly date: number }[] {
    return this.#statements.crl.all()
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

  [Symbol.dispose](): void {
    if (this.#queue.length > 0) this.#flush()
    this.#database.close()
  }
}

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
    setCertificate: prepare<[CertificateRow]>('INSERT OR REPLACE INTO cert VALUES (@prefix, @email, @cert)'),
    deletePrefix: prepare<[string]>('DELETE FROM cert WHERE prefix = ?'),
    crl: prepare<[], { serial: number; date: number }>('SELECT serial, date FROM crl ORDER BY serial'),
    isRevoked: prepare<[number]>('SELECT 1 FROM crl WHERE serial = ?'),
    addToCrl: prepare<[number, number]>('INSERT INTO crl VALUES (?, ?)'),
    deleteCrlBefore: prepare<[number]>('DELETE FROM crl WHERE date < ?'),
  }
}
