import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { openLog } from '../../../src/platform/log.ts'
import { openGeoIp } from '../../../src/registry/geoip.ts'
import { mmdbDatabase } from '../../support/mmdb.ts'
import { fc, test } from '../../support/property.ts'
import { temporaryDirectory } from '../../support/registry.ts'

const DATABASES = fileURLToPath(new URL('../../vectors/maxmind/', import.meta.url))
const pathOf = (name: string) => join(DATABASES, `${name}.mmdb`)
const names = readdirSync(DATABASES).filter((name) => name.endsWith('.mmdb'))

/** Opens a database, and keeps what is said of it. */
async function opened(path: string) {
  const file = join(temporaryDirectory(), 'registry.log')
  const log = openLog({ file, verbosity: 2 }).logger
  return { geoip: await openGeoIp(path, log), said: () => readFileSync(file, 'utf8') }
}

describe('databases of others in the format of MaxMind', () => {
  it.each<[string, string, Parameters<typeof mmdbDatabase>[1][string], object]>([
    ['IPinfo', 'ipinfo country.mmdb', { country: 'FR', continent: 'EU' }, { country: 'FR', continent: 'EU' }],
    ['iplocate', 'ip-to-country', { country_code: 'fr' }, { country: 'FR', continent: '' }],
    [
      'whoever knows no more than who registered',
      'GeoIP2-Country',
      { registered_country: { iso_code: 'AU' }, continent: { code: 'OC' } },
      { country: 'AU', continent: 'OC' },
    ],
    ['who writes names', 'Some-Country', { country: 'France' }, { country: '', continent: '' }],
  ])('%s: %s', async (_, kind, found, expected) => {
    const path = join(temporaryDirectory(), 'other.mmdb')
    writeFileSync(path, mmdbDatabase(kind, { '192.0.2.1': found }))
    const { geoip, said } = await opened(path)
    expect(geoip.locate('192.0.2.1')).toEqual(expected)
    expect(said()).toBe('')
  })
})

describe("MaxMind's databases of", () => {
  it('GeoIP2-City-Test say where on Earth addresses are, others do not', async () => {
    const city = await opened(pathOf('GeoIP2-City-Test'))
    expect(city.geoip.locate('81.2.69.160')).toMatchObject({ latitude: 51.5142, longitude: -0.0931 })
    const country = await opened(pathOf('GeoIP2-Country-Test'))
    expect(country.geoip.locate('81.2.69.160')).toEqual({ country: 'GB', continent: 'EU' })
  })

  it.each(['GeoIP2-Country-Test', 'GeoIP2-City-Test'])('%s say where addresses are', async (name) => {
    const { geoip, said } = await opened(pathOf(name))
    expect(geoip.locate('81.2.69.160')).toMatchObject({ country: 'GB', continent: 'EU' })
    expect(geoip.locate('89.160.20.112')).toMatchObject({ country: 'SE', continent: 'EU' })
    expect(geoip.locate('216.160.83.56')).toMatchObject({ country: 'US', continent: 'NA' })
    expect(geoip.locate('2001:218::1')).toMatchObject({ country: 'JP', continent: 'AS' })
    expect(geoip.locate('192.0.2.1')).toBeUndefined()
    expect(geoip.locate('no address')).toBeUndefined()
    expect(said()).toBe('')
  })

  it('another kind are taken with a warning', async () => {
    const { said } = await opened(pathOf('GeoLite2-ASN-Test'))
    expect(said()).toMatch(/GeoLite2-ASN: does it say countries\?/)
  })

  it('a damaged one: what cannot be read is not known, and that is said once', async () => {
    const { geoip, said } = await opened(pathOf('GeoIP2-City-Test-Invalid-Node-Count'))
    for (const address of ['81.2.69.160', '216.160.83.56', '2001:218::1'])
      expect(geoip.locate(address)).toBeUndefined()
    expect(said().trimEnd().split('\n')).toEqual([
      expect.stringMatching(/ERROR.*damaged: .* get a new copy reason=/),
    ])
  })
})

it('a database that does not say when it was made is refused', async () => {
  const path = join(temporaryDirectory(), 'GeoIP2-Country-Test.mmdb')
  const whole = readFileSync(join(DATABASES, 'GeoIP2-Country-Test.mmdb'), 'latin1')
  writeFileSync(path, whole.replace('build_epoch', 'xuild_epoch'), 'latin1')
  await expect(opened(path)).rejects.toMatchObject({ code: 'FILE' })
})

test(
  'no database, as it is or with a byte changed or cut off, does more than be refused or know nothing',
  fc.constantFrom(...names),
  fc.nat(),
  fc.nat(255),
  fc.boolean(),
  fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('81.2.69.160', '1.1.1.16', '2001:218::1'), fc.string()),
  async (name, place, byte, isCut, address) => {
    const bytes = readFileSync(join(DATABASES, name))
    const at = place % bytes.length
    bytes[at] = byte
    const path = join(temporaryDirectory(), name)
    writeFileSync(path, isCut ? bytes.subarray(0, at) : bytes)
    const result = await opened(path).catch((error: unknown) => error)
    if (result instanceof Error) {
      expect(result).toMatchObject({ code: 'FILE' })
      return
    }
    const found = (result as Awaited<ReturnType<typeof opened>>).geoip.locate(address)
    if (found) expect([typeof found.country, typeof found.continent]).toEqual(['string', 'string'])
  },
)
