import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import type { SqlValue } from '../../../src/registry/database/engine.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { databaseWith } from '../../support/databases.ts'
import {
  FakeNode,
  RECORDED_PROXIES,
  RecordedCryptography,
  type RecordedExchange,
  rawExchange,
  recordedClock,
  secretOf,
  withOwnHost,
} from '../../support/recorded-registry.ts'
import { testRegistry } from '../../support/registry.ts'
import { hex, vectors } from '../../support/vectors.ts'

interface Exchange extends RecordedExchange {
  source: string
  request: string
  /** Null where the connection was closed without one; no status line: an answer without HTTP head. */
  answer: { status_line: string | null; headers: [string, string][]; body: string } | null
  token_row?: [string, string, number][]
  after?: { crl: number[]; cert: [string, string | null, 0 | 1][] }
}
const { raw, sessions, revocation } = vectors<{
  raw: Exchange[]
  sessions: Exchange[]
  revocation: Exchange[]
}>('registry-rpc.json')
const file = (name: string) => fileURLToPath(new URL(`../../vectors/registry-db/${name}`, import.meta.url))
const text = (name: string) => readFileSync(file(name), 'utf8')

/** Our status, where it is not the recorded one; and why. */
const DIFFERENT: Readonly<Record<string, readonly [status: number, why: string]>> = {
  'HTTP/0.9': [200, 'answered with a head'],
  get: [400, 'no HTTP method'],
  'not HTTP': [400, 'said in HTTP'],
  'HTTP/2.0': [200, 'answered in HTTP/1.1, which is what the rest of it is'],
  'very long request line': [431, 'Node.js does not tell a long target from long headers'],
  'too many headers': [200, 'what counts is their length in all'],
  "private, X-Forwarded-For: ' 127.0.0.1 '": [
    200,
    'blanks around a header are no part of it (RFC 9110, 5.5)',
  ],
  'private, two X-Forwarded-For headers, the first is authorised': [403, 'both count'],
  "private, X-Forwarded-For: '127.0.0.1, 127.0.0.1'": [200, 'each is a proxy that was named'],
  'hello, prefix more than 128 bits in all: 000000000000000000000000000000000000000000000000000000000000000000000000000000000':
    [404, 'nobody has it'],
  'hello, protocol is not a number': [400, 'not the fault of the registry'],
  'hello, protocol empty': [400, 'not the fault of the registry'],
  'empty cn, no authentication: /getDh?cn=': [400, 'nobody is let in without authentication'],
  'empty cn, no authentication: /getNetworkConfig?cn=': [400, 'as above'],
  'empty cn, no authentication: /renewCertificate?cn=': [400, 'as above'],
  'empty cn, no authentication: /getBootstrapPeer?cn=': [400, 'as above'],
  "getBootstrapPeer of the registry's own node: it gets itself": [204, 'of no use to it'],
  'the same serial again': [204, 'it is revoked'],
  'the same machine again': [204, 'it is revoked'],
  'getBootstrapPeer, the node answers without addresses': [204, 'nobody can connect to it'],
  'by subnet name, when the serial is revoked already: an error, but the prefix is free': [204, 'it is done'],
  'unknown serial': [404, 'not the fault of the registry'],
  'serial of no certificate, but revoked': [404, 'not the fault of the registry'],
  nonsense: [400, 'not the fault of the registry'],
  empty: [400, 'not the fault of the registry'],
}

/** Ours answers it, and goes on with that secret: any of the last hellos may be the node's own (see session.test.ts). */
const SECRET_OF_AN_EARLIER_HELLO = 'with the secret of hello 2: gone'

/** What is written as a description in the vectors. */
const REQUESTS: Readonly<Record<string, string>> = {
  'very long request line': `GET /isToken?token=${'x'.repeat(66_000)} HTTP/1.1\r\nHost: x\r\n\r\n`,
  'too many headers': `GET /getCa HTTP/1.1\r\n${Array.from({ length: 120 }, (_, n) => `X-${n}: x\r\n`).join('')}\r\n`,
}

/** The registry of these sections. */
async function recordedRegistry() {
  const databasePath = await databaseWith(file('registry.db'), { isShared: true })
  const node = await FakeNode.start()
  const cryptography = new RecordedCryptography()
  const registry = await testRegistry(
    {
      databasePath,
      caPem: text('ca.crt'),
      signer: pemSigner(text('ca.key')),
      dhPem: text('dh.pem'),
      trustedProxies: RECORDED_PROXIES,
    },
    { clock: recordedClock, cryptography: () => cryptography, nodePort: node.port },
  )
  return {
    /** Rows of its database, as arrays. */
    async rows(sql: string, ...parameters: SqlValue[]): Promise<unknown[][]> {
      await using store = await openStore(databasePath)
      return (await store.all<object>(sql, ...parameters)).map((row) => Object.values(row))
    },
    /** Says it again, and compares the answer. */
    async replay(exchange: Exchange): Promise<void> {
      const { name, source, request, answer } = exchange
      const body = hex(answer?.body ?? '')
      cryptography.expect(exchange, body)
      node.expect(exchange)
      if (exchange.decrypted_secret !== undefined)
        expect(secretOf(exchange, body).toString('hex')).toBe(exchange.decrypted_secret)
      const got = await rawExchange(
        registry.addresses[0]?.port ?? 0,
        Buffer.from(withOwnHost(REQUESTS[name] ?? request), 'latin1'),
        { source },
      )
      const recordedStatus = Number(answer?.status_line?.split(' ')[1])
      const [status] = DIFFERENT[name] ?? [recordedStatus]
      expect(got.status).toBe(status)
      if (name in DIFFERENT) expect(status).not.toBe(recordedStatus)
      else if (recordedStatus < 300) {
        const header = (wanted: string) => answer?.headers.find(([one]) => one === wanted)?.[1]
        expect(got.body.toString('hex')).toBe(answer?.body)
        expect(got.headers['content-length']).toBe(header('Content-Length'))
        expect(got.headers['re6sthmac']).toBe(header('Re6stHMAC'))
        // The client's own parameters in another order do not change what is asked of the network.
        for (const { from_registry } of exchange.udp ?? []) expect(node.asked).toContain(from_registry)
      }
    },
    async stop() {
      await registry[Symbol.asyncDispose]()
      await node[Symbol.asyncDispose]()
    },
  }
}

let registry: Awaited<ReturnType<typeof recordedRegistry>>

// One registry for the first two sections: the second goes on from where the first ends.
describe('requests and answers as recorded', () => {
  beforeAll(async () => {
    registry = await recordedRegistry()
  })
  afterAll(() => registry.stop())

  it.each(raw)('$name', async (exchange) => {
    await registry.replay(exchange)
    if (!exchange.token_row) return
    const [token = ''] = exchange.token_row[0] ?? []
    expect(await registry.rows('SELECT token, email, prefix_len FROM token WHERE token = ?', token)).toEqual(
      exchange.token_row,
    )
  })

  describe('and sessions', () => {
    it.each(sessions.filter(({ name }) => name !== SECRET_OF_AN_EARLIER_HELLO))('$name', (exchange) =>
      registry.replay(exchange),
    )
  })
})

describe('revocation as recorded', () => {
  beforeAll(async () => {
    registry = await recordedRegistry()
  })
  afterAll(() => registry.stop())

  it.each(revocation)('$name', async (exchange) => {
    // The registry's own node was revoked in a database of its own.
    if (exchange.name.startsWith("the registry's own node")) {
      await registry.stop()
      registry = await recordedRegistry()
    }
    await registry.replay(exchange)
    if (!exchange.after) return
    expect((await registry.rows('SELECT serial FROM crl ORDER BY serial')).flat()).toEqual(exchange.after.crl)
    for (const [prefix, email, hasCertificate] of exchange.after.cert)
      expect(
        await registry.rows(
          'SELECT email, CASE WHEN cert IS NULL THEN 0 ELSE 1 END FROM cert WHERE prefix = ?',
          prefix,
        ),
      ).toEqual([[email, hasCertificate]])
  })
})
