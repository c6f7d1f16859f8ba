import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, chownSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { waitFor } from '../../lab/wait-for.ts'
import { freePort } from './free-port.ts'
import { temporaryDirectory } from './temporary-directory.ts'

const VERSIONS = '/usr/lib/postgresql'

/** Where the programs of Debian's newest PostgreSQL are; undefined: it is not installed. */
export const POSTGRES_PROGRAMS: string | undefined = (existsSync(VERSIONS) ? readdirSync(VERSIONS) : [])
  .sort((one, other) => Number(other) - Number(one))
  .map((version) => join(VERSIONS, version, 'bin'))
  .find((directory) => existsSync(join(directory, 'initdb')))

/** To make a server, and three registries with it, takes seconds; a minute and more on a machine that others use for all that it has. */
export const POSTGRES_TEST_MS = 240_000

/** Root may not run it: one without rights does. */
export function unprivileged(): { readonly uid?: number; readonly gid?: number } {
  if (process.geteuid?.() !== 0) return {}
  const id = (option: string) => Number(execFileSync('id', [option, 'nobody'], { encoding: 'utf8' }))
  return { uid: id('-u'), gid: id('-g') }
}

/** A server of PostgreSQL on loopback, in a temporary directory. */
export class TestPostgres implements AsyncDisposable {
  readonly port: number
  readonly #directory: string
  readonly #settings: readonly string[]
  #server: ChildProcess | undefined

  private constructor(directory: string, port: number, settings: readonly string[] = []) {
    this.#directory = directory
    this.port = port
    this.#settings = settings
  }

  /** Makes an empty one, and starts it. @param settings of its configuration, instead of ours */
  static async start(settings?: readonly string[]): Promise<TestPostgres> {
    const postgres = new TestPostgres(dataDirectory(), await freePort(), settings)
    postgres.#run('initdb', [
      '-D',
      postgres.#directory,
      '-U',
      're6st',
      '-A',
      'trust',
      '--no-sync',
      '-E',
      'UTF8',
    ])
    await postgres.#serve()
    return postgres
  }

  /** A standby that follows this one. */
  async standby(): Promise<TestPostgres> {
    const standby = new TestPostgres(dataDirectory(), await freePort())
    standby.#run('pg_basebackup', [
      ...['-D', standby.#directory, '-R', '-X', 'stream', '--no-sync', '--checkpoint=fast'],
      ...['-d', `host=127.0.0.1 port=${this.port} user=re6st application_name=standby`],
    ])
    await standby.#serve()
    return standby
  }

  get url(): string {
    return `postgres://re6st@127.0.0.1:${this.port}/postgres`
  }

  /** Runs a statement. */
  async query(sql: string): Promise<pg.QueryResult> {
    const client = new pg.Client({ connectionString: this.url })
    await client.connect()
    try {
      return await client.query(sql)
    } finally {
      await client.end()
    }
  }

  /** A connection of its own, for transactions that others come across. */
  session(): Promise<pg.Client & AsyncDisposable> {
    return sessionWith(this.url)
  }

  /** Its clock stands still at this time for connections that are made from now on, as that of a registry may. */
  async holdClock(nowMs: number): Promise<void> {
    await this.query(
      `CREATE OR REPLACE FUNCTION public.clock_timestamp() RETURNS timestamptz LANGUAGE sql AS 'SELECT to_timestamp(${nowMs / 1000})'`,
    )
    await this.query('ALTER DATABASE postgres SET search_path = public, pg_catalog')
  }

  /** As if the machine had died. */
  async kill(): Promise<void> {
    const server = this.#server
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const isGone = new Promise((resolve) => server.once('exit', resolve))
    // The postmaster's children notice that it is gone.
    server.kill('SIGKILL')
    await isGone
  }

  /** After `kill`. */
  restart(): Promise<void> {
    return this.#serve()
  }

  async #serve(): Promise<void> {
    this.#server = spawn(
      join(POSTGRES_PROGRAMS ?? '', 'postgres'),
      [
        ...['-D', this.#directory, '-p', String(this.port), '-k', '', '-h', '127.0.0.1'],
        ...['-c', 'max_connections=60', '-c', 'shared_buffers=16MB', '-c', 'wal_sender_timeout=5s'],
        // One that is killed leaves nothing elsewhere.
        ...['-c', 'dynamic_shared_memory_type=mmap'],
        ...this.#settings.flatMap((setting) => ['-c', setting]),
      ],
      { stdio: 'ignore', ...unprivileged() },
    )
    await waitFor(async () => (await this.query('SELECT 1')).rowCount, {
      what: 'an answer of PostgreSQL',
      deadlineMs: 60_000,
    })
  }

  #run(program: string, args: readonly string[]): void {
    execFileSync(join(POSTGRES_PROGRAMS ?? '', program), args, { stdio: 'ignore', ...unprivileged() })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const server = this.#server
    if (!server || server.exitCode !== null || server.signalCode !== null) return
    const isGone = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGQUIT')
    await isGone
    rmSync(this.#directory, { recursive: true, force: true })
  }
}

/** A connection, for transactions that others come across. */
export async function sessionWith(url: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}

/** An empty directory for the data of one, which is its own. */
export function dataDirectory(): string {
  const parent = temporaryDirectory()
  chmodSync(parent, 0o755)
  const directory = join(parent, 'data')
  mkdirSync(directory, { mode: 0o700 })
  const { uid, gid } = unprivileged()
  if (uid !== undefined && gid !== undefined) chownSync(directory, uid, gid)
  return directory
}
