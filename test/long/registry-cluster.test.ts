import { type ChildProcess, spawn } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import { type NodeCertificate, readNodeCertificate } from '../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../src/core/crypto/rsa.ts'
import { CleanUp } from '../../src/platform/clean-up.ts'
import { RegistryClient } from '../../src/platform/registry-client.ts'
import { freePort } from '../support/free-port.ts'
import { installed } from '../support/installed.ts'
import { PatroniCluster } from '../support/patroni.ts'
import { POSTGRES_PROGRAMS, TestPostgres } from '../support/postgres.ts'
import { startProxy } from '../support/proxy-process.ts'
import { temporaryDirectory } from '../support/registry.ts'
import { vectors } from '../support/vectors.ts'

const PROCESSES = 3
const CLIENTS = 6
/** As long as a network may be without its registry. */
const MAX_GAP_MS = 30_000
const DEADLINE_MS = 60_000

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const owner = {
  caPublicKey: new X509Certificate(pki.ca).publicKey,
  decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
}
const haproxy = installed('haproxy')
const patroni = installed('patroni')
const etcd = installed('etcd', 'etcd-server')

function certificateOf(pem: string | undefined): NodeCertificate {
  const certificate = readNodeCertificate(pem ?? '')
  if (!certificate.ok) throw new Error(certificate.reason)
  return certificate.value
}

/** A registry of its own process. */
async function startRegistry(databaseUrl: string): Promise<{ process: ChildProcess; port: number }> {
  const directory = temporaryDirectory()
  const file = (name: string) => join(directory, name)
  writeFileSync(file('ca.crt'), pki.ca)
  writeFileSync(file('ca.key'), pki.keys['ca'] ?? '', { mode: 0o600 })
  const port = await freePort()
  const process_ = spawn(
    process.execPath,
    [
      ...['dist/re6st-registry.js', '--ca', file('ca.crt'), '--key', file('ca.key'), '--db', databaseUrl],
      ...['--port', String(port), '-4', '127.0.0.1', '-6', '', '--anonymous-prefix-length', '32'],
      ...['--logfile', file('log')],
    ],
    { stdio: 'ignore' },
  )
  await waitFor(() => new RegistryClient(`http://127.0.0.1:${port}/`).getCa(), {
    what: 'a registry',
    deadlineMs: DEADLINE_MS,
  })
  return { process: process_, port }
}

async function startHaproxy(servers: readonly number[]) {
  const port = await freePort()
  const file = join(temporaryDirectory(), 'haproxy.cfg')
  writeFileSync(
    file,
    `defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  option redispatch
frontend registry
  bind 127.0.0.1:${port}
  default_backend registries
backend registries
  balance roundrobin
  option httpchk GET /readyz
  default-server check inter 500ms fall 2 rise 1
${servers.map((server, number) => `  server registry${number} 127.0.0.1:${server}`).join('\n')}
`,
  )
  const proxy = await startProxy('haproxy', ['-db', '-f', file], [port])
  return { url: `http://127.0.0.1:${port}/`, [Symbol.asyncDispose]: () => proxy[Symbol.asyncDispose]() }
}

/** Servers of PostgreSQL, one of which takes the place of the other. */
interface Servers {
  readonly url: string
  query(sql: string): Promise<{ readonly rows: readonly unknown[] }>
  /** The primary dies, and the other takes its place. */
  failOver(): Promise<void>
}

/** The operator makes the standby the primary. */
async function byHand(stack: CleanUp): Promise<Servers> {
  const primary = stack.use(await TestPostgres.start())
  const standby = stack.use(await primary.standby())
  await primary.query("ALTER SYSTEM SET synchronous_standby_names = 'standby'")
  await primary.query('SELECT pg_reload_conf()')
  return {
    url: `postgres://re6st@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/postgres`,
    query: (sql) => standby.query(sql),
    async failOver() {
      await primary.kill()
      await standby.query('SELECT pg_promote()')
      await standby.query("ALTER SYSTEM SET synchronous_standby_names = ''")
      await standby.query('SELECT pg_reload_conf()')
    },
  }
}

