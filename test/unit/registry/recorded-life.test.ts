import { createPrivateKey, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { inflateSync } from 'node:zlib'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { makeDecryptor } from '../../../src/core/crypto/rsa.ts'
import { compareVersions, verifyVersion } from '../../../src/core/values/network-version.ts'
import { openMailer } from '../../../src/registry/mail.ts'
import { changeIn, emptyDatabase } from '../../support/databases.ts'
import {
  FakeNode,
  RECORDED_PROXIES,
  RecordedCryptography,
  type RecordedExchange,
  rawExchange,
  recordedClock,
  secretOf,
} from '../../support/recorded-registry.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { hex, vectors } from '../../support/vectors.ts'

interface Exchange extends RecordedExchange {
  target: string
  headers: Record<string, string>
  status: number
  response_headers: Record<string, string>
  body: string | null
  json?: Record<string, unknown>
  babel_hmac_sign_decrypted?: string
  babel_hmac_accept_decrypted?: string
}
const recorded = vectors<{ cases: Exchange[] }>('registry-rpc.json').cases
const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const dhPem = readFileSync(new URL('../../vectors/registry-db/dh.pem', import.meta.url), 'utf8')

/** Where the recorded registry has a defect; its notes say what is right. */
const RIGHT: Readonly<Record<string, number>> = {
  'addToken, empty token': 200,
  'requestCertificate, not a CSR': 400,
  getIPv4Information: 200,
  'getNetworkConfig, an old database, after step 1': 200,
  'revoke, unknown serial': 404,
  'revoke, nonsense': 400,
  // Ours proposes one whose addresses it has learnt before.
  'getBootstrapPeer, nobody answers': 200,
}
/** Before these the registry was started again, with these options. */
const RESTARTS: Readonly<
  Record<string, 'with mail' | 'without mail' | 'without keys' | 'registration disabled'>
> = {
  getCa: 'with mail',
  'hello c after a restart of the registry': 'without mail',
  'hello a for an old database without keys': 'without keys',
  'addToken, mail registration disabled': 'registration disabled',
}
const [NODE_A, OWN_NODE] = ['0000000000000001', '0000000000000000']

afterEach(() => {
  vi.restoreAllMocks()
})

/** The network's configuration, without what chance and time have a part in. */
function withoutChance(json: Record<string, unknown>): Record<string, unknown> {
  const {
    version: _,
    babel_hmac_sign: _sign,
    babel_hmac_accept: _accept,
    valid_until: _until,
    ...rest
  } = json
  return rest
}

describe('the recorded life of a registry', () => {
  it('is lived again: the same answers, sessions, certificates and configurations', async () => {
    const [databasePath, mbox] = [await emptyDatabase(), join(temporaryDirectory(), 'mbox')]
    const decrypt = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))
    await using node = await FakeNode.start()
    const cryptography = new RecordedCryptography()
    const start = (how: string) =>
      testRegistry(
        {
          databasePath,
          dhPem,
          trustedProxies: RECORDED_PROXIES,
          registration:
            how === 'registration disabled'
              ? { mailPrefixLength: 0, anonymousPrefixLength: 0 }
              : { mailPrefixLength: 16, anonymousPrefixLength: 32 },
        },
        {
          clock: recordedClock,
          cryptography: () => cryptography,
          nodePort: node.port,
          // Only nodes with a certificate are in the routing table.
          reachable: () => ({ list: async () => [NODE_A] as never[] }),
          mailer:
            how === 'with mail'
              ? openMailer({ mailhost: mbox, user: undefined, password: undefined, startTls: false })
              : undefined,
        },
      )
    let registry: Awaited<ReturnType<typeof start>> | undefined
    let mailedToken = ''
    let lastVersion = Buffer.alloc(0)
    /** Our MAC keys by the recorded ones: both are random, but where one was the same, the other must be. */
    const macKeys = new Map<string, string>()
    try {
      for (const exchange of recorded) {
        const { name, status, target, headers, response_headers: expectedHeaders } = exchange
        const how = RESTARTS[name]
        if (how) {
          await registry?.[Symbol.asyncDispose]()
          if (how === 'without keys')
            await changeIn(databasePath, "DELETE FROM config WHERE name LIKE 'babel_hmac%'")
          registry = await start(how)
        }
        const body = hex(exchange.body ?? '')
        cryptography.expect(exchange, body)
        node.expect(exchange)
        if (name === 'getIPv4Information')
          node.answer = () => [Buffer.from(`${NODE_A}\0\x01198.51.100.2,1194,tcp`).toString('hex')]
        // The node that was asked for its addresses was chosen at random.
        const isOther = exchange.udp?.[0]?.from_registry === Buffer.from(`${NODE_A}\0\x01`).toString('hex')
        vi.spyOn(Math, 'random').mockReturnValue(isOther ? 0.99 : 0)
        if (exchange.decrypted_secret !== undefined)
          expect(secretOf(exchange, body).toString('hex'), name).toBe(exchange.decrypted_secret)

        const answer = await rawExchange(
          registry?.addresses[0]?.port ?? 0,
          [
            `GET ${target.replace('pikeocsf', mailedToken)} HTTP/1.1`,
            ...Object.entries(headers).map(([header, value]) => `${header}: ${value}`),
            '\r\n',
          ].join('\r\n'),
        )
        expect(answer.status, name).toBe(RIGHT[name] ?? status)
        if (exchange.json) {
          const json = JSON.parse(inflateSync(answer.body).toString('utf8')) as Record<string, unknown>
          expect(withoutChance(json), name).toEqual(withoutChance(exchange.json))
          expect('valid_until' in json, name).toBe('valid_until' in exchange.json)
          const version = Buffer.from(String(json['version']), 'base64')
          expect(verifyVersion(version, new X509Certificate(pki.ca).publicKey), name).toHaveProperty(
            'ok',
            true,
          )
          // The recorded number grew whenever ours must.
          const isNewer = name !== 'getNetworkConfig, before rotation' && !name.endsWith('without keys')
          expect(compareVersions(version, lastVersion), name).toBe(isNewer ? 1 : 0)
          lastVersion = version
          for (const slot of ['babel_hmac_sign', 'babel_hmac_accept'] as const) {
            const recordedKey = exchange[`${slot}_decrypted`]
            expect(slot in json, `${name}: ${slot}`).toBe(recordedKey !== undefined)
            if (recordedKey === undefined) continue
            const key = decrypt(Buffer.from(String(json[slot]), 'base64')).toString('hex')
            expect(key, `${name}: ${slot}`).toBe(macKeys.get(recordedKey) ?? key)
            macKeys.set(recordedKey, key)
          }
        } else if (name === 'versions' || name === 'topology') {
          const sorted = (value: Record<string, unknown>) =>
            name === 'topology' ? { ...value, '': (value[''] as string[]).toSorted() } : value
          expect(sorted(JSON.parse(answer.body.toString('utf8'))), name).toEqual(
            sorted(JSON.parse(body.toString('utf8'))),
          )
        } else if (name === 'addToken, empty token')
          expect(answer.body.toString(), name).toMatch(/^[a-z]{20}$/)
        else if (name === 'getIPv4Information') expect(answer.body.toString(), name).toBe('198.51.100.2')
        else if (name === 'getNetworkConfig, an old database, after step 1')
          expect(JSON.parse(inflateSync(answer.body).toString()), name).toMatchObject({
            babel_hmac_accept: '',
          })
        else if (name === 'getBootstrapPeer, nobody answers') expect(answer.body.length, name).toBe(256)
        else if (status < 300) {
          expect(answer.body.toString('hex'), name).toBe(exchange.body)
          expect(answer.headers['re6sthmac'], name).toBe(expectedHeaders['Re6stHMAC'])
          expect(answer.headers['content-length'], name).toBe(expectedHeaders['Content-Length'])
        }
        if (name === 'requestToken')
          mailedToken = /^Token: ([a-z]{20})$/m.exec(readFileSync(mbox, 'utf8'))?.[1] ?? ''
      }
      expect(new Set(macKeys.values()).size).toBe(macKeys.size)
      // The registry's own node was told of each new version, also of the one that came with its own certificate; and again,
      // where it did not ask for it.
      expect(
        node.asked.filter((question) => question === Buffer.from(`${OWN_NODE}\0\0`).toString('hex')).length,
      ).toBeGreaterThanOrEqual(9)
    } finally {
      await registry?.[Symbol.asyncDispose]()
    }
  })
})
