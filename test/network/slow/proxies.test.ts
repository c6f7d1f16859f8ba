import { createPrivateKey, X509Certificate } from 'node:crypto'
import { request } from 'node:https'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readNodeCertificate } from '../../../src/core/crypto/certificate.ts'
import { makeDecryptor, verifySignature } from '../../../src/core/crypto/rsa.ts'
import { HMAC_HEADER } from '../../../src/core/rpc/methods.ts'
import { formatTarget } from '../../../src/core/rpc/request-target.ts'
import { isAnswerAuthentic, requestHmac } from '../../../src/core/rpc/session.ts'
import { installed } from '../../support/installed.ts'
import { startNginx } from '../../support/nginx.ts'
import { rawExchange } from '../../support/recorded-registry.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import {
  SAMPLE_HOSTS,
  SAMPLES,
  type SampleName,
  type Served,
  startSample,
} from '../../support/sample-proxies.ts'
import { vectors } from '../../support/vectors.ts'

const nginx = installed('nginx')

/** Addresses of loopback but the first count as those of other machines. */
const [OPERATOR, STRANGER, OTHER, NAMED_PROXY, OTHER_PROXY] = [
  '127.0.0.11',
  '127.0.0.12',
  '127.0.0.13',
  '127.0.0.21',
  '127.0.0.22',
]
const FORWARDED = 'proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;'

/** A registry that trusts one proxy, and nginx in front of it: as that, as another machine's, and as it is without options. */
async function registryBehindNginx(settings: Parameters<typeof testRegistry>[0] = {}, limits = {}) {
  const registry = await testRegistry(
    { authorizedOrigins: [OPERATOR], trustedProxies: [NAMED_PROXY], ...settings },
    { serverLimits: limits },
  )
  const location = (...lines: string[]) =>
    `location / { proxy_pass http://127.0.0.1:${registry.addresses[0]?.port}; ${lines.join(' ')} }`
  const proxy = await startNginx([
    location(`proxy_bind ${NAMED_PROXY};`, FORWARDED),
    location(`proxy_bind ${OTHER_PROXY};`, FORWARDED),
    location(FORWARDED),
    location(),
  ])
  const [named = 0, other = 0, ofThisMachine = 0, plain = 0] = proxy.ports
  const statusOf = async (port: number, method: string, source: string, headers = '') => {
    const request = `GET /${method} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n${headers}\r\n`
    return (await rawExchange(port, request, { source })).status
  }
  return {
    ...{ named, other, ofThisMachine, plain, statusOf },
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]()
      await registry[Symbol.asyncDispose]()
    },
  }
}

const PRIVATE = 'isToken?token=none'

describe.skipIf(nginx.missing)(`a registry behind nginx${nginx.note}`, () => {
  it('answers everybody, and the operator behind the proxy that it trusts', async () => {
    await using behind = await registryBehindNginx()
    const { statusOf, named, other, ofThisMachine, plain } = behind
    for (const port of [named, other, ofThisMachine, plain])
      expect(await statusOf(port, 'getCa', STRANGER)).toBe(200)
    expect(await statusOf(named, PRIVATE, OPERATOR)).toBe(204)
    expect(await statusOf(named, PRIVATE, STRANGER)).toBe(403)
  })

  it('believes of that proxy what it adds itself, and not what its client says', async () => {
    await using behind = await registryBehindNginx()
    const { statusOf, named } = behind
    for (const said of [OPERATOR, '127.0.0.1', `${OPERATOR}, ${NAMED_PROXY}`])
      expect(await statusOf(named, PRIVATE, STRANGER, `X-Forwarded-For: ${said}\r\n`)).toBe(403)
  })

  it('lets nobody call private methods through any other, and not the operator either', async () => {
    await using behind = await registryBehindNginx()
    const { statusOf, other, ofThisMachine } = behind
    for (const port of [other, ofThisMachine])
      for (const source of [OPERATOR, STRANGER, '127.0.0.1']) {
        expect(await statusOf(port, PRIVATE, source)).toBe(403)
        expect(await statusOf(port, PRIVATE, source, 'X-Forwarded-For: 127.0.0.1\r\n')).toBe(403)
      }
  })

  it('that says nothing of its client needs --private: it cannot be told from a program of this machine', async () => {
    const privateListener = { kind: 'socket', path: `${temporaryDirectory()}/private.sock` } as const
    await using behind = await registryBehindNginx({ privateListener })
    const { statusOf, plain, named } = behind
    expect(await statusOf(plain, PRIVATE, STRANGER)).toBe(403)
    expect(await statusOf(named, PRIVATE, OPERATOR)).toBe(403)
    expect(await statusOf(plain, 'getCa', STRANGER)).toBe(200)
  })

  it('counts what each client asks, not what the proxy does', async () => {
    await using behind = await registryBehindNginx({}, { callsPerSecond: 0.001, callsAtOnce: 3 })
    const { statusOf, named } = behind
    const statuses: (number | undefined)[] = []
    for (let call = 0; call < 4; call++) statuses.push(await statusOf(named, 'getCa', STRANGER))
    expect(statuses).toEqual([200, 200, 200, 429])
    expect(await statusOf(named, 'getCa', OTHER)).toBe(200)
  })
})

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const caPublicKey = new X509Certificate(pki.ca).publicKey

