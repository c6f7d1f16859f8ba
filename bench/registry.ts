import { type ChildProcess, spawn } from 'node:child_process'
import { createPrivateKey, sign, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '../lab/wait-for.ts'
import { readNodeCertificate } from '../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../src/core/crypto/rsa.ts'
import { formatTarget } from '../src/core/rpc/request-target.ts'
import type { Prefix } from '../src/core/values/prefix.ts'
import { RegistryClient } from '../src/platform/registry-client.ts'
import { PrecomputedClient, precomputedCalls, requestFor } from './precomputed-client.ts'

/** Calls a second, and how long one takes. */
export interface RateResult {
  readonly what: string
  readonly certificates: number
  readonly clients: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of the client for one call; not measured before it was taken out. */
  readonly clientCpuMs?: number
}

interface Pki {
  readonly ca: string
  readonly keys: Readonly<Record<string, string>>
  readonly csr: Readonly<Record<string, string>>
}

const HOST = '127.0.0.1'
const MEASURE_MS = 5_000
const CLIENTS = [1, 20] as const
const MANY = 20_000
/** Calls of a session that are made ready: more than are answered in time. */
const MAX_CALLS = 60_000

/** Asks once; undefined when there is nothing more to ask. */
type Call = (client: number) => Promise<unknown> | undefined

/** Certificates, hellos and authenticated calls, with one client and with twenty, on an empty and on a full database. */
export async function measureRegistry(): Promise<RateResult[]> {
  const pki = JSON.parse(readFileSync('test/vectors/pki.json', 'utf8')) as Pki
  const directory = mkdtempSync(join(tmpdir(), 're6st-bench-'))
  writeFileSync(join(directory, 'ca.crt'), pki.ca)
  writeFileSync(join(directory, 'ca.key'), pki.keys['ca'] ?? '', { mode: 0o600 })
  const port = await freePort()
  const url = `http://${HOST}:${port}/`
  const registry = start(directory, port)
  try {
    await waitFor(() => new RegistryClient(url).getCa(), { what: 'the registry', deadlineMs: 20_000 })
    const csr = pki.csr['node-a'] ?? ''
    const request = async (): Promise<Prefix> => {
      const certificate = await new RegistryClient(url).requestCertificate({ token: '', csr })
      const read = readNodeCertificate(certificate ?? '')
      if (!read.ok) throw new Error(read.reason)
      return read.value.prefix
    }
    const decrypt = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))
    const caPublicKey = new X509Certificate(pki.ca).publicKey
    const prefixes: Prefix[] = []
    for (let count = 0; count < Math.max(...CLIENTS); count++) {
      prefixes.push(await request())
    }
    let issued = prefixes.length
    const certificateRequest = requestFor(formatTarget('requestCertificate', { token: '', req: csr }))
    /** Certificates, each client on a connection of its own. */
    const counted = (clients: readonly PrecomputedClient[]) => async (client: number) => {
      await clients[client]?.ask(certificateRequest)
      issued++
    }
    const round = async (certificates: number): Promise<RateResult[]> => {
      const results: RateResult[] = []
      for (const clients of CLIENTS) {
        const measured = async (
          what: string,
          prepare: (connections: PrecomputedClient[]) => Promise<Call> | Call,
        ) => {
          const connections = connectionsTo(port, clients)
          const numbers = await rate(clients, await prepare(connections))
          for (const connection of connections) connection[Symbol.dispose]()
          results.push({ what, certificates, clients, ...numbers })
        }
        await measured('requestCertificate', counted)
        await measured('hello', (connections) => (client) => {
          const prefix = prefixes[client] ?? ''
          return connections[client]?.ask(
            requestFor(formatTarget('hello', { client_prefix: prefix, protocol: '10' })),
          )
        })
        await measured('getNetworkConfig in a session', async (connections) => {
          const calls = await Promise.all(
            connections.map((connection, client) =>
              precomputedCalls(
                connection,
                { prefix: prefixes[client] ?? '', decrypt, caPublicKey },
                'getNetworkConfig',
                Math.ceil(MAX_CALLS / clients),
              ),
            ),
          )
          const next = calls.map(() => 0)
          return (client) => {
            const at = next[client] ?? 0
            next[client] = at + 1
            const call = calls[client]?.[at]
            return call === undefined ? undefined : connections[client]?.ask(call)
          }
        })
      }
      return results
    }
    // A registry runs for months: its first seconds, in which its code is compiled, are not of interest.
    const warm = connectionsTo(port, Math.max(...CLIENTS))
    await rate(warm.length, counted(warm))
    // These machines are not always equally fast: what a processor can do at this time.
    const caKey = createPrivateKey(pki.keys['ca'] ?? '')
    const signature = await rate(1, async () => sign('sha512', Buffer.from(csr), caKey))
    const yardstick = {
      what: 'yardstick: RSA signatures of one thread',
      certificates: 0,
      clients: 1,
      ...signature,
    }
    const empty = await round(0)
    const filling = connectionsTo(port, Math.max(...CLIENTS))
    await Promise.all(
      filling.map(async (_, client) => {
        while (issued < MANY) await counted(filling)(client)
      }),
    )
    for (const connection of [...warm, ...filling]) connection[Symbol.dispose]()
    return [yardstick, ...empty, ...(await round(MANY))]
  } finally {
    registry.kill('SIGTERM')
    await once(registry, 'exit')
    rmSync(directory, { recursive: true })
  }
}

const connectionsTo = (port: number, count: number): PrecomputedClient[] =>
  Array.from({ length: count }, () => new PrecomputedClient(port, HOST))

/** Calls, each client one after another, for some seconds or until one has no more. */
async function rate(
  clients: number,
  call: Call,
): Promise<Pick<RateResult, 'perSecond' | 'p50Ms' | 'p99Ms' | 'clientCpuMs'>> {
  const times: number[] = []
  const startMs = performance.now()
  const before = process.cpuUsage()
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (performance.now() - startMs < MEASURE_MS) {
        const begunMs = performance.now()
        const answer = call(client)
        if (answer === undefined) return
        await answer
        times.push(performance.now() - begunMs)
      }
    }),
  )
  const { user, system } = process.cpuUsage(before)
  const sorted = times.sort((one, other) => one - other)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return {
    perSecond: (1000 * times.length) / (performance.now() - startMs),
    p50Ms: at(0.5),
    p99Ms: at(0.99),
    clientCpuMs: (user + system) / 1000 / Math.max(1, times.length),
  }
}

function start(directory: string, port: number): ChildProcess {
  const files = ['ca.crt', 'ca.key', 'registry.db', 'log'].map((name) => join(directory, name))
  const options = ['--ca', '--key', '--db', '--logfile'].flatMap((option, index) => [
    option,
    files[index] ?? '',
  ])
  return spawn(
    process.execPath,
    [
      ...['dist/re6st-registry.js', ...options, '--port', String(port), '-4', HOST, '-6', ''],
      ...['--anonymous-prefix-length', '32'],
    ],
    { stdio: 'ignore' },
  )
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, HOST, () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
