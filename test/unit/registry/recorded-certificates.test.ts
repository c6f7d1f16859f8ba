import 'reflect-metadata'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inflateSync } from 'node:zlib'
import { X509Certificate } from '@peculiar/x509'
import { describe, expect, it } from 'vitest'
import { parseCommunities } from '../../../src/core/allocation/community.ts'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import type { MethodName } from '../../../src/core/rpc/methods.ts'
import { formatTarget } from '../../../src/core/rpc/request-target.ts'
import { answerHmac } from '../../../src/core/rpc/session.ts'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import {
  type AuthorityKeys,
  CaCryptography,
  type Cryptography,
} from '../../../src/registry/crypto/cryptography.ts'
import { openGeoIp } from '../../../src/registry/geoip.ts'
import { databaseWith, emptyDatabase, rowsIn } from '../../support/databases.ts'
import { countryDatabase } from '../../support/mmdb.ts'
import {
  RecordedCryptography,
  type RecordedExchange,
  rawExchange,
  recordedClock,
  withOwnHost,
} from '../../support/recorded-registry.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { makeDatabase } from '../../support/registry-database.ts'
import { silentLog } from '../../support/silent-log.ts'
import { hex, vectors } from '../../support/vectors.ts'

interface CertificateRequest {
  method: MethodName
  token: string
  csr: string
  location: string
  ip?: string
  headers: [string, string][]
}
interface Exchange extends RecordedExchange {
  request: string | CertificateRequest
  answer?: { status_line: string; headers: [string, string][]; body: string }
  subnet_name?: string
  subject_serial?: string
  serial?: number
  rows?: [string, null | 'used' | 'reserved'][]
  tokens?: string[]
  json?: Record<string, unknown>
}
interface Renewal extends Exchange {
  secret?: string
  old?: { serial: number; ends_in_days: number }
  new?: { serial: number; ends_in_days: number; same_end: boolean }
  crl?: number[]
}
interface Request extends Exchange {
  csr?: string
  subject_der?: string
}
const recorded = vectors<{
  small_ca: string[]
  exhaustion: Exchange[]
  communities: Exchange[]
  renewal: Renewal[]
  requests: Request[]
}>('registry-rpc.json')
const pki = vectors<{ ca: string; csr: Record<string, string> }>('pki.json')
const DAY_MS = 24 * 3600 * 1000

/** Certificates are made, secrets are those of the recording. */
function withRecordedSecrets(
  keys: AuthorityKeys,
): Cryptography & { readonly recorded: RecordedCryptography } {
  const [cryptography, recorded] = [new CaCryptography(keys), new RecordedCryptography()]
  return {
    recorded,
    checkRequest: (pem) => cryptography.checkRequest(pem),
    issue: (task) => cryptography.issue(task),
    hello: () => recorded.hello(),
    encryptTo: (pem, data) => cryptography.encryptTo(pem, data),
    sign: (data) => cryptography.sign(data),
  }
}

const statusOf = ({ answer }: Exchange) => Number(answer?.status_line.split(' ')[1])

