import { type ChildProcess, spawn } from 'node:child_process'
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { expect, it } from 'vitest'
import { waitFor } from '../../../../lab/wait-for.ts'
import { readNetworkConfig } from '../../../../src/core/config/network-config.ts'
import { type NodeCertificate, readNodeCertificate } from '../../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../../src/core/crypto/rsa.ts'
import { numberOfVersion } from '../../../../src/core/values/network-version.ts'
import { RegistryClient } from '../../../../src/platform/registry-client.ts'
import type { PairState } from '../../../../src/registry/api/schemas/standby.ts'
import { enrolUntilItEnds } from '../../../support/enrolling-clients.ts'
import { freePort } from '../../../support/free-port.ts'
import { temporaryDirectory } from '../../../support/registry.ts'
import { runRegistryCommand } from '../../../support/registry-command.ts'
import { vectors } from '../../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const CLIENTS = 4
const DEADLINE_MS = 60_000

/** A registry of the pair, as a process; its service is at the same address and port as the other's: whoever serves has it. */
class PairMachine {
  readonly directory = temporaryDirectory()
  readonly database = join(this.directory, 'registry.db')
  readonly #arguments: readonly string[]
  #process: ChildProcess | undefined
  #ended: Promise<number | null> = Promise.resolve(null)
  #said = ''

  constructor(port: number, peerPort: number, otherPort: number) {
    const file = (name: string, content: string) => {
      writeFileSync(join(this.directory, name), content)
      return join(this.directory, name)
    }
    this.#arguments = [
      ...['--ca', file('ca.crt', pki.ca), '--key', file('ca.key', pki.keys['ca'] ?? '')],
      ...['--db', this.database, '--logfile', join(this.directory, 'log')],
      ...['--port', String(port), '-4', '127.0.0.1', '-6', '', '--anonymous-prefix-length', '32'],
      ...['--peer', `127.0.0.1:${otherPort}`, '--peer-listen', `127.0.0.1:${peerPort}`],
      ...['--peer-secret', file('secret', '0123456789abcdef0123456789abcdef\n')],
    ]
  }

  start(...more: string[]): void {
    this.#said = ''
    const child = spawn(process.execPath, ['dist/re6st-registry.js', ...this.#arguments, ...more], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr?.on('data', (part: Buffer) => {
      this.#said += String(part)
    })
    this.#process = child
    this.#ended = new Promise((resolve) => child.once('close', resolve))
  }

  /** @returns its exit status */
  ended(): Promise<number | null> {
    return this.#ended
  }

  get said(): string {
    return this.#said
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.#process?.kill(signal)
    await this.#ended
  }

  async standby(...words: string[]): Promise<unknown> {
    const { text } = await runRegistryCommand('standby', ...words, '--db', this.database, '--json')
    return JSON.parse(text)
  }

  /** Waits until it says this of the pair. */
  until(is: (state: PairState) => boolean): Promise<PairState> {
    return waitFor(
      async () => {
        const state = (await this.standby('status').catch(() => undefined)) as PairState | undefined
        return state && is(state) ? state : undefined
      },
      { what: 'the pair', deadlineMs: DEADLINE_MS, intervalMs: 100 },
    )
  }

  certificates(): string[] {
    const database = new Database(this.database, { readonly: true })
    try {
      return database.prepare<[], string>('SELECT cert FROM cert WHERE cert IS NOT NULL').pluck().all()
    } finally {
      database.close()
    }
  }
}

const isProtected = ({ connection, isRegistered }: PairState) => connection === 'current' && isRegistered

const readable = (pem: string): NodeCertificate => {
  const certificate = readNodeCertificate(pem)
  if (!certificate.ok) throw new Error(certificate.reason)
  return certificate.value
}

const caPublicKey = new X509Certificate(pki.ca).publicKey
const decrypt = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))

it('the primary’s machine dies under load: the standby serves, nothing acknowledged is lost, nothing is given twice', async () => {
  const [port, one, other] = [await freePort(), await freePort(), await freePort()]
  const url = `http://127.0.0.1:${port}/`
  const [first, second] = [new PairMachine(port, one, other), new PairMachine(port, other, one)]
  try {
    first.start()
    await waitFor(() => new RegistryClient(url).getCa(), {
      ...{ what: 'the primary', deadlineMs: DEADLINE_MS, intervalMs: 50 },
    })
    const acknowledged: string[] = []
    // Before there is a standby, too.
    const early = await new RegistryClient(url).requestCertificate({ token: '', csr })
    if (early === undefined) throw new Error('no certificate')
    acknowledged.push(early)
    second.start('--standby')
    await first.until(isProtected)

    const clients = enrolUntilItEnds(CLIENTS, url, csr, acknowledged)
    await waitFor(() => acknowledged.length >= 30, {
      ...{ what: 'some certificates', deadlineMs: DEADLINE_MS, intervalMs: 1 },
    })
    // Whoever has the primary beside it is not promoted.
    await expect(second.standby('promote')).rejects.toMatchObject({ code: 'CONFLICT' })
    const version = await versionOf(url, early)
    await first.kill()
    await Promise.all(clients)
    await second.until(({ connection }) => connection === 'away')
    expect(await second.standby('promote')).toEqual({ epoch: 2 })
    await waitFor(() => new RegistryClient(url).getCa(), {
      ...{ what: 'the former standby', deadlineMs: DEADLINE_MS, intervalMs: 20 },
    })

    const kept = new Set(second.certificates())
    expect(acknowledged.filter((pem) => !kept.has(pem))).toEqual([])
    for (let count = 0; count < 10; count++) {
      const pem = await new RegistryClient(url).requestCertificate({ token: '', csr })
      if (pem !== undefined) acknowledged.push(pem)
    }
    // Also against what the former primary has written, and never answered.
    const given = [...new Set([...acknowledged, ...first.certificates()])].map(readable)
    const acknowledgedOnes = acknowledged.map(readable)
    expect(new Set(acknowledgedOnes.map(({ prefix }) => prefix)).size).toBe(acknowledged.length)
    expect(new Set(given.map(({ serial }) => serial)).size).toBe(given.length)
    // Nodes take its configuration for a newer one.
    expect(await versionOf(url, early)).toBeGreaterThan(version)

    // The former primary is back.
    first.start()
    expect(await first.ended()).toBe(1)
    expect(first.said).toContain('--standby')
    first.start('--standby')
    await second.until(isProtected)
    const late = await new RegistryClient(url).requestCertificate({ token: '', csr })
    await second.kill('SIGTERM')
    expect(first.certificates()).toContain(late)
  } finally {
    await Promise.all([first.kill(), second.kill()])
  }
}, 300_000)

/** Number of the configuration that a node gets, by hello and getNetworkConfig. */
async function versionOf(url: string, pem: string): Promise<bigint> {
  const client = new RegistryClient(url, { prefix: readable(pem).prefix, caPublicKey, decrypt })
  const config = readNetworkConfig(await client.getNetworkConfig(), { caPublicKey, decrypt })
  const number = config.ok ? numberOfVersion(config.value.version) : config
  if (!number.ok) throw new Error(number.reason)
  return number.value
}
