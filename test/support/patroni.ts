import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { waitFor } from '../../lab/wait-for.ts'
import { freePort } from './free-port.ts'
import { dataDirectory, POSTGRES_PROGRAMS, unprivileged } from './postgres.ts'
import { startProxy } from './proxy-process.ts'

/** The first start makes the database, the second copies it. */
const DEADLINE_MS = 120_000

/** A server of PostgreSQL that Patroni runs. */
interface Member {
  readonly name: string
  readonly port: number
  readonly directory: string
  readonly patroni: ChildProcess
}

type Etcd = AsyncDisposable & { readonly port: number }

/** Two servers of PostgreSQL, of which Patroni makes one the primary and the other its synchronous standby, by a key in etcd. */
export class PatroniCluster implements AsyncDisposable {
  readonly #members: Member[] = []
  readonly #etcd: Etcd

  private constructor(etcd: Etcd) {
    this.#etcd = etcd
  }

  /** Starts etcd and both servers, and waits until no acknowledged change can be lost with one of them. */
  static async start(): Promise<PatroniCluster> {
    const cluster = new PatroniCluster(await startEtcd())
    try {
      await cluster.#add('one')
      await cluster.#isSettled('a primary', (roles) => roles.has('primary'))
      await cluster.#add('two')
      await cluster.#isSettled('a synchronous standby', (roles) => roles.has('sync_standby'))
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
    return cluster
  }

  /** Names both servers: whoever connects finds the primary. */
  get url(): string {
    return `postgres://re6st@${this.#members.map(({ port }) => `127.0.0.1:${port}`).join(',')}/postgres`
  }

  /** As if the machine of the primary had died: nothing of it can give way to the other. */
  async killPrimary(): Promise<void> {
    const primary = await this.#primary()
    const [postmaster] = readFileSync(join(primary.directory, 'postmaster.pid'), 'utf8').split('\n')
    process.kill(Number(postmaster), 'SIGKILL')
    await end(primary.patroni, 'SIGKILL')
  }

  /** Runs a statement on whichever server is the primary now. */
  async query(sql: string): Promise<pg.QueryResult> {
    const { port } = await this.#primary()
    return queryOn(port, sql)
  }

  /** The primary, waited for. */
  async #primary(): Promise<Member> {
    let found: Member | undefined
    await waitFor(
      async () => {
        for (const member of this.#members)
          if (
            await queryOn(member.port, 'SELECT pg_is_in_recovery() AS follows').then(
              ({ rows }) => rows[0]?.follows === false,
              () => false,
            )
          )
            found = member
        return found !== undefined
      },
      { what: 'a primary', deadlineMs: DEADLINE_MS },
    )
    if (!found) throw new Error('there is no primary')
    return found
  }

  async #add(name: string): Promise<void> {
    const [port, restPort] = [await freePort(), await freePort()]
    const directory = dataDirectory()
    const configuration = join(directory, '..', 'patroni.yml')
    writeFileSync(
      configuration,
      JSON.stringify(
        memberConfiguration({ ...{ name, port, restPort, directory }, etcdPort: this.#etcd.port }),
      ),
    )
    const { uid, gid } = unprivileged()
    if (uid !== undefined && gid !== undefined) chownSync(join(directory, '..'), uid, gid)
    const patroni = spawn('patroni', [configuration], {
      stdio: 'ignore',
      env: { ...process.env, HOME: join(directory, '..') },
      ...unprivileged(),
    })
    this.#members.push({ name, port, directory, patroni })
  }

  /** What each member is, as Patroni says it by HTTP. */
  async #isSettled(what: string, isGood: (roles: ReadonlySet<string>) => boolean): Promise<void> {
    await waitFor(
      async () => {
        const ended = this.#members.find(({ patroni }) => patroni.exitCode !== null)
        if (ended) throw new Error(`Patroni of ${ended.name} has ended`)
        const [first] = this.#members
        const { rows } = await queryOn(
          first?.port ?? 0,
          "SELECT 'primary' AS role WHERE NOT pg_is_in_recovery() UNION ALL SELECT 'sync_standby' FROM pg_stat_replication WHERE sync_state = 'sync'",
        )
        return isGood(new Set(rows.map(({ role }) => String(role))))
      },
      { what, deadlineMs: DEADLINE_MS },
    )
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Patroni stops its server, too; the standby first, which then does not become the primary.
    for (const { patroni } of [...this.#members].reverse()) await end(patroni, 'SIGTERM')
    await this.#etcd[Symbol.asyncDispose]()
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode === null && child.signalCode === null && child.kill(signal)) await once(child, 'exit')
}

async function queryOn(port: number, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ host: '127.0.0.1', port, user: 're6st', database: 'postgres' })
  client.on('error', () => {})
  try {
    await client.connect()
    return await client.query(sql)
  } finally {
    await client.end().catch(() => {})
  }
}

async function startEtcd(): Promise<Etcd> {
  const [port, peerPort] = [await freePort(), await freePort()]
  const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`]
  const etcd = await startProxy(
    'etcd',
    [
      ...['--name', 'one', '--data-dir', dataDirectory(), '--unsafe-no-fsync'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer],
      ...['--initial-cluster', `one=${peer}`],
    ],
    [port],
  )
  return { port, [Symbol.asyncDispose]: () => etcd[Symbol.asyncDispose]() }
}

/** What Patroni reads: JSON is YAML as well. */
const memberConfiguration = (member: {
  readonly name: string
  readonly port: number
  readonly restPort: number
  readonly directory: string
  readonly etcdPort: number
}) => ({
  scope: 're6st',
  name: member.name,
  restapi: {
    listen: `127.0.0.1:${member.restPort}`,
    connect_address: `127.0.0.1:${member.restPort}`,
  },
  etcd3: { hosts: `127.0.0.1:${member.etcdPort}` },
  bootstrap: {
    // The least that Patroni takes: a primary that is gone is missed after 20 s.
    dcs: { ttl: 20, loop_wait: 2, retry_timeout: 5, synchronous_mode: true },
    initdb: [{ auth: 'trust' }, { username: 're6st' }, { encoding: 'UTF8' }, 'no-sync'],
  },
  postgresql: {
    listen: `127.0.0.1:${member.port}`,
    connect_address: `127.0.0.1:${member.port}`,
    data_dir: member.directory,
    bin_dir: POSTGRES_PROGRAMS,
    pgpass: join(member.directory, '..', 'pgpass'),
    pg_hba: ['host all all 127.0.0.1/32 trust', 'host replication all 127.0.0.1/32 trust'],
    authentication: { superuser: { username: 're6st' }, replication: { username: 're6st' } },
    parameters: {
      unix_socket_directories: '',
      max_connections: 60,
      shared_buffers: '16MB',
      wal_sender_timeout: '5s',
    },
  },
  watchdog: { mode: 'off' },
})