/** A registry with those secrets, and a way to say a recorded request again. */
async function start(
  settings: Parameters<typeof testRegistry>[0],
  components: Parameters<typeof testRegistry>[1] = {},
) {
  const databasePath = settings?.databasePath ?? (await emptyDatabase())
  let cryptography: ReturnType<typeof withRecordedSecrets> | undefined
  const registry = await testRegistry(
    { ...settings, databasePath },
    {
      clock: recordedClock,
      cryptography: (keys) => {
        cryptography = withRecordedSecrets(keys)
        return cryptography
      },
      ...components,
    },
  )
  /** Each row as an array. */
  const rows = async (sql: string) =>
    (await rowsIn<object>(databasePath, sql)).map((row): unknown[] => Object.values(row))
  return {
    replay(exchange: Exchange, text = textOf(exchange.request)) {
      cryptography?.recorded.expect(exchange, hex(exchange.answer?.body ?? ''))
      return rawExchange(registry.addresses[0]?.port ?? 0, withOwnHost(text))
    },
    rows,
    /** First column of each row. */
    column: async (sql: string) => (await rows(sql)).map(([value]) => value),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

function textOf(request: string | CertificateRequest): string {
  if (typeof request === 'string') return request
  const { method, token, csr, location, ip, headers } = request
  const target = formatTarget(method, { token, req: pki.csr[csr] ?? '', location, ip: ip ?? '' })
  return [
    `GET ${ip === undefined ? target.replace(/&ip=$/, '') : target} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
    '\r\n',
  ].join('\r\n')
}

const certificateOf = (pem: Buffer) => {
  const certificate = readNodeCertificate(pem.toString('utf8'))
  if (!certificate.ok) throw new Error(certificate.reason)
  return certificate.value
}

describe('a network that runs out of prefixes, as recorded', () => {
  /** Ours says what is the matter, and uses up no token. */
  const DIFFERENT: Readonly<Record<string, number>> = {
    'certificate 3: no free prefix': 507,
    'anonymous, no free prefix': 507,
    'hello of the reserved all-zero prefix': 404,
    'a prefix length that does not fit the network': 507,
  }
  const rowsOf = (registry: Awaited<ReturnType<typeof start>>) =>
    registry.rows(
      `SELECT prefix, CASE WHEN cert IS NULL THEN NULL WHEN cert = 'reserved' THEN cert ELSE 'used' END AS state
       FROM cert ORDER BY prefix`,
    )

  it('gives what there is, then refuses, and keeps the token', async () => {
    await using registry = await start({
      caPem: recorded.small_ca[0] ?? '',
      registration: { mailPrefixLength: 2, anonymousPrefixLength: 2 },
    })
    for (const exchange of recorded.exhaustion.slice(0, -1)) {
      const { name, subnet_name, subject_serial, serial, rows, tokens } = exchange
      // A token that is still there, because no certificate was made for it.
      const isKept = name.startsWith('is the token') && String(exchange.request).includes('t3')
      const answer = await registry.replay(exchange)
      expect(answer.status, name).toBe(isKept ? 200 : (DIFFERENT[name] ?? statusOf(exchange)))
      if (subnet_name !== undefined)
        expect(certificateOf(answer.body), name).toMatchObject({
          subnetName: subnet_name,
          subjectSerial: Number(subject_serial),
          serial: BigInt(serial ?? 0),
        })
      if (rows) expect(await rowsOf(registry), name).toEqual(rows)
      if (tokens)
        expect(await registry.column('SELECT token FROM token ORDER BY token'), name).toEqual(
          isKept ? ['t3'] : tokens,
        )
    }
  })

  it('refuses a prefix that the network has no room for', async () => {
    const exchange = recorded.exhaustion.at(-1) as Exchange
    await using registry = await start({ registration: { mailPrefixLength: 16, anonymousPrefixLength: 81 } })
    expect((await registry.replay(exchange)).status).toBe(507)
    expect(await rowsOf(registry)).toEqual([['', null]])
  })
})

describe('communities, as recorded', () => {
  const communities = parseCommunities('# comment\n\n00 *\n 01 FR BE \n\n10 @EU US\n110 JP @NA\n')
  const geoip = async () => {
    const path = join(temporaryDirectory(), 'country.mmdb')
    writeFileSync(
      path,
      countryDatabase({
        '192.0.2.1': ['FR', 'EU'],
        '192.0.2.2': ['DE', 'EU'],
        '192.0.2.3': ['JP', 'AS'],
        '192.0.2.4': ['US', 'NA'],
        '2001:db8::1': ['FR', 'EU'],
        '192.0.2.5': [null, 'EU'],
      }),
    )
    return await openGeoIp(path, silentLog)
  }
  const registration = { mailPrefixLength: 16, anonymousPrefixLength: 8 }
  /** Community of a subnet name, where 8 bits come behind it. */
  const communityOf = (subnetName: string) => {
    const [value, length] = subnetName.split('/').map(Number)
    return (value ?? 0)
      .toString(2)
      .padStart(length ?? 0, '0')
      .slice(0, -8)
  }
  /** What ours does, and why it is not what was recorded. */
  const DIFFERENT: Readonly<
    Record<string, readonly [status: number, community: string | undefined, why: string]>
  > = {
    'location FR: no continent': [400, undefined, 'not the fault of the registry'],
    'location FR,EU,x': [400, undefined, 'not the fault of the registry'],
    'no ip parameter: X-Forwarded-For is not looked at': [200, '110', 'the same as a blank one'],
    'blank ip, no X-Forwarded-For: the Host header': [
      200,
      '00',
      'the name of the registry is not where the node is',
    ],
  }
  const isWithoutDatabase = (name: string) => /^(same-country|no GeoIP|no communities)/.test(name)
  const exchanges = recorded.communities.filter(({ name }) => !isWithoutDatabase(name))

  it('choose the prefix by what the client says, else by its address', async () => {
    await using registry = await start(
      {
        communities,
        registration,
        network: {
          minProtocol: 3,
          helloSeconds: 4,
          encrypt: true,
          clientCount: 4,
          maxClients: 8,
          tunnelRefreshSeconds: 60,
          sameCountry: ['FR', 'JP'],
          ipv4: { range: '10.42.0.0/16', subnetBits: 8 },
        },
      },
      { geoip: await geoip() },
    )
    for (const exchange of exchanges) {
      const { name, subnet_name, json, answer: expected } = exchange
      const answer = await registry.replay(exchange)
      const [status, community] = DIFFERENT[name] ?? [
        statusOf(exchange),
        subnet_name && communityOf(subnet_name),
      ]
      expect(answer.status, name).toBe(status)
      if (community !== undefined)
        expect(communityOf(certificateOf(answer.body).subnetName), name).toBe(community)
      else if (json) {
        const {
          version: _,
          babel_hmac_sign: _key,
          ...published
        } = JSON.parse(inflateSync(answer.body).toString())
        const { version: _recorded, babel_hmac_sign: _recordedKey, ...wanted } = json
        expect(published).toEqual(wanted)
      } else if (status < 300) expect(answer.body.toString('hex'), name).toBe(expected?.body)
    }
    expect(exchanges.length).toBeGreaterThan(25)
  })

  it.each([
    ['no GeoIP database: location and ip do nothing', { communities }, '00'],
    ['no communities', {}, ''],
  ])('%s', async (name, settings, community) => {
    const exchange = recorded.communities.find((one) => one.name === name)
    await using registry = await start({ ...settings, registration })
    const request = { ...(exchange?.request as CertificateRequest) }
    // Recorded: without database a location counts for nothing. Ours takes the client's word.
    const byLocation = await registry.replay({ name, request })
    expect(communityOf(certificateOf(byLocation.body).subnetName)).toBe(community === '00' ? '01' : community)
    const byAddress = await registry.replay({ name, request: { ...request, location: '' } })
    expect(communityOf(certificateOf(byAddress.body).subnetName)).toBe(community)
  })
})

describe('renewal, as recorded', () => {
  const renewals = recorded.renewal
  /** As they were before the first renewal. */
  const first = new Map(
    renewals.flatMap(({ request, old }) => {
      const prefix = /cn=([01]+)/.exec(String(request))?.[1] ?? ''
      return old && old.serial < 50 ? [[prefix, old] as const] : []
    }),
  )

  it('gives a new certificate when it is due, or when the present one is revoked', async () => {
    const databasePath = await makeDatabase({
      rows: [
        ...[...first].map(
          ([prefix, old]) =>
            [
              prefix,
              null,
              { serial: old.serial, endsInDays: old.ends_in_days, subjectSerial: Number(`0b${prefix}`) },
            ] as const,
        ),
        ['0000', null, { serial: 10, endsInDays: 300, subjectSerial: 0 }],
        ['011', null, null],
        ['1', null, null],
      ],
      registryPrefix: '0000',
      revoked: renewals.find(({ crl }) => crl)?.crl ?? [],
      lastSerial: 50,
    })
    await using registry = await start({ databasePath })
    const before = new Map<string, ReturnType<typeof certificateOf>>()
    for (const prefix of first.keys()) {
      const [pem] = await registry.column(`SELECT cert FROM cert WHERE prefix = '${prefix}'`)
      before.set(prefix, certificateOf(Buffer.from(String(pem))))
    }
    for (const exchange of renewals) {
      const { name, new: wanted, secret } = exchange
      const answer = await registry.replay(exchange)
      expect(answer.status, name).toBe(200)
      if (!wanted) continue
      const prefix = /cn=([01]+)/.exec(String(exchange.request))?.[1] ?? ''
      const [old, renewed] = [before.get(prefix), certificateOf(answer.body)]
      expect(renewed.serial, name).toBe(BigInt(wanted.serial))
      expect(Math.round((renewed.notAfterMs - recordedClock.now()) / DAY_MS), name).toBe(wanted.ends_in_days)
      expect(renewed.notAfterMs === old?.notAfterMs, name).toBe(wanted.same_end)
      expect(renewed.x509.subject, name).toBe(old?.x509.subject)
      expect(renewed.x509.publicKey.equals(old?.x509.publicKey as never), name).toBe(true)
      expect(answer.headers['re6sthmac'], name).toBe(
        answerHmac(hex(secret ?? ''), answer.body).toString('base64'),
      )
      expect(await registry.column('SELECT serial FROM crl ORDER BY serial'), name).toEqual(exchange.crl)
      before.set(prefix, renewed)
    }
  })
})

describe('certificate requests, as recorded', () => {
  const file = (name: string) => fileURLToPath(new URL(`../../vectors/registry-db/${name}`, import.meta.url))
  /** The recorded registry takes these: with such keys no session could be made. */
  const REFUSED = new Set([
    'signature of the CSR is wrong',
    'RSA key of 1024 bits',
    'RSA key of 3072 bits',
    'EC key',
  ])
  /** Of several CNs or serial numbers the recorded registry replaces one, and the node may choose its name. */
  const NOTHING_KEPT = new Set(['two CNs', 'two serialNumbers'])
  const [SERIAL_NUMBER, COMMON_NAME] = ['0603550405' + '13', '0603550403' + '0c']

  /** The components of a name in DER, in hex. */
  function componentsOf(name: Buffer): string[] {
    const element = (at: number) => {
      const first = name[at + 1] ?? 0
      const bytes = first & 0x80 ? first & 0x7f : 0
      const length = bytes === 0 ? first : name.readUIntBE(at + 2, bytes)
      return { content: at + 2 + bytes, end: at + 2 + bytes + length }
    }
    const components: string[] = []
    const { content, end } = element(0)
    for (let at = content; at < end; at = element(at).end)
      components.push(name.subarray(at, element(at).end).toString('hex'))
    return components
  }

  it('give the recorded subject: all of it, then what the registry sets', async () => {
    const databasePath = await databaseWith(file('registry.db'))
    await using registry = await start({
      databasePath,
      caPem: readFileSync(file('ca.crt'), 'utf8'),
      signer: pemSigner(readFileSync(file('ca.key'), 'utf8')),
    })
    let serial = 23
    for (const exchange of recorded.requests) {
      const { name, csr, subject_der } = exchange
      // A certificate that ours did not make.
      if (csr === undefined) continue
      const target = formatTarget('requestCertificate', { token: '', req: csr })
      const answer = await registry.replay(exchange, `GET ${target} HTTP/1.1\r\n\r\n`)
      const isRefused = REFUSED.has(name) || statusOf(exchange) !== 200
      expect(answer.status, name).toBe(isRefused ? 400 : 200)
      if (isRefused) continue
      const components = componentsOf(
        Buffer.from(new X509Certificate(answer.body.toString('utf8')).subjectName.toArrayBuffer()),
      )
      const kept = NOTHING_KEPT.has(name) ? [] : componentsOf(hex(subject_der ?? '')).slice(0, -2)
      expect(components.slice(0, -2), name).toEqual(kept)
      const [serialNumber, commonName] = components.slice(-2)
      expect(serialNumber, name).toContain(SERIAL_NUMBER)
      expect(commonName, name).toContain(COMMON_NAME)
      // What cannot be used takes no serial.
      expect(certificateOf(answer.body).serial, name).toBe(BigInt(++serial))
    }
    expect(serial).toBeGreaterThan(30)
  })
})
