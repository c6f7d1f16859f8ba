import { spawn } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '../lab/wait-for.ts'
import { readNodeCertificate } from '../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../src/core/crypto/rsa.ts'
import { RegistryClient } from '../src/platform/registry-client.ts'
import type { SessionOwner } from './precomputed-client.ts'

interface Pki {
  readonly ca: string
  readonly keys: Readonly<Record<string, string>>
  readonly csr: Readonly<Record<string, string>>
}

/** A registry with an empty database, as a process of its own, on loopback. */
export interface MeasuredRegistry extends AsyncDisposable {
  readonly host: string
  readonly port: number
  readonly pid: number
  readonly csr: string
  readonly caKeyPem: string
  /** A new certificate, anonymous: who can hold sessions with it. */
  enrol(): Promise<SessionOwner>
}

const HOST = '127.0.0.1'

/** What a registry is started with, instead of an empty database of its own. */
export interface MeasuredRegistryOptions {
  /** As for `--db`. */
  readonly database: string
  readonly commandSocket: string
}

/** Starts it, and waits until it answers. */
export async function startMeasuredRegistry(options?: MeasuredRegistryOptions): Promise<MeasuredRegistry> {
  const pki = JSON.parse(readFileSync('test/vectors/pki.json', 'utf8')) as Pki
  const directory = mkdtempSync(join(tmpdir(), 're6st-bench-'))
  const file = (name: string) => join(directory, name)
  writeFileSync(file('ca.crt'), pki.ca)
  writeFileSync(file('ca.key'), pki.keys['ca'] ?? '', { mode: 0o600 })
  const port = await freePort()
  const registry = spawn(
    process.execPath,
    [
      ...['dist/re6st-registry.js', '--ca', file('ca.crt'), '--key', file('ca.key')],
      ...['--db', options?.database ?? file('registry.db'), '--logfile', file('log'), '--encrypt'],
      ...(options ? ['--command-socket', options.commandSocket] : []),
      ...['--port', String(port), '-4', HOST, '-6', '', '--anonymous-prefix-length', '32'],
    ],
    { stdio: 'ignore' },
  )
  const stop = async () => {
    if (registry.exitCode === null && registry.kill('SIGTERM')) await once(registry, 'exit')
    rmSync(directory, { recursive: true })
  }
  const client = new RegistryClient(`http://${HOST}:${port}/`)
  try {
    await waitFor(() => client.getCa(), { what: 'the registry', deadlineMs: 60_000, intervalMs: 20 })
  } catch (error) {
    await stop()
    throw error
  }
  const csr = pki.csr['node-a'] ?? ''
  const decrypt = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))
  const caPublicKey = new X509Certificate(pki.ca).publicKey
  return {
    host: HOST,
    port,
    pid: registry.pid ?? 0,
    csr,
    caKeyPem: pki.keys['ca'] ?? '',
    async enrol() {
      const read = readNodeCertificate((await client.requestCertificate({ token: '', csr })) ?? '')
      if (!read.ok) throw new Error(read.reason)
      return { prefix: read.value.prefix, decrypt, caPublicKey }
    },
    [Symbol.asyncDispose]: stop,
  }
}

/** A TCP port that nobody has at this moment. */
export const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, HOST, () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })
