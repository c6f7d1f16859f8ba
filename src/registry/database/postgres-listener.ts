import { setTimeout } from 'node:timers/promises'
import pg from 'pg'
import { codeOf } from '../../core/errors.ts'
import type { Topic } from './engine.ts'
import { CHANNEL } from './postgres-dialect.ts'

/** What hearing other processes needs. */
export interface ListenerComponents {
  /** Connections to the server that takes changes. @throws when there is none */
  readonly pool: () => Promise<pg.Pool>
  /** It is not that any more, or does not answer. */
  readonly lost: (pool: pg.Pool) => Promise<void>
  readonly heard: (topic: Topic) => void
  /** How often the connection is tried: of a server that went without a word, nothing is ever heard. */
  readonly lookMs: number
}

const RETRY_MS = 500

/** PostgreSQL's error code: it has no connection left for us. Those that we have are the more needed. */
const TOO_MANY_CONNECTIONS = '53300'

/** Hears what other processes tell; while it cannot, the next connection counts as having heard everything. */
export class PostgresListener {
  readonly #components: ListenerComponents
  readonly #stop = new AbortController()

  constructor(components: ListenerComponents) {
    this.#components = components
  }

  /** Until it is stopped, through whatever losses. */
  async run(): Promise<void> {
    while (!this.#stop.signal.aborted) {
      await this.#listen().catch(() => {})
      await this.#pause(RETRY_MS)
    }
  }

  stop(): void {
    this.#stop.abort()
  }

  /** On one connection, until that is lost. */
  async #listen(): Promise<void> {
    const pool = await this.#components.pool()
    const client = new pg.Client(pool.options)
    const ended = new Promise<void>((resolve) => client.once('end', resolve))
    client.on('error', () => {})
    client.on('notification', ({ payload }) => this.#components.heard(payload as Topic))
    try {
      await client.connect()
      await client.query(`LISTEN ${CHANNEL}`)
      this.#components.heard('configuration')
      // Another server may have taken its place, while this one knows nothing of it.
      while (!this.#stop.signal.aborted && (await this.#components.pool()) === pool) {
        await Promise.race([ended, this.#pause(this.#components.lookMs)])
        await client.query('SELECT')
      }
    } catch (error) {
      if (!this.#stop.signal.aborted && codeOf(error) !== TOO_MANY_CONNECTIONS)
        await this.#components.lost(pool)
      throw error
    } finally {
      // A server that does not answer does not take leave either.
      client.connection.stream.destroy()
    }
  }

  /** Resolves then, or when it is stopped. */
  async #pause(ms: number): Promise<void> {
    await setTimeout(ms, undefined, { signal: this.#stop.signal }).catch(() => {})
  }
}