/** Status of a page by TLS. The certificate is nobody's. */
const pageStatus = (port: number): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    const { page } = SAMPLE_HOSTS
    request(
      {
        host: '127.0.0.1',
        port,
        servername: page,
        headers: { Host: page },
        path: '/api/v1/openapi.json',
        rejectUnauthorized: false,
      },
      (answer) => {
        answer.resume()
        resolve(answer.statusCode)
      },
    )
      .on('error', reject)
      .end()
  })

const SAMPLE_NAMES = (Object.keys(SAMPLES) as SampleName[]).map((name) => ({
  name,
  ...installed(SAMPLES[name].program, SAMPLES[name].debianPackage),
}))

describe('the samples in contrib', () => {
  let trusting: Awaited<ReturnType<typeof testRegistry>>
  let other: Awaited<ReturnType<typeof testRegistry>>
  const servers = new Map<SampleName, Awaited<ReturnType<typeof startSample>>>()

  beforeAll(async () => {
    const anonymous = { mailPrefixLength: 16, anonymousPrefixLength: 32 }
    trusting = await testRegistry({
      authorizedOrigins: [OPERATOR],
      trustedProxies: ['127.0.0.1'],
      registration: anonymous,
      api: {
        listener: { kind: 'address', address: '127.0.0.1', port: 0 },
        socketPath: undefined,
        pageUrl: `https://${SAMPLE_HOSTS.page}`,
        registryUrl: undefined,
        pageFolder: '',
      },
    })
    other = await testRegistry({ authorizedOrigins: [OPERATOR] })
    const page = trusting.pagePort ?? 0
    const behind = [trusting, other].map(({ addresses }) => ({ registry: addresses[0]?.port ?? 0, page }))
    for (const { name, missing } of SAMPLE_NAMES)
      if (!missing) servers.set(name, await startSample(name, behind))
  })
  afterAll(async () => {
    for (const server of servers.values()) await server[Symbol.asyncDispose]()
    await trusting?.[Symbol.asyncDispose]()
    await other?.[Symbol.asyncDispose]()
  })

  for (const { name, missing, note } of SAMPLE_NAMES) {
    const served = (which: 0 | 1): Served => {
      const ports = servers.get(name)?.served[which]
      if (!ports) throw new Error(`${name} does not run`)
      return ports
    }
    describe.skipIf(missing)(`for ${name}${note}`, () => {
      const ask = ({ http }: Served, target: string, source = STRANGER, headers = '') =>
        rawExchange(
          http,
          `GET ${target} HTTP/1.1\r\nHost: ${SAMPLE_HOSTS.registry}:${http}\r\nConnection: close\r\n${headers}\r\n`,
          { source },
        )

      it('passes on what a node asks, as the node has signed it', async () => {
        const csr = pki.csr['node-a'] ?? ''
        const enrolled = await ask(
          served(0),
          formatTarget('requestCertificate', { token: '', req: csr, location: '' }),
        )
        const certificate = readNodeCertificate(enrolled.body.toString())
        if (!certificate.ok) throw new Error(certificate.reason)
        const { prefix } = certificate.value
        const { body } = await ask(
          served(0),
          formatTarget('hello', { client_prefix: prefix, protocol: '10' }),
        )
        const [encrypted, signature] = [body.subarray(0, body.length / 2), body.subarray(body.length / 2)]
        expect(verifySignature(caPublicKey, encrypted, signature)).toBe(true)
        const secret = makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? ''))(encrypted)
        const target = formatTarget('getNetworkConfig', { cn: prefix })
        const answer = await ask(
          served(0),
          target,
          STRANGER,
          `${HMAC_HEADER}: ${requestHmac(secret, target).toString('base64')}\r\n`,
        )
        const given = Buffer.from(answer.headers[HMAC_HEADER.toLowerCase()] ?? '', 'base64')
        expect(isAnswerAuthentic(secret, answer.body, given)).toBe(true)
      })

      it('is believed where it was named, and nowhere else', async () => {
        const [target, said] = [`/${PRIVATE}`, `X-Forwarded-For: ${OPERATOR}\r\n`]
        expect((await ask(served(0), target, OPERATOR)).status).toBe(204)
        expect((await ask(served(0), target, STRANGER)).status).toBe(403)
        expect((await ask(served(0), target, STRANGER, said)).status).toBe(403)
        expect((await ask(served(1), target, OPERATOR)).status).toBe(403)
        expect((await ask(served(1), '/getCa', STRANGER)).status).toBe(200)
      })

      it('serves the page by TLS, and sends browsers there', async () => {
        expect(await pageStatus(served(0).https)).toBe(200)
      })
    })
  }
})
