import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { programOf } from '../../../lab/programs.ts'
import { waitFor } from '../../../lab/wait-for.ts'
import { readNetworkConfig } from '../../../src/core/config/network-config.ts'
import { readAuthority, readNodeCertificate, verifyIssued } from '../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { DAY_MS } from '../../../src/core/day.ts'
import { readPkcs11Uri } from '../../../src/core/options/pkcs11-uri.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { tokenSigner } from '../../../src/registry/crypto/token-signer.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { atTerminal } from '../../support/at-terminal.ts'
import { emptyDatabase } from '../../support/databases.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { failedStart, registryProcess } from '../../support/registry-process.ts'
import { hasSoftHsm, TestToken } from '../../support/token.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; csr: Record<string, string>; keys: Record<string, string> }>('pki.json')
const recorded = readAuthority(pki.ca)
if (!recorded.ok) throw new Error(recorded.reason)
const authority = recorded.value
const decrypt = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))

const command = (args: readonly string[], env: Readonly<Record<string, string>> = {}) => {
  const [program, ...more] = programOf('re6st-registry')
  return execa(program, [...more, ...args], { env, reject: false, stdin: 'ignore' })
}

function issued(pem: string | undefined) {
  const certificate = readNodeCertificate(pem ?? '')
  if (!certificate.ok) throw new Error(certificate.reason)
  expect(verifyIssued(authority, certificate.value)).toMatchObject({ ok: true })
  return certificate.value
}

const fileWith = (content: string) => {
  const path = join(temporaryDirectory(), 'file')
  writeFileSync(path, content, { mode: 0o600 })
  return path
}

/** What makes the certificate anew, beside the database of a registry. */
async function renewal(key: string) {
  const [ca, database] = [fileWith(pki.ca), await emptyDatabase()]
  await (await openStore(database))[Symbol.asyncDispose]()
  const files = ['--ca', ca, '--key', key, '--db', database]
  return { ca, args: ['ca', 'renew', '--days', '36500', ...files] }
}

describe.skipIf(!hasSoftHsm)('a registry whose key is in a token', () => {
  const token = new TestToken(pki.keys['ca'] ?? '')
  const socket = join(temporaryDirectory(), 'commands.socket')
  const start = (database: string) =>
    registryProcess(
      [
        ...['--key', token.uri(), '--passphrase', token.pinFile, '--db', database],
        ...['--anonymous-prefix-length', '32', '--command-socket', socket],
      ],
      token.environment,
    )

  it('enrols, renews, and revokes', async () => {
    const database = await emptyDatabase()
    await using registry = await start(database)
    const enrol = async () =>
      issued(
        await new RegistryClient(registry.url).requestCertificate({
          token: '',
          csr: pki.csr['node-a'] ?? '',
        }),
      )
    const { prefix, serial, subnetName } = await enrol()
    const node = new RegistryClient(registry.url, { prefix, caPublicKey: authority.publicKey, decrypt })
    expect(
      (await command(['revoke', String(serial), '--db', database, '--command-socket', socket])).exitCode,
    ).toBe(0)
    expect(issued(await node.renewCertificate()).subnetName).toBe(subnetName)
    const config = readNetworkConfig(await node.getNetworkConfig(), {
      caPublicKey: authority.publicKey,
      decrypt,
    })
    expect(config.ok && config.value.crl).toEqual(new Set([serial]))
    expect(
      new Set((await Promise.all([enrol(), enrol(), enrol(), enrol()])).map((one) => one.prefix)).size,
    ).toBe(4)
  })

  it('goes on when the token is there again', async () => {
    await using registry = await start(await emptyDatabase())
    const enrol = () =>
      new RegistryClient(registry.url).requestCertificate({ token: '', csr: pki.csr['node-a'] ?? '' })
    issued(await enrol())
    token.takeOut()
    try {
      await expect(enrol()).rejects.toThrow()
      await expect(enrol()).rejects.toThrow()
    } finally {
      token.putIn()
    }
    await waitFor(async () => (await enrol().catch(() => undefined)) !== undefined, {
      ...{ what: 'that it signs again', deadlineMs: 20_000, intervalMs: 100 },
    })
  })

  it('looks for a token that is gone once a second at most, however many ask', async () => {
    for (const [name, value] of Object.entries(token.environment)) process.env[name] = value
    const uri = readPkcs11Uri(token.uri())
    if (!uri.ok) throw new Error(uri.reason)
    let nowMs = 0
    const signer = tokenSigner({ uri: uri.value, pin: token.pin }, { monotonicMs: () => nowMs })
    const data = Buffer.from('x')
    token.takeOut()
    try {
      await expect(signer.sign(data)).rejects.toThrow()
    } finally {
      token.putIn()
    }
    await expect(signer.sign(data)).rejects.toThrow()
    nowMs = 1_000
    expect((await signer.sign(data)).length).toBeGreaterThan(0)
  })

  it('does not start without the PIN, with a wrong one, without the token, without the key, with another key', async () => {
    const other = new TestToken(pki.keys['node-a'] ?? '')
    const pin = ['--passphrase', token.pinFile]
    const cases: [args: string[], reason: string, environment?: Readonly<Record<string, string>>][] = [
      [['--key', token.uri()], 'asks for a PIN: say by --passphrase'],
      [['--key', token.uri(), '--passphrase', fileWith('654321')], 'does not take the PIN'],
      [['--key', token.uri('token=none;object=ca'), ...pin], `there is "${token.label}"`],
      [['--key', token.uri('object=none'), ...pin], 'no private key as the URI says'],
      [['--key', token.uri(), ...pin], 'not the key of the CA certificate', other.environment],
      [['--key', `${token.uri()}x`, ...pin], 'libsofthsm2.sox cannot be loaded'],
      [['--key', `${token.uri()}&pin-value=123456`], 'say by --passphrase where the PIN is'],
    ]
    for (const [args, reason, environment = token.environment] of cases) {
      const { exitCode, stderr } = await failedStart(args, environment)
      expect(exitCode, reason).toBeGreaterThan(0)
      expect(stderr).toContain(reason)
      expect(stderr.trim().split('\n'), reason).toHaveLength(1)
    }
  })

  it('has its certificate renewed, and the PIN asked for at the terminal', async () => {
    const { args } = await renewal(token.uri())
    const { exitCode, stdout } = await atTerminal([...programOf('re6st-registry'), ...args], {
      question: `PIN of the token ${token.label}`,
      typed: `${token.pin}\r`,
      env: token.environment,
    })
    expect(stdout).not.toContain(token.pin)
    expect([exitCode, stdout]).toEqual([0, expect.stringContaining('valid until')])
  }, 90_000)

  it('has its certificate renewed', async () => {
    const { args, ca } = await renewal(token.uri())
    const { exitCode, stderr } = await command([...args, '--passphrase', token.pinFile], token.environment)
    expect([exitCode, stderr]).toEqual([0, ''])
    const status = await command([
      'ca',
      'status',
      '--ca',
      ca,
      '--json',
      '--db',
      join(temporaryDirectory(), 'none'),
    ])
    const { validUntil } = JSON.parse(String(status.stdout)) as { validUntil: string }
    expect(Date.parse(validUntil)).toBeGreaterThan(Date.now() + 36_000 * DAY_MS)
  })
})