/** Patroni notices by itself. */
async function byPatroni(stack: CleanUp): Promise<Servers> {
  const cluster = stack.use(await PatroniCluster.start())
  return { url: cluster.url, query: (sql) => cluster.query(sql), failOver: () => cluster.killPrimary() }
}

const stack = new CleanUp()
afterEach(() => stack[Symbol.asyncDispose]())

describe.skipIf(haproxy.missing || POSTGRES_PROGRAMS === undefined)(
  `three registries behind HAProxy, with PostgreSQL and its standby${haproxy.note}`,
  () => {
    it('lose nothing when one of them is killed, and the server then: no prefix is given twice, calls go on', async () => {
      await loseNothing(await byHand(stack))
    })

    it.skipIf(patroni.missing || etcd.missing)(
      `and so where Patroni makes the standby the primary${patroni.note}${etcd.note}`,
      async () => {
        await loseNothing(await byPatroni(stack))
      },
    )
  },
)

async function loseNothing(servers: Servers): Promise<void> {
  const registries: { process: ChildProcess; port: number }[] = []
  for (let number = 0; number < PROCESSES; number++) {
    const registry = await startRegistry(servers.url)
    stack.defer(async () => {
      if (registry.process.exitCode === null && registry.process.kill('SIGKILL'))
        await once(registry.process, 'exit')
    })
    registries.push(registry)
  }
  const { url } = stack.use(await startHaproxy(registries.map(({ port }) => port)))

  const acknowledged: NodeCertificate[] = []
  let calls = 0
  /** When calls of both kinds were answered. */
  const answered = { enrolment: [Date.now()], session: [Date.now()] }
  const stop = new AbortController()
  stack.defer(() => stop.abort())
  const load = Array.from({ length: CLIENTS }, async () => {
    const enrol = async () => {
      const one = certificateOf(await new RegistryClient(url).requestCertificate({ token: '', csr }))
      acknowledged.push(one)
      answered.enrolment.push(Date.now())
      return one
    }
    let member: RegistryClient | undefined
    while (!stop.signal.aborted)
      try {
        member ??= new RegistryClient(url, { ...owner, prefix: (await enrol()).prefix })
        await member.getNetworkConfig()
        calls++
        answered.session.push(Date.now())
        await enrol()
      } catch {
        // As a node does: later again.
        await setTimeout(100)
      }
  })
  const goOn = async (what: string) => {
    const [certificates, before] = [acknowledged.length, calls]
    await waitFor(() => acknowledged.length > certificates + 30 && calls > before + 30, {
      what: `calls ${what}`,
      deadlineMs: DEADLINE_MS,
    })
  }
  await goOn('at first')
  registries[1]?.process.kill('SIGKILL')
  await goOn('without one of the processes')
  await servers.failOver()
  await goOn('with the other server')
  stop.abort()
  await Promise.all(load)

  for (const times of Object.values(answered)) {
    const gaps = times.slice(1).map((time, at) => time - (times[at] ?? 0))
    expect(Math.max(...gaps)).toBeLessThan(MAX_GAP_MS)
  }
  const { rows } = await servers.query("SELECT prefix, cert FROM cert WHERE cert LIKE '-----%'")
  const kept = new Map(
    (rows as { prefix: string; cert: string }[]).map(({ prefix, cert }) => [
      prefix,
      certificateOf(cert).serial,
    ]),
  )
  for (const { prefix, serial } of acknowledged) expect(kept.get(prefix)).toBe(serial)
  expect(new Set(acknowledged.map(({ prefix }) => prefix)).size).toBe(acknowledged.length)
  expect(new Set(acknowledged.map(({ serial }) => serial)).size).toBe(acknowledged.length)
}
