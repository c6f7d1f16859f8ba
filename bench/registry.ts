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
import type { Prefix } from '../src/core/values/prefix.ts'
import { RegistryClient } from '../src/platform/registry-client.ts'

/** Calls a second, and how long one takes. */
export interface RateResult {
  readonly what: string
  readonly certificates: number
  readonly clients: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
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
    const nodes: RegistryClient[] = []
    const decrypt = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))
    const caPublicKey = new X509Certificate(pki.ca).publicKey
    const prefixes: Prefix[] = []
    for (let count = 0; count < Math.max(...CLIENTS); count++) {
      const prefix = await request()
      prefixes.push(prefix)
      nodes.push(new RegistryClient(url, { prefix, caPublicKey, decrypt }))
    }
    let issued = prefixes.length
    // Not with `request`: a client that reads its certificate would take a good part of the processors that it measures.
    const certificateUrl = `${url}requestCertificate?${new URLSearchParams({ token: '', req: csr, location: '', ip: '' })}`
    const counted = async () => {
      const answer = await fetch(certificateUrl)
      if (!(await answer.text()).startsWith('-----BEGIN')) throw new Error(`status ${answer.status}`)
      issued++
    }
    const round = async (certificates: number): Promise<RateResult[]> => {
      const results: RateResult[] = []
      for (const clients of CLIENTS) {
        const measured = (what: string, call: (client: number) => Promise<unknown>) =>
          rate(clients, call).then((numbers) => results.push({ what, certificates, clients, ...numbers }))
        await measured('requestCertificate', counted)
        await measured('hello', async (client) => {
          const answer = await fetch(`${url}hello?client_prefix=${prefixes[client]}&protocol=10`)
          await answer.arrayBuffer()
        })
        await measured(
          'getNetworkConfig in a session',
          (client) => nodes[client]?.getNetworkConfig() ?? counted(),
        )
      }
      return results
    }
    // A registry runs for months: its first seconds, in which its code is compiled, are not of interest.
    await rate(Math.max(...CLIENTS), counted)
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
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        while (issued < MANY) await counted()
      }),
    )
    return [yardstick, ...empty, ...(await round(MANY))]
  } finally {
    registry.kill('SIGTERM')
    await once(registry, 'exit')
    rmSync(directory, { recursive: true })
  }
}

async function rate(
  clients: number,
  call: (client: number) => Promise<unknown>,
): Promise<Pick<RateResult, 'perSecond' | 'p50Ms' | 'p99Ms'>> {
  const times: number[] = []
  const startMs = performance.now()
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (performance.now() - startMs < MEASURE_MS) {
        const begunMs = performance.now()
        await call(client)
        times.push(performance.now() - begunMs)
      }
    }),
  )
  const sorted = times.sort((one, other) => one - other)
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
  return { perSecond: (1000 * times.length) / (performance.now() - startMs), p50Ms: at(0.5), p99Ms: at(0.99) }
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
