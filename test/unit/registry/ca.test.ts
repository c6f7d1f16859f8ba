import { chmodSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { programOf } from '../../../lab/programs.ts'
import { checkAuthority } from '../../../src/core/crypto/authority-check.ts'
import { type Authority, readAuthority } from '../../../src/core/crypto/certificate.ts'
import { networkOfCidr } from '../../../src/core/values/network-range.ts'
import { networkCidr } from '../../../src/core/values/prefix.ts'
import { makeAuthority } from '../../../src/registry/crypto/authority-maker.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { emptyDatabase } from '../../support/databases.ts'
import { temporaryDirectory } from '../../support/registry.ts'

const DAY_MS = 24 * 3600 * 1000

async function authorityFiles(days: number) {
  const directory = temporaryDirectory()
  const network = networkOfCidr('2001:db8:42::/48')
  if (!network.ok) throw new Error(network.reason)
  const nowMs = Date.now()
  const { caPem, keyPem } = await makeAuthority({
    ...{ network: network.value, name: 'a network', email: 'a@example.com', keyBits: 2048, nowMs },
    notBeforeMs: nowMs - 3650 * DAY_MS,
    notAfterMs: nowMs + days * DAY_MS,
  })
  const [ca, key] = [join(directory, 'ca.crt'), join(directory, 'ca.key')]
  writeFileSync(ca, caPem)
  writeFileSync(key, keyPem, { mode: 0o600 })
  const database = await emptyDatabase()
  await (await openStore(database))[Symbol.asyncDispose]()
  return { ca, key, caPem, run: (...args: string[]) => run(directory, [...args, '--db', database]) }
}

const run = async (cwd: string, args: readonly string[]) => {
  const [program, ...more] = programOf('re6st-registry')
  return execa(program, [...more, 'ca', ...args], { cwd, reject: false })
}

function read(pem: string): Authority {
  const authority = readAuthority(pem)
  if (!authority.ok) throw new Error(authority.reason)
  return authority.value
}

describe('re6st-registry ca renew', () => {
  it.each([
    ['that ends soon', 20],
    ['that has ended', -5],
  ])('makes a certificate that nodes take, of one %s', async (_, days) => {
    const { ca, caPem, run } = await authorityFiles(days)
    const { exitCode, stdout, stderr } = await run('renew', '--json')
    expect(exitCode).toBe(0)
    const [old, renewed] = [read(caPem), read(readFileSync(ca, 'utf8'))]
    expect(checkAuthority(renewed, old)).toEqual({ ok: true })
    expect(renewed.network).toBe(old.network)
    expect(renewed.email).toBe('a@example.com')
    // Both are valid for a while, from the same day on: certificates of nodes are older than the new one.
    expect(renewed.notBeforeMs).toBe(old.notBeforeMs)
    expect(renewed.notAfterMs - Date.now()).toBeGreaterThan(3649 * DAY_MS)
    expect(JSON.parse(stdout)).toMatchObject({ network: '2001:db8:42::/48', before: { daysLeft: days - 1 } })
    expect(readFileSync(`${ca}.old`, 'utf8')).toBe(old.pem)
    expect(statSync(ca).mode & 0o777).toBe(0o644)
    expect(stderr === '').toBe(days > 0)
  })

  it('warns of a key that others can read', async () => {
    const { key, run } = await authorityFiles(20)
    chmodSync(key, 0o644)
    const { exitCode, stderr } = await run('renew')
    expect([exitCode, stderr]).toEqual([0, expect.stringContaining('chmod 600 ca.key')])
  })

  it('moves the network to another prefix of the same length, and to no other', async () => {
    const { ca, caPem, run } = await authorityFiles(20)
    expect((await run('renew', '--prefix', '2001:db8::/32')).exitCode).toBe(2)
    expect(readFileSync(ca, 'utf8')).toBe(caPem)
    expect((await run('renew', '--prefix', 'fd01:203:405::/48')).exitCode).toBe(0)
    expect(networkCidr(read(readFileSync(ca, 'utf8')).network)).toBe('fd01:203:405::/48')
  })

  it('refuses what nodes would not take, and changes nothing', async () => {
    const { ca, key, caPem, run } = await authorityFiles(20)
    const other = await authorityFiles(20)
    for (const [args, reason] of [
      [['renew', '--days', '10'], '--days'],
      [['renew', '--key', other.key], '--key'],
      [['renew', '--key', ca], '--key'],
      [['renew', '--ca', key], '--ca'],
      [['renew', '--passphrase', ca], '--passphrase'],
      [['frobnicate'], 'frobnicate'],
      [['status', '--days', '3'], '--days'],
    ] as const) {
      const { exitCode, stderr } = await run(...args)
      expect(exitCode, args.join(' ')).toBeGreaterThan(0)
      expect(stderr.split('\n')).toHaveLength(1)
      expect(stderr).toContain(reason)
    }
    expect(readFileSync(ca, 'utf8')).toBe(caPem)
  }, 30_000)
})

it('re6st-registry ca status says how long it is valid, and when nodes ask for the next', async () => {
  const { run } = await authorityFiles(100)
  const { stdout, exitCode } = await run('status', '--json')
  expect(exitCode).toBe(0)
  const status = JSON.parse(stdout) as { daysLeft: number; nodesAskFrom: string; validUntil: string }
  expect(status.daysLeft).toBe(99)
  expect(Date.parse(status.validUntil) - Date.parse(status.nodesAskFrom)).toBe(30 * DAY_MS)
})
