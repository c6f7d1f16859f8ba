import { codeOf } from '../../core/errors.ts'
import { endOfStart, searchWordsOf } from '../../core/values/search-words.ts'
import type { ConfigValues, Dialect, Executor, SqlValue, Topic } from './engine.ts'
import type { Statement } from './statement.ts'
import type { Statements } from './statements.ts'
import type {
  CertificateRow,
  ConfigRowValue,
  HolderRow,
  IssuedRow,
  NodeAddressRow,
  ReservationRow,
  SubjectSerialGapRow,
  TokenRow,
} from './tables.ts'

/** What queries run on. */
export interface QueryComponents {
  readonly engine: Dialect
  readonly executor: Executor
  readonly statements: Statements
}

/** PostgreSQL's error code. */
const UNTRANSLATABLE_CHARACTER = '22P05'

/** The queries of the registry, outside of a transaction or within one. */
export class Queries {
  readonly #engine: Dialect
  readonly #executor: Executor
  readonly #statements: Statements

  constructor({ engine, executor, statements }: QueryComponents) {
    this.#engine = engine
    this.#executor = executor
    this.#statements = statements
  }

  /** Rows of the tables of the API, for a text that both kinds of database understand; `?` stands for a parameter. */
  async all<Row>(sql: string, ...parameters: readonly SqlValue[]): Promise<Row[]> {
    return (await this.#executor.run(sql, parameters)).rows as Row[]
  }

  /** Changes such a table. @returns how many rows */
  async run(sql: string, ...parameters: readonly SqlValue[]): Promise<number> {
    return (await this.#executor.run(sql, parameters)).changes
  }

  /**
   * What rows that are never changed are ordered by as they were written, where nothing in them is. With PostgreSQL, this is not so
   * for certain: where rows were deleted, and the table was vacuumed, later ones take their room.
   */
  get writtenOrder(): 'rowid' | 'ctid' {
    return this.#engine.kind === 'sqlite' ? 'rowid' : 'ctid'
  }

  /** Rows for any of these values, of a text with `IN ?`: some values at a time. */
  async allIn<Row>(
    sql: string,
    values: readonly (string | number)[],
    ...after: readonly SqlValue[]
  ): Promise<Row[]> {
    const { atOnce, text, parameters } = this.#engine.lists
    const rows: Row[] = []
    for (let at = 0; at < values.length; at += atOnce) {
      const some = parameters(values.slice(at, at + atOnce))
      rows.push(...((await this.#executor.run(sql.replace('IN ?', text), [...some, ...after])).rows as Row[]))
    }
    return rows
  }

  async #one<Arguments extends readonly unknown[], Row>(
    statement: Statement<Arguments, Row>,
    ...args: Arguments
  ): Promise<Row | undefined> {
    return (await this.#executor.all(statement, args))[0]
  }

  async #run<Arguments extends readonly unknown[]>(
    statement: Statement<Arguments, unknown>,
    ...args: Arguments
  ): Promise<void> {
    await this.#executor.all(statement, args)
  }

  /** Names of all tables. */
  tables(): Promise<string[]> {
    return this.#engine.tables(this.#executor)
  }

  /** Removes all rows of a table, however many. */
  clear(table: string): Promise<void> {
    return this.#engine.clear(this.#executor, table)
  }

  /** Lets rows into a table as they are while `write` runs, whatever triggers of it say. */
  unguarded(table: string, write: () => Promise<void>): Promise<void> {
    return this.#engine.unguarded(this.#executor, table, write)
  }

  /** What is broken of what the database keeps beside the rows. */
  damage(): Promise<string[]> {
    return this.#engine.damage(this.#executor)
  }

  /** Tells all processes with this database, when the transaction is committed. */
  notify(topic: Topic): Promise<void> {
    return this.#engine.notify(this.#executor, topic)
  }

  /**
   * What time it is, in Unix milliseconds, by a clock that all processes with this database have in common: by that is judged what one
   * of them has begun. Their own may be hours apart.
   * @param clock of this process
   */
  async commonTimeMs(clock: { now(): number }): Promise<number> {
    return (await this.#engine.commonTimeMs(this.#executor)) ?? clock.now()
  }

  async config(name: string): Promise<ConfigRowValue | undefined> {
    const row = await this.#one(this.#statements.config, name)
    return row && this.#values.read(row.value)
  }

  /** Sets a value; undefined removes it. */
  async setConfig(name: string, value: ConfigRowValue | undefined): Promise<void> {
    if (value === undefined) await this.#run(this.#statements.deleteConfig, name)
    else await this.#run(this.#statements.setConfig, name, this.#values.write(name, value))
  }

  get #values(): ConfigValues {
    return this.#engine.configValues
  }

  token(token: string): Promise<TokenRow | undefined> {
    return this.#one(this.#statements.token, token)
  }

  addToken({ token, email, prefix_len, date }: TokenRow): Promise<void> {
    return this.#run(this.#statements.addToken, token, email, prefix_len, date)
  }

  /** @returns whether there was one */
  async deleteToken(token: string): Promise<boolean> {
    const deleted = await this.#one(this.#statements.deleteToken, token)
    await this.#run(this.#statements.deleteMadeToken, token)
    return deleted !== undefined
  }

  /** A token that was added is one that the registry made up: it lives until then, in Unix seconds. */
  addMadeToken(token: string, email: string, endUnixSeconds: number): Promise<void> {
    return this.#run(this.#statements.addMadeToken, token, email, endUnixSeconds)
  }

  /** When a token ends that was made up; undefined for one that was given. */
  async endOfMadeToken(token: string): Promise<number | undefined> {
    return (await this.#one(this.#statements.madeToken, token))?.date
  }

  /** A token that was made up for this address, and lives longer than that. */
  async madeTokenFor(email: string, unixSeconds: number): Promise<string | undefined> {
    return (await this.#one(this.#statements.madeTokenFor, email, unixSeconds))?.token
  }

  async deleteMadeTokensBefore(unixSeconds: number): Promise<void> {
    await this.#run(this.#statements.deleteEndedTokens, unixSeconds)
    await this.#run(this.#statements.deleteMadeTokensBefore, unixSeconds)
  }

  deleteTokensBefore(unixSeconds: number): Promise<void> {
    return this.#run(this.#statements.deleteTokensBefore, unixSeconds)
  }

  certificate(prefix: string): Promise<CertificateRow | undefined> {
    return this.#one(this.#statements.certificate, prefix)
  }

  /** The certificate of a prefix, if it is one that the registry can use. */
  async usableCertificate(prefix: string): Promise<string | undefined> {
    return (await this.#one(this.#statements.usableCertificate, prefix))?.cert ?? undefined
  }

  /** The next rows in the order of their prefixes, free ones and reserved ones included; none at the end. */
  certificatesAfter(prefix: string): Promise<CertificateRow[]> {
    return this.#executor.all(this.#statements.certificatesAfter, [prefix])
  }

  /** A few rows that have a certificate. */
  someCertificates(): Promise<CertificateRow[]> {
    return this.#executor.all(this.#statements.someCertificates, [])
  }

  async setCertificate({ prefix, email, cert }: CertificateRow): Promise<void> {
    await this.#run(this.#statements.setCertificate, prefix, email, cert)
    // It is us: what the database notes of others is not so.
    await this.#run(this.#statements.forgetChanged, prefix)
  }

  async deletePrefix(prefix: string): Promise<void> {
    await this.#run(this.#statements.deletePrefix, prefix)
    await this.#run(this.#statements.forgetChanged, prefix)
  }

  /** Some of the prefixes that somebody else has changed. */
  async changedPrefixes(): Promise<string[]> {
    return (await this.#executor.all(this.#statements.changedPrefixes, [])).map(({ prefix }) => prefix)
  }

  forgetChanged(prefix: string): Promise<void> {
    return this.#run(this.#statements.forgetChanged, prefix)
  }

  noteChanged(prefix: string): Promise<void> {
    return this.#run(this.#statements.noteChanged, prefix)
  }

  /** All that are free, and given to no request. */
  async freePrefixes(): Promise<string[]> {
    return (await this.#executor.all(this.#statements.freePrefixes, [])).map(({ prefix }) => prefix)
  }

  /** Of the free prefixes with this start that are not longer, the longest; among equals the first. */
  async longestFree(start: string, maxLength: number): Promise<string | undefined> {
    // '2' comes right after '1'.
    const row = await this.#one(this.#statements.longestFree, maxLength, start.length, start, `${start}2`)
    return row?.prefix ?? undefined
  }

  async isFree(prefix: string): Promise<boolean> {
    return (await this.#one(this.#statements.isFree, prefix)) !== undefined
  }

  addReservation({ prefix, serial, subject_serial, date }: ReservationRow): Promise<void> {
    return this.#run(this.#statements.addReservation, prefix, serial, subject_serial, date)
  }

  /** @returns undefined if there was none */
  deleteReservation(prefix: string, serial: number): Promise<ReservationRow | undefined> {
    return this.#one(this.#statements.deleteReservation, prefix, serial)
  }

  reservationsBefore(unixSeconds: number): Promise<ReservationRow[]> {
    return this.#executor.all(this.#statements.reservationsBefore, [unixSeconds])
  }

  /** Who holds a prefix, also of a certificate that cannot be used. */
  holder(prefix: string): Promise<HolderRow | undefined> {
    return this.#one(this.#statements.holder, prefix)
  }

  /** The next rows in the order of their prefixes, from this one on; also of certificates that cannot be used. */
  holdersFrom(prefix: string): Promise<HolderRow[]> {
    return this.#executor.all(this.#statements.holdersFrom, [prefix])
  }

  /** The same, after this one. */
  holdersAfter(prefix: string): Promise<HolderRow[]> {
    return this.#executor.all(this.#statements.holdersAfter, [prefix])
  }

  holderOfSerial(serial: number): Promise<HolderRow | undefined> {
    return this.#one(this.#statements.holderOfSerial, serial)
  }

  holderOfEmail(email: string): Promise<HolderRow | undefined> {
    return this.#one(this.#statements.holderOfEmail, email)
  }

  holdersEndedBefore(unixSeconds: number): Promise<HolderRow[]> {
    return this.#executor.all(this.#statements.holdersEndedBefore, [unixSeconds])
  }

  unreadable(): Promise<HolderRow[]> {
    return this.#executor.all(this.#statements.unreadable, [])
  }

  /** How many can be used whose prefixes begin with at most `HEAD_BITS` bits, from these on and before those. */
  async countHolders(from: string, before: string): Promise<number> {
    return (await this.#one(this.#statements.countHolders, from, before))?.count ?? 0
  }

  /** How many can be used of those that end after one time and by another. */
  async countHoldersEnding(after: number, until: number): Promise<number> {
    return (await this.#one(this.#statements.countHoldersEnding, after, until))?.count ?? 0
  }

  /** The next that end by then, in the order of their ends and prefixes, after this one. */
  holdersEnding(after: number, prefix: string, until: number): Promise<HolderRow[]> {
    return this.#executor.all(this.#statements.holdersEnding, [after, prefix, until])
  }

  async setHolder(row: HolderRow): Promise<void> {
    const { prefix, email, serial, subject_serial, not_after, reason } = row
    const before = await this.holder(prefix)
    await this.#run(this.#statements.setHolder, prefix, email, serial, subject_serial, not_after, reason)
    await this.changeWords(prefix, 'email', wordsOfHolder(before), wordsOfHolder(row))
  }

  /** @returns what it was */
  async deleteHolder(prefix: string): Promise<HolderRow | undefined> {
    const before = await this.#one(this.#statements.deleteHolder, prefix)
    await this.changeWords(prefix, 'email', wordsOfHolder(before), [])
    return before
  }

  /** Gives a machine the name by which an operator knows it; undefined: none. */
  async setMachineName(prefix: string, name: string | undefined): Promise<void> {
    const [before] = await this.all<{ name: string | null }>(
      'SELECT name FROM machine WHERE prefix = ?',
      prefix,
    )
    if (name === undefined) await this.run('DELETE FROM machine WHERE prefix = ?', prefix)
    else
      await this.run(
        'INSERT INTO machine VALUES (?, ?) ON CONFLICT (prefix) DO UPDATE SET name = excluded.name',
        prefix,
        name,
      )
    await this.changeWords(prefix, 'name', searchWordsOf(before?.name ?? ''), searchWordsOf(name ?? ''))
  }

  /** What the machine of a prefix is found by; of the same words nothing is changed. */
  async changeWords(
    prefix: string,
    kind: 'email' | 'name',
    before: readonly string[],
    after: readonly string[],
  ): Promise<void> {
    if (before.join('\n') === after.join('\n')) return
    for (const word of before)
      await this.run('DELETE FROM search_word WHERE word = ? AND prefix = ? AND kind = ?', word, prefix, kind)
    // A registry of a version that knows of no words, which still runs with the same database, leaves those of who is gone.
    if (after.length > 0)
      await this.run(
        `INSERT INTO search_word VALUES ${after.map(() => '(?, ?, ?)').join(', ')} ON CONFLICT (word, prefix, kind) DO NOTHING`,
        ...after.flatMap((word) => [word, prefix, kind]),
      )
  }

  /** Prefixes of machines with a word in their e-mail address or name that begins so, some of them once for each word. */
  async prefixesOfWords(start: string, limit: number): Promise<string[]> {
    const end = endOfStart(start)
    const rows = await this.all<{ prefix: string }>(
      `SELECT prefix FROM search_word WHERE word >= ? ${end === undefined ? '' : 'AND word < ?'} ORDER BY word, prefix, kind LIMIT ?`,
      ...[start, ...(end === undefined ? [] : [end]), limit],
    ).catch((error: unknown) => {
      // Letters that the encoding of a database of PostgreSQL does not have are in no word of it.
      if (codeOf(error) === UNTRANSLATABLE_CHARACTER) return []
      throw error
    })
    return rows.map(({ prefix }) => prefix)
  }

  async hasSubjectSerial(number: number): Promise<boolean> {
    return (await this.#one(this.#statements.hasSubjectSerial, number)) !== undefined
  }

  firstGap(): Promise<SubjectSerialGapRow | undefined> {
    return this.#one(this.#statements.firstGap)
  }

  /** The last gap that does not begin after this number. */
  gapAround(number: number): Promise<SubjectSerialGapRow | undefined> {
    return this.#one(this.#statements.gapAround, number)
  }

  addGap(first: number, last: number): Promise<void> {
    return this.#run(this.#statements.addGap, first, last)
  }

  deleteGap(first: number): Promise<void> {
    return this.#run(this.#statements.deleteGap, first)
  }

  nodeAddress(prefix: string): Promise<NodeAddressRow | undefined> {
    return this.#one(this.#statements.nodeAddress, prefix)
  }

  /** Those that were seen last. */
  latestNodeAddresses(limit: number): Promise<NodeAddressRow[]> {
    return this.#executor.all(this.#statements.latestNodeAddresses, [limit])
  }

  async countNodeAddresses(): Promise<number> {
    return (await this.#one(this.#statements.countNodeAddresses))?.count ?? 0
  }

  setNodeAddress({ prefix, addresses, date }: NodeAddressRow): Promise<void> {
    return this.#run(this.#statements.setNodeAddress, prefix, addresses, date)
  }

  deleteNodeAddress(prefix: string): Promise<void> {
    return this.#run(this.#statements.deleteNodeAddress, prefix)
  }

  /** A certificate was given to somebody. One that is known already stays as it is. */
  addIssued({ serial, prefix, date }: IssuedRow): Promise<void> {
    return this.#run(this.#statements.addIssued, serial, prefix, date)
  }

  issued(serial: number): Promise<IssuedRow | undefined> {
    return this.#one(this.#statements.issued, serial)
  }

  /** What was given for a prefix and ends after that. */
  issuedFor(prefix: string, afterUnixSeconds: number): Promise<IssuedRow[]> {
    return this.#executor.all(this.#statements.issuedFor, [prefix, afterUnixSeconds])
  }

  deleteIssuedBefore(unixSeconds: number): Promise<void> {
    return this.#run(this.#statements.deleteIssuedBefore, unixSeconds)
  }

  /** Revoked serials whose certificates have not ended by then. */
  async crl(unixSeconds: number): Promise<number[]> {
    return (await this.#executor.all(this.#statements.crl, [unixSeconds])).map(({ serial }) => serial)
  }

  async isRevoked(serial: number): Promise<boolean> {
    return (await this.#one(this.#statements.isRevoked, serial)) !== undefined
  }

  addToCrl(serial: number, date: number): Promise<void> {
    return this.#run(this.#statements.addToCrl, serial, date)
  }

  deleteCrlBefore(unixSeconds: number): Promise<void> {
    return this.#run(this.#statements.deleteCrlBefore, unixSeconds)
  }

  /** What is kept of a node's session, where several processes serve one network. */
  async session(prefix: string): Promise<string | undefined> {
    return (await this.#one(this.#statements.session, prefix))?.state
  }

  /** Changes a session, if it is still as it was. @returns whether it was changed */
  async setSession(
    prefix: string,
    before: string | undefined,
    state: string,
    unixSeconds: number,
  ): Promise<boolean> {
    const changed =
      before === undefined
        ? await this.#one(this.#statements.beginSession, prefix, state, unixSeconds)
        : await this.#one(this.#statements.changeSession, prefix, before, state, unixSeconds)
    return changed !== undefined
  }

  endSession(prefix: string): Promise<void> {
    return this.#run(this.#statements.endSession, prefix)
  }

  /** Forgets which transactions were committed before. */
  forgetCommitted(unixSeconds: number): Promise<void> {
    return this.#run(this.#statements.forgetCommitted, unixSeconds)
  }

  deleteSessionsBefore(unixSeconds: number): Promise<void> {
    return this.#run(this.#statements.deleteSessionsBefore, unixSeconds)
  }
}

/** Of a certificate that cannot be used there is nothing to be found. */
const wordsOfHolder = (row: HolderRow | undefined): readonly string[] =>
  row === undefined || row.reason !== null || row.email === null ? [] : searchWordsOf(row.email)
