import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { numberOfVersion } from '../../../src/core/values/network-version.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { readSnapshot } from '../../../src/registry/database/snapshot.ts'
import { soundnessOfDatabase } from '../../../src/registry/database/soundness.ts'
import { changeIn, DATABASE_KIND, databaseWith, emptyDatabase } from '../../support/databases.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { runRegistryCommand } from '../../support/registry-command.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; csr: Record<string, string> }>('pki.json')
const csr = pki.csr['node-a'] ?? ''
const RECORDED = ['registry.db', 'rotating.db'].map((name) =>
  fileURLToPath(new URL(`../../vectors/registry-db/${name}`, import.meta.url)),
)
const [recorded = ''] = RECORDED

async function enrol(url: string) {
  const pem = await new RegistryClient(url).requestCertificate({ token: '', csr })
  const certificate = readNodeCertificate(pem ?? '')
  if (!certificate.ok) throw new Error(certificate.reason)
  return certificate.value
}

/** What is wrong in a database. */
async function findings(database: string): Promise<string[]> {
  const { findings } = await soundnessOfDatabase({ database, option: '--db' }, undefined)
  return findings.map(({ what }) => what)
}

const ofConfig = (database: string) =>
  readSnapshot({ database, option: '--db' }, async (snapshot) => {
    const version = numberOfVersion((await snapshot.config('version')) as Buffer)
    return {
      version: version.ok ? version.value : 0n,
      serial: Number(await snapshot.config('serial')),
    }
  })

/** How a value of the configuration is written down, as text of its type or as it is. */
const value = (type: 'n' | 't', text: string) =>
  DATABASE_KIND === 'PostgreSQL' ? `'${type}${text}'` : type === 'n' ? text : `'${text}'`

describe('a database', () => {
  it.each(RECORDED)('of the Python implementation is sound: %s', async (file) => {
    expect(await findings(await databaseWith(file))).toEqual([])
  })

  it.each([
    ['DELETE FROM cert WHERE prefix = (SELECT max(prefix) FROM cert)', /at the end of the network/],
    ['DELETE FROM cert WHERE prefix = (SELECT min(prefix) FROM cert)', /are neither given nor free/],
    ["INSERT INTO cert SELECT min(prefix) || '0', NULL, NULL FROM cert", /lies inside/],
    ["INSERT INTO cert VALUES ('x', NULL, NULL)", /no prefix in bits/],
    [`UPDATE config SET value = ${value('n', '0')} WHERE name = 'serial'`, /will be given again/],
    ['INSERT INTO crl VALUES (999999, 2000000000)', /is revoked, but was never given/],
    ["UPDATE cert SET cert = 'garbage' WHERE cert IS NOT NULL", /cannot be used/],
    [`UPDATE config SET value = ${value('t', '111111')} WHERE name = 'prefix'`, /own node/],
    ['DROP TABLE crl', /no table crl/],
  ])('is not sound after %s', async (change, what) => {
    const database = await databaseWith(recorded)
    await changeIn(database, change)
    expect((await findings(database)).join('\n')).toMatch(what)
  })

  it.each([
    ['DELETE FROM subject_serial_gap', /no serial number of a subject is left/],
    ['DELETE FROM holder', /registry knows nothing of [0-9]+ certificates/],
  ])('that a registry has served with is not sound after %s', async (change, what) => {
    const database = await databaseWith(recorded)
    await (await testRegistry({ databasePath: database }))[Symbol.asyncDispose]()
    expect(await findings(database)).toEqual([])
    await changeIn(database, change)
    expect((await findings(database)).join('\n')).toMatch(what)
  })
})

it('a backup is made while the registry serves, and restored when it does not', async () => {
  const directory = temporaryDirectory()
  const [databasePath, backup] = [await emptyDatabase(), join(directory, 'backup')]
  const run = (command: string, ...args: string[]) =>
    runRegistryCommand(command, '--db', databasePath, ...args)
  let kept: Awaited<ReturnType<typeof enrol>>
  {
    await using registry = await testRegistry({ databasePath })
    kept = await enrol(registry.url)
    let [given, isEnough] = [0, false]
    const giving = (async () => {
      for (; !isEnough; given++) await enrol(registry.url)
    })()
    await expect.poll(() => given).toBeGreaterThan(2)
    expect(await run('backup', backup)).toMatchObject({ status: 0 })
    const before = given
    // Nobody has waited for it.
    await expect.poll(() => given).toBeGreaterThan(before + 2)
    isEnough = true
    await giving
    expect(statSync(backup).mode & 0o777).toBe(0o600)
    const ca = join(directory, 'ca.crt')
    writeFileSync(ca, pki.ca)
    const checked = await run('check', '--ca', ca, '--json')
    expect([checked.status, JSON.parse(checked.text)]).toEqual([0, { findings: [], certificates: given + 1 }])
    await expect(run('restore', backup)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining('stop the registry first'),
    })
    expect(existsSync(`${backup}.before-restore`)).toBe(false)
    const other = join(directory, 'other.crt')
    writeFileSync(other, 'no certificate')
    await expect(run('check', '--ca', other)).rejects.toMatchObject({ code: 'CERTIFICATE' })
  }
  expect(await runRegistryCommand('check', '--db', backup)).toMatchObject({ status: 0 })
  const lost = await ofConfig(databasePath)
  expect(await run('restore', backup)).toMatchObject({ status: 0 })
  const restored = await ofConfig(databasePath)
  expect(restored.version).toBeGreaterThan(lost.version)
  expect(restored.serial).toBeGreaterThan(lost.serial)
  expect(await run('check')).toMatchObject({ status: 0 })
  await using again = await testRegistry({ databasePath })
  expect((await fetch(`${again.url}hello?client_prefix=${kept.prefix}&protocol=1`)).status).toBe(200)
  expect((await enrol(again.url)).serial).toBeGreaterThan(BigInt(lost.serial))
})
