import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { countryDatabase } from '../../support/mmdb.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { failedStart, registryProcess } from '../../support/registry-process.ts'
import { vectors } from '../../support/vectors.ts'
import { withoutIpv6 } from '../../support/without-ipv6.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')

/** A file with this content, and its path. */
function fileWith(name: string, content: string | Buffer): string {
  const path = join(temporaryDirectory(), name)
  writeFileSync(path, content)
  return path
}
const database = countryDatabase({ '127.0.0.1': ['FR', 'EU'], '192.0.2.1': ['JP', 'AS'] })
const COMMUNITIES = '00 *\n01 FR\n10 @AS\n'

/** How often the operator is warned by a start with these options, beside what he is warned of without them. */
async function moreWarnings(args: readonly string[], under?: typeof withoutIpv6): Promise<number> {
  await using plain = await registryProcess([])
  await using one = await registryProcess(args, {}, under)
  return one.complaints().length - plain.complaints().length
}

describe('communities with a GeoIP database', () => {
  it('put a node where it says it is, else where its address is', async () => {
    await using registry = await registryProcess(
      ['--community', fileWith('communities', COMMUNITIES), '--anonymous-prefix-length', '8'],
      { GEOIP2_MMDB: fileWith('country.mmdb', database) },
    )
    const prefixOf = async (location?: string, forwardedFor?: string) => {
      if (forwardedFor === undefined) {
        const pem = await new RegistryClient(registry.url).requestCertificate({
          token: '',
          csr: pki.csr['node-a'] ?? '',
          ...(location === undefined ? {} : { location }),
        })
        return prefixIn(pem ?? '')
      }
      const query = new URLSearchParams({ token: '', req: pki.csr['node-a'] ?? '', location: '', ip: '' })
      const answer = await fetch(`${registry.url}requestCertificate?${query}`, {
        headers: { 'X-Forwarded-For': forwardedFor },
      })
      return prefixIn(await answer.text())
    }
    const prefixIn = (pem: string) => {
      const certificate = readNodeCertificate(pem)
      return certificate.ok ? certificate.value.prefix.slice(0, -8) : certificate.reason
    }
    expect(await prefixOf()).toBe('01')
    expect(await prefixOf('KR,AS')).toBe('10')
    expect(await prefixOf('US,NA')).toBe('00')
    expect(await prefixOf(undefined, '192.0.2.1')).toBe('10')
    expect(await prefixOf(undefined, '198.51.100.1')).toBe('00')
    expect(await prefixOf(undefined, 'unknown')).toBe('00')
    await expect(prefixOf('Lille')).rejects.toThrow(/status 400/)
  })

  it('without a database, the operator is told what they are good for', async () => {
    expect(await moreWarnings(['--community', fileWith('communities', COMMUNITIES)])).toBe(1)
  })
})

it('serves over IPv4 where the kernel has no IPv6, and warns of the option that it cannot follow', async () => {
  expect(await moreWarnings(['-6', '::'], withoutIpv6)).toBe(1)
  await using registry = await registryProcess(['-6', '::'], {}, withoutIpv6)
  expect(await new RegistryClient(registry.url).getCa()).toContain('BEGIN CERTIFICATE')
})

it('says which network it serves, and whether its tunnels are encrypted', async () => {
  await using open = await registryProcess([])
  const said = await open.stop()
  expect(said.stdout).toContain('serving 2001:db8:42::/48')
  expect(said.stderr).toMatch(/^re6st-registry: WARNING: .*not encrypted.*--encrypt/)
  await using encrypted = await registryProcess(['--encrypt'])
  expect((await encrypted.stop()).stderr).toBe('')
})

it('takes the certificate of its authority and the key from one file, as the Python implementation does', async () => {
  const both = fileWith('ca.pem', `${pki.keys['ca']}${pki.ca}`)
  chmodSync(both, 0o600)
  expect(await moreWarnings(['--ca', both, '--key', both])).toBe(0)
})

it('makes no authority in one file', async () => {
  const both = join(temporaryDirectory(), 'ca.pem')
  const { exitCode, stderr } = await failedStart(['--ca', both, '--key', both, '--page', '127.0.0.1:0'])
  expect(exitCode).not.toBe(0)
  expect(stderr).toContain('--ca, --key: both name')
})

it('tells of prefixes that do not fit into the network', async () => {
  // One of them fits exactly.
  expect(await moreWarnings(['--prefix-length', '81', '--anonymous-prefix-length', '80'])).toBe(1)
})

describe('a registry that cannot start says what is wrong, in one line', () => {
  const good = () => ({ GEOIP2_MMDB: fileWith('country.mmdb', database) })
  it.each<[what: string, () => [string[], Record<string, string>], line: RegExp]>([
    [
      'no community file',
      () => [['--community', '/nowhere/communities'], good()],
      /--community \/nowhere\/communities: cannot be read: no such file$/,
    ],
    [
      'a community that is no prefix',
      () => [['--community', fileWith('communities', '* FR\n0 *\n')], good()],
      /--community: "\*" is not a prefix in bits/,
    ],
    [
      'no default community',
      () => [['--community', fileWith('communities', '0 FR\n')], good()],
      /--community: there must be one community for the default location \(\*\), there are 0/,
    ],
    [
      'communities that overlap',
      () => [['--community', fileWith('communities', '0 *\n01 FR\n')], good()],
      /--community: communities 0 and 01 overlap/,
    ],
    [
      'no such GeoIP database',
      () => [[], { GEOIP2_MMDB: '/nowhere/country.mmdb' }],
      /GEOIP2_MMDB=\/nowhere\/country\.mmdb: .*ENOENT/,
    ],
    [
      'a GeoIP database that is none',
      () => [[], { GEOIP2_MMDB: fileWith('country.mmdb', 'this is a text') }],
      /GEOIP2_MMDB=\S+: not a MaxMind database/,
    ],
    [
      'a GeoIP database that was cut off',
      () => [[], { GEOIP2_MMDB: fileWith('country.mmdb', database.subarray(0, -40)) }],
      /GEOIP2_MMDB=\S+: not a MaxMind database/,
    ],
    [
      'countries without a GeoIP database',
      () => [['--same-country', 'FR'], {}],
      /--same-country needs a MaxMind country database/,
    ],
    [
      'a certificate in place of DH parameters',
      () => [['--dh', fileWith('dh.pem', pki.ca)], {}],
      /--dh: no Diffie-Hellman parameters in PEM/,
    ],
    ['a key of another CA', () => [['--key', fileWith('ca.key', 'x')], {}], /--key: not a private key/],
    [
      'a database that is a text',
      () => [['--db', fileWith('registry.db', 'x'.repeat(5_000))], {}],
      /--db \S+: file is not a database/,
    ],
  ])('%s', async (_, prepare, line) => {
    const [args, env] = prepare()
    const { exitCode, stderr } = await failedStart(args, env)
    expect(stderr).toMatch(line)
    expect(stderr).toMatch(/^re6st-registry: [^\n]+$/)
    expect(exitCode).toBeGreaterThan(0)
  })
})
