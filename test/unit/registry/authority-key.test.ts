import { createPrivateKey } from 'node:crypto'
import { chmodSync, closeSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { programOf } from '../../../lab/programs.ts'
import { secretSource } from '../../../src/core/options/value-types.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { decryptedKey, exposuresOf } from '../../../src/registry/authority-key.ts'
import { atTerminal } from '../../support/at-terminal.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { failedStart, registryProcess } from '../../support/registry-process.ts'
import { vectors } from '../../support/vectors.ts'

const key = createPrivateKey(vectors<{ keys: Record<string, string> }>('pki.json').keys['ca'] ?? '')
const PASSPHRASE = 'correct horse'
const encrypted = (['pkcs8', 'pkcs1'] as const).map((type) =>
  key.export({ type, format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE }).toString(),
)
const [pkcs8 = ''] = encrypted
const plain = key.export({ type: 'pkcs8', format: 'pem' }).toString()

function fileWith(content: string, mode = 0o600): string {
  const path = join(temporaryDirectory(), 'file')
  writeFileSync(path, content)
  chmodSync(path, mode)
  return path
}
const passphraseFile = fileWith(`${PASSPHRASE}\n`)

describe("the authority's key, encrypted", () => {
  it.each(encrypted)('is decrypted by the first line of a file, in each form of PEM', (pem) => {
    expect(decryptedKey(pem, { kind: 'file', path: passphraseFile })).toBe(plain)
  })

  it('takes its passphrase from an open file, and from a credential of systemd', () => {
    const descriptor = openSync(passphraseFile, 'r')
    expect(decryptedKey(pkcs8, { kind: 'descriptor', number: descriptor })).toBe(plain)
    closeSync(descriptor)
    const directory = temporaryDirectory()
    writeFileSync(join(directory, 'ca'), PASSPHRASE)
    const credential = { kind: 'credential', name: 'ca' } as const
    expect(decryptedKey(pkcs8, credential, { CREDENTIALS_DIRECTORY: directory })).toBe(plain)
    expect(() => decryptedKey(pkcs8, credential, {})).toThrow('LoadCredential=')
  })

  it.each([
    ['without a passphrase', pkcs8, undefined, '--passphrase'],
    ['with a wrong one', pkcs8, fileWith('wrong'), 'cannot be decrypted'],
    ['with an empty one', pkcs8, fileWith('\n'), 'empty'],
    ['with one in a file that is not there', pkcs8, '/nowhere', 'cannot be read'],
    ['with one that it does not need', plain, passphraseFile, 'not encrypted'],
  ])('is refused %s', (_, pem, path, reason) => {
    expect(() => decryptedKey(pem, path === undefined ? undefined : { kind: 'file', path })).toThrow(reason)
  })

  it('serves a registry; without its passphrase that does not start', async () => {
    const keyFile = fileWith(pkcs8)
    {
      await using registry = await registryProcess(['--key', keyFile, '--passphrase', passphraseFile])
      expect(await new RegistryClient(registry.url).getCa()).toContain('BEGIN CERTIFICATE')
    }
    const { exitCode, stderr } = await failedStart(['--key', keyFile])
    expect(exitCode).toBeGreaterThan(0)
    expect(stderr).toContain('--passphrase')
  })
})

describe('at a terminal', () => {
  /** Types a passphrase when it is asked for. @returns what the terminal showed */
  async function renewAtTerminal(typed: string) {
    const directory = temporaryDirectory()
    const path = (name: string) => join(directory, name)
    writeFileSync(path('ca.crt'), vectors<{ ca: string }>('pki.json').ca)
    writeFileSync(path('ca.key'), pkcs8)
    const command = [
      ...programOf('re6st-registry'),
      'ca',
      'renew',
      '--ca',
      path('ca.crt'),
      '--key',
      path('ca.key'),
    ]
    return atTerminal([...command, '--days', '20000'], { question: 'Passphrase of', typed })
  }

  it('the passphrase is asked for, and not shown', async () => {
    const { exitCode, stdout } = await renewAtTerminal(`${PASSPHRASE}\r`)
    expect(stdout).toContain('Passphrase of')
    expect(stdout).not.toContain(PASSPHRASE)
    expect(exitCode).toBe(0)
  }, 90_000)

  it.each([
    ['a wrong one is refused', 'wrong\r', 'cannot be decrypted'],
    ['Ctrl-C ends it', '\x03', 'no answer'],
  ])(
    '%s',
    async (_, typed, reason) => {
      const { exitCode, stdout } = await renewAtTerminal(typed)
      expect(stdout).toContain(reason)
      expect(exitCode).toBeGreaterThan(0)
    },
    90_000,
  )
})

describe('where a secret is', () => {
  it.each([
    ['/etc/secret', { kind: 'file', path: '/etc/secret' }],
    ['fd:3', { kind: 'descriptor', number: 3 }],
    ['credential:ca', { kind: 'credential', name: 'ca' }],
  ])('is read from %s', (word, value) => {
    expect(secretSource.read([word])).toEqual({ ok: true, value })
  })

  it.each(['', 'fd:', 'fd:x', 'credential:', 'credential:../x', 'credential:..'])('is not: %j', (word) => {
    expect(secretSource.read([word])).toMatchObject({ ok: false })
  })
})

it("keys and secrets that others can read are told of, their owner's own are not", () => {
  const secret = { kind: 'file', path: fileWith(PASSPHRASE, 0o644) } as const
  expect(exposuresOf({ '--key': fileWith(plain), '--passphrase': undefined })).toEqual([])
  expect(
    exposuresOf({ '--key': 'pkcs11:token=re6st', '--passphrase': { kind: 'descriptor', number: 3 } }),
  ).toEqual([])
  expect(exposuresOf({ '--key': fileWith(plain, 0o640), '--passphrase': secret })).toEqual([
    expect.stringMatching(/^--key .*the key of the authority: chmod 600 /),
    expect.stringMatching(/^--passphrase .*the passphrase of the key: chmod 600 /),
  ])
})

it('who starts the registry sees that others can read its key', async () => {
  const key = fileWith(plain, 0o644)
  await using registry = await registryProcess(['--key', key])
  expect((await registry.stop()).stderr).toContain(`WARNING: --key ${key}: other users`)
})
