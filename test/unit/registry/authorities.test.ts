import { createPrivateKey } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { fingerprint, readAuthority } from '../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { fingerprintText } from '../../../src/core/values/fingerprint-text.ts'
import type { Prefix } from '../../../src/core/values/prefix.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import type { AuthorityState } from '../../../src/registry/api/schemas/authority.ts'
import { commandSocket } from '../../../src/registry/command-socket.ts'
import { askRegistryOf } from '../../../src/registry/commands/ask-registry.ts'
import { renewedAuthority } from '../../../src/registry/crypto/authority-maker.ts'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import { enrolledMachine } from '../../support/calling-machine.ts'
import { changeIn, emptyDatabase } from '../../support/databases.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { runRegistryCommand, whyRefused } from '../../support/registry-command.ts'
import { steppedClock } from '../../support/stepped-clock.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const DAY_MS = 24 * 3600 * 1000

function authorityOf(pem: string) {
  const authority = readAuthority(pem)
  if (!authority.ok) throw new Error(authority.reason)
  return authority.value
}
const old = authorityOf(pki.ca)
const renewed = authorityOf(
  await renewedAuthority(
    { caPem: pki.ca, signer: pemSigner(pki.keys['ca'] ?? '') },
    { notAfterMs: old.notAfterMs + 3650 * DAY_MS },
  ),
)
const hashOf = ({ der }: { readonly der: Buffer }) => fingerprint('sha256', der)
const textOf = (authority: { readonly der: Buffer }) => fingerprintText('sha256', hashOf(authority))

/** A registry with this certificate of the authority, which commands ask that name `asked`. */
const registryWith = (databasePath: string, caPem: string, nowMs: number, asked = databasePath) =>
  testRegistry(
    {
      databasePath,
      caPem,
      api: {
        listener: undefined,
        socketPath: commandSocket(asked),
        pageUrl: undefined,
        registryUrl: undefined,
        pageFolder: '',
      },
    },
    { clock: steppedClock(nowMs) },
  )

/** A machine that says, with each call, that it has this certificate of the authority; undefined: it does not say. */
const machine = (url: string, prefix: Prefix, has: string | undefined) =>
  new RegistryClient(url, {
    prefix,
    caPublicKey: old.publicKey,
    decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
    ...(has === undefined ? {} : { caFingerprint: has }),
  })

describe('who has the renewed authority', () => {
  it('is who says so, or was enrolled with it; of others it is said which one they have, or that nobody knows', async () => {
    const database = await emptyDatabase()
    const nowMs = old.notAfterMs - 20 * DAY_MS
    const asked = join(temporaryDirectory(), 'registry')
    const ask = () => askRegistryOf({ database: asked })('authority')
    const machines: { prefix: Prefix; subnetName: string }[] = []
    {
      await using registry = await registryWith(database, pki.ca, nowMs, asked)
      for (let number = 0; number < 3; number++) machines.push(await enrolledMachine(registry.url))
      expect(await ask()).toMatchObject({
        authority: { fingerprint: textOf(old) },
        since: new Date(nowMs).toISOString(),
        ...{ have: 3, haveOther: 0, former: [], silent: 0 },
        warning: expect.stringContaining('ca renew'),
      })
    }
    const [follower, sleeper, stubborn] = machines
    if (!follower || !sleeper || !stubborn) throw new Error('nobody was enrolled')

    await using registry = await registryWith(database, renewed.pem, nowMs + DAY_MS, asked)
    const behind = (await ask()).former
    expect(behind).toMatchObject([
      { fingerprint: textOf(old), notAfter: new Date(old.notAfterMs).toISOString(), have: 3 },
    ])
    expect(new Set(behind[0]?.machines)).toEqual(new Set(machines.map(({ subnetName }) => subnetName)))

    await machine(registry.url, follower.prefix, hashOf(renewed).toString('hex')).getNetworkConfig()
    // What is no fingerprint, and what nobody has proved, changes nothing.
    await machine(registry.url, sleeper.prefix, 'x'.repeat(1000)).getNetworkConfig()
    await fetch(`${registry.url}getCountry?cn=${stubborn.prefix}&address=192.0.2.1`, {
      headers: { Re6stHMAC: 'AAAA', Re6stCA: hashOf(renewed).toString('hex') },
    })
    await machine(registry.url, stubborn.prefix, 'ab'.repeat(32)).getNetworkConfig()
    const newcomer = await enrolledMachine(registry.url)
    const state = await ask()
    expect(state).toMatchObject({
      authority: { fingerprint: textOf(renewed) },
      since: new Date(nowMs + DAY_MS).toISOString(),
      nodesAskFrom: new Date(renewed.notAfterMs - 30 * DAY_MS).toISOString(),
      ...{ have: 2, haveOther: 2, silent: 0 },
      warning: expect.stringContaining('1 machine has one that ends'),
    })
    expect(new Map(state.former.map((other) => [other.fingerprint, other.machines]))).toEqual(
      new Map([
        [textOf(old), [sleeper.subnetName]],
        [fingerprintText('sha256', Buffer.alloc(32, 0xab)), [stubborn.subnetName]],
      ]),
    )

    // The prefix is another's when it is given again.
    await askRegistryOf({ database: asked })('revoke', { body: { machine: newcomer.subnetName } })
    expect((await ask()).have).toBe(1)
    const text = (await runRegistryCommand('ca', 'status', ...statusFiles(renewed.pem, asked))).text
    expect(text).toContain('1 machines have the one that is served')
    expect(text).toContain(sleeper.subnetName)
    const json = JSON.parse(
      (await runRegistryCommand('ca', 'status', '--json', ...statusFiles(renewed.pem, asked))).text,
    ) as { served: AuthorityState }
    expect(json.served).toMatchObject({ have: 1, silent: 0 })
  }, 60_000)
})

