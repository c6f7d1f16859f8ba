import { randomUUID } from 'node:crypto'
import { setTimeout } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import pg from 'pg'
import { codeOf, messageOf, Re6stError } from '../../core/errors.ts'
import { inBackground } from '../../platform/background.ts'
import { systemClock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { type Engine, type Executor, OutcomeUnknown, type SqlParameter, type Topic } from './engine.ts'
import { migrate } from './migrations/migrate.ts'
import {
  APPLICATION,
  beginSnapshot,
  clear,
  commonTimeMs,
  configValues,
  damage,
  executorOn,
  lists,
  notify,
  PYTHON_TABLES,
  refuseEncoding,
  refuseOtherTables,
  tables,
  unguarded,
  WORDS_ARE_KEPT,
  withoutApplication,
} from './postgres-dialect.ts'
import { PostgresListener } from './postgres-listener.ts'
import { serversOf, withoutPassword } from './postgres-servers.ts'
import type { Statement } from './statement.ts'
import { type Statements, statementsFor } from './statements.ts'

/** Of all our processes with one database, one changes something at a time: any number that nobody else uses. */
const WRITE_LOCK = 0x72653673
/** How many calls of one process are answered at once. */
const CONNECTIONS = 8
const CONNECT_TIMEOUT_MS = 3_000
const RETRY_MS = 200
/** Tables of a million rows are made anew within it. */
const MIGRATION_TIMEOUT_MS = 600_000

/** How long is waited for whom. */
export interface PostgresTimeouts {
  /** A server that went without a word is noticed by this. */
  readonly statementMs: number
  /** So is a process that has gone so, or stands still, in the middle of a transaction: nobody else could change anything. */
  readonly silenceMs: number
  /** How often the connection is tried that only hears. */
  readonly lookMs: number
  /** As long as another server takes the place of one that is gone. */
  readonly giveUpMs: number
}

const TIMEOUTS: PostgresTimeouts = { statementMs: 10_000, silenceMs: 10_000, lookMs: 5_000, giveUpMs: 45_000 }

/** PostgreSQL's error codes: read only (of a standby), lost connections, shutting down, starting up, silence, conflicts. */
const RETRYABLE = /^(25006|25P03|08...|57P0[123]|40001|40P01|53300)$/

/** Its disk is full, or its memory, or a limit of its configuration is reached. */
const NO_ROOM = /^53/

/** How it is opened. */
export interface PostgresOptions {
  /** What nobody waits for is said there. */
  readonly log?: Pick<Logger, 'error'>
  /** How the server names our connections to others. */
  readonly application?: string
  /** Makes no tables, and hears nothing of other processes. */
  readonly isOnlyRead?: boolean
  /** Where a test must not wait for the real ones. */
  readonly timeouts?: Partial<PostgresTimeouts>
}

/**
 * Connects, and makes the tables that are missing. A URL may name several servers, `postgres://a,b:5433/name`: the one
 * that takes changes is used, also when that becomes another.
 * @throws Re6stError `FILE` when there is none, or the database is no registry's, `OPTION` when the URL cannot be read
 */
export async function openPostgres(url: string, options: PostgresOptions = {}): Promise<Engine> {
  const engine = new PostgresEngine(url, options)
  try {
    await engine.open()
    return engine
  } catch (error) {
    await engine.close()
    throw error instanceof Re6stError
      ? error
      : new Re6stError('FILE', `--db ${withoutPassword(url)}: ${messageOf(error)}`, { cause: error })
  }
}

class PostgresEngine implements Engine {
  readonly kind = 'postgres'
  readonly giveUpMs: number
  readonly name: string
  readonly #servers: readonly string[]
  readonly #log: Pick<Logger, 'error'>
  readonly #application: string
  readonly #isOnlyRead: boolean
  readonly #timeouts: PostgresTimeouts
  readonly #statements: Statements = statementsFor('postgres')
  #pool: Promise<pg.Pool> | undefined
  #listener: PostgresListener | undefined
  #heard: (topic: Topic) => void = () => {}
  #isClosed = false

  constructor(
    url: string,
    {
      log = { error: () => {} },
      application = APPLICATION,
      timeouts = {},
      isOnlyRead = false,
    }: PostgresOptions,
  ) {
    this.#isOnlyRead = isOnlyRead
    this.#log = log
    this.#application = application
    this.#timeouts = { ...TIMEOUTS, ...timeouts }
    this.giveUpMs = this.#timeouts.giveUpMs
    this.name = withoutPassword(url)
    const servers = serversOf(url)
    if (!servers.ok) throw new Re6stError('OPTION', `--db ${this.name}: ${servers.reason}`)
    this.#servers = servers.value.map(withoutApplication)
    pg.types.setTypeParser(pg.types.builtins.INT8, Number)
  }

  readonly configValues = configValues
  readonly lists = lists
  readonly notify = notify
  readonly commonTimeMs = commonTimeMs
  readonly tables = tables
  readonly clear = clear
  readonly unguarded = unguarded
  readonly damage = damage

  async open(): Promise<void> {
    const pool = await this.#primary()
    if (this.#isOnlyRead) return
    await this.#makeTables(pool)
    this.#listener = new PostgresListener({
      pool: () => this.#primary(),
      lost: (pool) => this.#lost(pool),
      heard: (topic) => this.#heard(topic),
      lookMs: this.#timeouts.lookMs,
    })
    inBackground(this.#log, 'listening to other processes', this.#listener.run())
  }

  /** Several processes may begin at once: one after the other, each on a connection of its own, with which the lock goes. */
  async #makeTables({ options }: pg.Pool): Promise<void> {
    const client = new pg.Client({ ...options, query_timeout: MIGRATION_TIMEOUT_MS })
    client.on('error', () => {})
    await client.connect()
    try {
      await client.query(`SET idle_in_transaction_session_timeout = ${this.#timeouts.silenceMs}`)
      await client.query('SELECT pg_advisory_lock($1)', [WRITE_LOCK])
      await refuseEncoding(client)
      await refuseOtherTables(client, this.name)
      const only = Object.assign(client, { release: () => {} })
      const db = new Kysely<unknown>({
        dialect: new PostgresDialect({ pool: { connect: async () => only, end: async () => {} } }),
      })
      await sql.raw(PYTHON_TABLES).execute(db)
      await migrate(db, 'postgres')
    } finally {
      await client.end().catch(() => {})
    }
  }

  async all<Arguments extends readonly unknown[], Row>(
    statement: Statement<Arguments, Row>,
    args: Arguments,
  ): Promise<Row[]> {
    return this.#read((pool) => executorOn(pool).all(statement, args))
  }

  async run(text: string, parameters: readonly SqlParameter[]) {
    return this.#read((pool) => executorOn(pool).run(text, parameters))
  }

  async bytes(): Promise<number> {
    const { rows } = await this.run('SELECT pg_database_size(current_database()) AS bytes', [])
    return (rows[0] as { bytes: number }).bytes
  }

  /** Tried again while another server takes the place of one that was lost. */
  async #read<T>(query: (pool: pg.Pool) => Promise<T>): Promise<T> {
    const endMs = systemClock.monotonicMs() + this.giveUpMs
    for (;;) {
      const pool = await this.#primary()
      try {
        return await query(pool)
      } catch (error) {
        if (!this.isRetryable(error) || systemClock.monotonicMs() > endMs || this.#isClosed) throw error
        await this.#lost(pool)
      }
    }
  }

  async transaction<T>(work: (executor: Executor) => Promise<T>): Promise<T> {
    const pool = await this.#primary()
    try {
      const client = await pool.connect()
      let failure: unknown
      try {
        return await this.#commit(client, work)
      } catch (error) {
        failure = error
        throw error
      } finally {
        client.release(failure !== undefined && this.isRetryable(failure))
      }
    } catch (error) {
      if (this.isRetryable(error)) await this.#lost(pool)
      throw error
    }
  }

  async snapshot<T>(read: (executor: Executor) => Promise<T>): Promise<T> {
    const pool = await this.#primary()
    const client = await pool.connect()
    let isDone = false
    try {
      await beginSnapshot(client)
      const result = await read(executorOn(client))
      await client.query('COMMIT')
      isDone = true
      return result
    } finally {
      // What is not at its end goes with the connection.
      client.release(!isDone)
    }
  }

  async #commit<T>(client: pg.PoolClient, work: (executor: Executor) => Promise<T>): Promise<T> {
    const id = randomUUID()
    const executor = executorOn(client)
    let result: T
    try {
      await this.#begin(client)
      result = await work(executor)
      await executor.all(this.#statements.noteCommitted, [id, Math.floor(Date.now() / 1000)])
    } catch (error) {
      await client.query('ROLLBACK').catch(() => {})
      throw error
    }
    try {
      await client.query('COMMIT')
    } catch (error) {
      if (!this.isRetryable(error) || !(await this.#wasCommitted(id, error))) throw error
    }
    return result
  }

  /** Begins a transaction in which nobody else changes anything, as long as it goes on. */
  async #begin(client: pg.ClientBase): Promise<void> {
    // Nothing of a machine that was switched off tells the server so: it would keep the lock for hours.
    await client.query(
      `BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${this.#timeouts.silenceMs}; ${WORDS_ARE_KEPT}`,
    )
    await client.query('SELECT pg_advisory_xact_lock($1)', [WRITE_LOCK])
  }

  /**
   * It may be committed although the connection broke: the database knows it, when that transaction is at its end. It has the lock until then.
   * @throws OutcomeUnknown when no server can be asked
   */
  async #wasCommitted(id: string, cause: unknown): Promise<boolean> {
    try {
      return await this.#read(async (pool) => {
        const client = await pool.connect()
        let isDone = false
        try {
          await this.#begin(client)
          const found = await executorOn(client).all(this.#statements.isCommitted, [id])
          await client.query('COMMIT')
          isDone = true
          return found.length > 0
        } finally {
          client.release(!isDone)
        }
      })
    } catch {
      throw new OutcomeUnknown(
        'the connection to the database broke: whether the change was written is not known',
        {
          cause,
        },
      )
    }
  }

  async sync(): Promise<void> {
    // COMMIT has waited for the disk, and for a synchronous standby.
  }

  feed(): undefined {}

  isRetryable(error: unknown): boolean {
    if (!(error instanceof Error)) return false
    const code = codeOf(error)
    return (
      RETRYABLE.test(code) ||
      /^(ECONN|EPIPE|ETIMEDOUT|EHOST|ENET|ENOTFOUND|EAI_AGAIN|ENOENT)/.test(code) ||
      /Connection terminated|timeout|not queryable|no server|after calling end on the pool/i.test(
        error.message,
      )
    )
  }

  isAway(error: unknown): boolean {
    return this.isRetryable(error) || NO_ROOM.test(codeOf(error))
  }

  onNotification(listener: (topic: Topic) => void): void {
    this.#heard = listener
    // What was told before has reached nobody.
    listener('configuration')
  }

  async close(): Promise<void> {
    this.#isClosed = true
    this.#listener?.stop()
    const pool = await this.#pool?.catch(() => undefined)
    await pool?.end()
  }

  /** The server that takes changes: looked for again when it was lost. */
  #primary(): Promise<pg.Pool> {
    if (!this.#pool) {
      const pool = this.#find()
      this.#pool = pool
      pool.catch(() => {
        if (this.#pool === pool) this.#pool = undefined
      })
    }
    return this.#pool
  }

  async #find(): Promise<pg.Pool> {
    let reason = ''
    for (const connectionString of this.#servers) {
      const pool = new pg.Pool({
        connectionString,
        max: CONNECTIONS,
        connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
        query_timeout: this.#timeouts.statementMs,
        keepAlive: true,
        application_name: this.#application,
      })
      // Of connections that nobody uses at the moment: the next call notices it. Of one that is used, the call does.
      pool.on('error', () => {})
      pool.on('connect', (client) => client.on('error', () => {}))
      try {
        const { rows } = await pool.query<{ standby: boolean; reading: string }>(
          "SELECT pg_is_in_recovery() AS standby, current_setting('transaction_read_only') AS reading",
        )
        const [{ standby, reading } = { standby: true, reading: 'on' }] = rows
        // As libpq looks for it with target_session_attrs=read-write. A backup only reads.
        if (!standby && (reading === 'off' || this.#isOnlyRead)) return pool
        reason = `${this.#nameOf(connectionString)}is ${standby ? 'a standby' : 'read-only: default_transaction_read_only'}`
      } catch (error) {
        reason = `${this.#nameOf(connectionString)}${messageOf(error)}`
        if (!this.isRetryable(error)) throw error
      }
      await pool.end().catch(() => {})
    }
    throw new Error(`no server takes changes (${reason}): see whether PostgreSQL runs there`)
  }

  /** Of one among several. */
  #nameOf(server: string): string {
    return this.#servers.length === 1 ? '' : `${withoutPassword(server)}: `
  }

  /** A connection broke, or it is no longer the one that takes changes. */
  async #lost(pool: pg.Pool): Promise<void> {
    const present = await this.#pool?.catch(() => undefined)
    if (present === pool) {
      this.#pool = undefined
      // Those who still wait for an answer of it get one, or an error.
      pool.end().catch(() => {})
    }
    await setTimeout(RETRY_MS)
  }
}