function statusFiles(caPem: string, database: string): string[] {
  const ca = join(temporaryDirectory(), 'ca.crt')
  writeFileSync(ca, caPem)
  return ['--ca', ca, '--db', database]
}

it('without a registry that runs, the command says what the file says', async () => {
  const files = statusFiles(pki.ca, join(temporaryDirectory(), 'registry.db'))
  const { status, text } = await runRegistryCommand('ca', 'status', ...files)
  expect(status).toBe(0)
  expect(text).toContain('start it')
  expect(JSON.parse((await runRegistryCommand('ca', 'status', '--json', ...files)).text)).toMatchObject({
    served: null,
  })
  expect(whyRefused('ca', 'renew', '--command-socket', '/x')).toContain('--command-socket')
})

it('who was enrolled before this was kept, and says nothing, is told of as such', async () => {
  const databasePath = await emptyDatabase()
  const asked = join(temporaryDirectory(), 'registry')
  await using registry = await registryWith(databasePath, pki.ca, old.notAfterMs - 300 * DAY_MS, asked)
  const one = await enrolledMachine(registry.url)
  await changeIn(databasePath, 'DELETE FROM machine_authority')
  expect(await askRegistryOf({ database: asked })('authority')).toMatchObject({
    ...{ have: 0, haveOther: 0, former: [], silent: 1, silentMachines: [one.subnetName] },
  })
})

it('machines whose own certificates have ended are not counted, and of many other ones those are told of that most have', async () => {
  const databasePath = join(temporaryDirectory(), 'registry.db')
  const nowMs = old.notAfterMs - 300 * DAY_MS
  await using _registry = await registryWith(databasePath, pki.ca, nowMs)
  const { default: Database } = await import('better-sqlite3')
  const database = new Database(databasePath)
  const hold = database.prepare('INSERT INTO holder VALUES (?, NULL, ?, ?, ?, NULL)')
  const has = database.prepare('INSERT INTO machine_authority VALUES (?, ?)')
  const second = Math.floor(nowMs / 1000)
  // Of certificate n there are n machines, and another one that has ended.
  let number = 0
  database.transaction(() => {
    for (let one = 1; one <= 25; one++)
      for (let time = 0; time <= one; time++) {
        const prefix = (1024 + number++).toString(2)
        hold.run(prefix, 1000 + number, 1000 + number, second + (time === 0 ? 0 : 1000))
        has.run(prefix, one.toString(16).padStart(2, '0').repeat(32))
      }
  })()
  database.close()
  const state = await askRegistryOf({ database: databasePath })('authority')
  expect(state).toMatchObject({ have: 0, haveOther: 325, silent: 0 })
  expect(state.former.map(({ have }) => have)).toEqual(Array.from({ length: 20 }, (_, at) => 25 - at))
  expect(state.former.map(({ machines }) => machines.length)).toEqual(state.former.map(({ have }) => have))
  expect((await runRegistryCommand('ca', 'status', ...statusFiles(pki.ca, databasePath))).text).toContain(
    '15 have others, each of which few have',
  )
})
