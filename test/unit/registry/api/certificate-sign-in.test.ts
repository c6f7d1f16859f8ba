import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { changeAdministrator, setAdministrator } from '../../../../src/registry/api/access/administrators.ts'
import type { Session, SignInMethods } from '../../../../src/registry/api/schemas/access.ts'
import type { AuditPage } from '../../../../src/registry/api/schemas/audit.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import { clientAuthority, clientCertHeader } from '../../../support/client-authority.ts'
import { emptyDatabase } from '../../../support/databases.ts'
import { localApi, temporaryDirectory, testRegistry } from '../../../support/registry.ts'
import { whyRefused } from '../../../support/registry-command.ts'
import { type KeyPair, selfSigned } from '../../../support/self-signed.ts'

const authority = await clientAuthority()
const headerOf = async (subject: string, signer = authority) => ({
  'client-cert': clientCertHeader(await signer.certificate({ subject })),
})
const actor = { name: 'test', from: undefined }

/** A registry with the administrators ann, and bob, who is disabled. */
async function registryWith(settings: {
  readonly clientCertCa?: string
  readonly trustedProxies?: string[]
  /** Of the page itself. */
  readonly tls?: KeyPair
}) {
  const databasePath = await emptyDatabase()
  const store = await openStore(databasePath)
  for (const name of ['ann', 'bob'])
    await setAdministrator(
      store,
      actor,
      { name, role: 'administer', password: 'correct horse battery' },
      Date.now(),
    )
  await changeAdministrator(store, actor, { name: 'bob', isDisabled: true }, Date.now())
  await store[Symbol.asyncDispose]()
  const { clientCertCa, trustedProxies = [], tls } = settings
  const directory = temporaryDirectory()
  const files = { cert: join(directory, 'tls.crt'), key: join(directory, 'tls.key') }
  writeFileSync(files.cert, tls?.cert ?? '')
  writeFileSync(files.key, tls?.key ?? '', { mode: 0o600 })
  const registry = await testRegistry({
    databasePath,
    trustedProxies,
    tls: tls && { ...files, clientCa: undefined, listen: [] },
    api: localApi({ isTls: tls !== undefined, clientCertCa }),
  })
  const base = `http://127.0.0.1:${registry.pagePort}/api/v1`
  return {
    base,
    port: registry.pagePort ?? 0,
    methods: async () => (await (await fetch(`${base}/session/methods`)).json()) as SignInMethods,
    signIn: (headers: Record<string, string>) =>
      fetch(`${base}/session/certificate`, { method: 'POST', headers }),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

it('who has shown a certificate to a named proxy is signed in as the administrator that it names', async () => {
  await using registry = await registryWith({ clientCertCa: authority.pem, trustedProxies: ['127.0.0.1'] })
  expect((await registry.methods()).isCertificate).toBe(true)
  const answer = await registry.signIn({ ...(await headerOf('CN=ann')), 'x-forwarded-for': '192.0.2.7' })
  expect(answer.status).toBe(200)
  const session = (await answer.json()) as Session
  expect(session).toMatchObject({ name: 'ann', role: 'administer', by: 'certificate' })
  const cookie = answer.headers.get('set-cookie')?.split(';')[0] ?? ''
  const log = (await (
    await fetch(`${registry.base}/audit?who=ann`, { headers: { cookie } })
  ).json()) as AuditPage
  expect(log.items).toMatchObject([
    { action: 'session.begun', from: '192.0.2.7', detail: { by: 'certificate' } },
  ])
})

it('a certificate of nobody, of who is disabled, of another authority, or none signs in nobody', async () => {
  await using registry = await registryWith({ clientCertCa: authority.pem, trustedProxies: ['127.0.0.1'] })
  for (const headers of [
    await headerOf('CN=eve'),
    await headerOf('CN=bob'),
    await headerOf('CN=ann', await clientAuthority()),
    { 'client-cert': 'ann' },
    {},
  ]) {
    const answer = await registry.signIn(headers)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('set-cookie')).toBeNull()
  }
  // A page elsewhere does not sign its reader in.
  const forged = await registry.signIn({ ...(await headerOf('CN=ann')), origin: 'http://evil.example' })
  expect(forged.status).toBe(403)
})

it('attempts by certificate are limited: of one address, and of all where nobody has signed in', async () => {
  await using registry = await registryWith({ clientCertCa: authority.pem, trustedProxies: ['127.0.0.1'] })
  const [ann, eve] = [await headerOf('CN=ann'), await headerOf('CN=eve')]
  const attempt = async (headers: Record<string, string>, from: string) =>
    (await registry.signIn({ ...headers, 'x-forwarded-for': from })).status
  expect(await attempt(ann, '192.0.2.7')).toBe(200)
  const ofOne: number[] = []
  for (let count = 0; count < 25; count++) ofOne.push(await attempt(eve, '192.0.2.8'))
  expect(ofOne.filter((status) => status === 401).length).toBeLessThan(25)
  expect(ofOne).toContain(429)
  const ofMany: number[] = []
  while (!ofMany.includes(429) && ofMany.length < 10_000)
    ofMany.push(await attempt(eve, `2001:db8:0:${ofMany.length.toString(16)}::1`))
  expect(ofMany).toContain(429)
  expect(await attempt(ann, '192.0.2.7')).toBe(200)
})

it('the header is believed of nobody who is no named proxy', async () => {
  await using registry = await registryWith({ clientCertCa: authority.pem, trustedProxies: ['192.0.2.1'] })
  expect((await registry.signIn(await headerOf('CN=ann'))).status).toBe(401)
})

it('the header is not looked at unless an option asks for it', async () => {
  await using registry = await registryWith({ trustedProxies: ['127.0.0.1'] })
  expect((await registry.methods()).isCertificate).toBe(false)
  expect((await registry.signIn(await headerOf('CN=ann'))).status).toBe(401)
})

const asked = (
  port: number,
  path: string,
  options: { method?: string; headers?: Record<string, string>; ca?: string; cert?: string; key?: string },
) =>
  new Promise<{ status: number; cookie: string; body: unknown }>((resolve, reject) => {
    httpsRequest(
      { host: '127.0.0.1', port, path: `/api/v1${path}`, agent: false, ...options },
      (response) => {
        const [cookie = ''] = response.headers['set-cookie'] ?? []
        text(response).then(
          (said) =>
            resolve({
              status: response.statusCode ?? 0,
              cookie,
              body: said === '' ? undefined : JSON.parse(said),
            }),
          reject,
        )
      },
    )
      .on('error', reject)
      .end()
  })

it('a page with TLS of its own asks for certificates itself, and sets a cookie that is never sent without', async () => {
  const own = await selfSigned()
  await using registry = await registryWith({ clientCertCa: authority.pem, tls: own })
  const signIn = (pair: Partial<KeyPair>, headers: Record<string, string> = {}) =>
    asked(registry.port, '/session/certificate', { method: 'POST', ca: own.cert, ...pair, headers })
  const ann = await signIn(await authority.keyPair({ subject: 'CN=ann' }))
  expect(ann).toMatchObject({ status: 200, body: { name: 'ann', by: 'certificate' } })
  expect(ann.cookie).toMatch(/^__Host-re6st=.*; Secure/)
  const cookie = ann.cookie.split(';')[0] ?? ''
  expect((await asked(registry.port, '/session', { ca: own.cert, headers: { cookie } })).status).toBe(200)

  expect((await signIn({})).status).toBe(401)
  for (const [subject, signer] of [
    ['CN=bob', authority],
    ['CN=eve', authority],
    ['CN=ann', await clientAuthority()],
  ] as const)
    expect([subject, (await signIn(await signer.keyPair({ subject }))).status]).toEqual([subject, 401])
  // What a client says that it has shown is not what it has shown.
  expect((await signIn({}, await headerOf('CN=ann'))).status).toBe(401)
})

it('a page with TLS of its own closes although somebody has not ended the handshake', async () => {
  const registry = await registryWith({ tls: await selfSigned() })
  const socket = connect(registry.port, '127.0.0.1')
    .on('error', () => {})
    .resume()
  await once(socket, 'connect')
  const closed = new Promise((resolve) => socket.once('close', resolve))
  await registry[Symbol.asyncDispose]()
  await closed
})

it('options are refused that would open the page without TLS, or believe nobody', () => {
  const page = ['--page', '192.0.2.1:8443']
  const tls = ['--tls-cert', 'tls.crt', '--tls-key', 'tls.key']
  const reason = (...args: string[]) => whyRefused('--ca', 'x', '--key', 'x', ...args)
  expect(reason(...page)).toContain('--page-tls')
  expect(reason(...page, '--page-tls')).toContain('--tls-cert')
  expect(reason('--page-tls', ...tls)).toContain('--page')
  expect(reason('--page', '/run/page.socket', '--page-tls', ...tls)).toContain('--page')
  expect(reason(...page, '--page-tls', ...tls, '--page-url', 'http://re6st.example.com/')).toContain(
    'https://',
  )
  expect(reason(...page, '--page-tls', ...tls)).toBe('')
  const believed = ['--client-cert-ca', 'admins.crt']
  expect(reason(...believed)).toContain('--page')
  expect(reason('--page', '127.0.0.1:8443', ...believed)).toContain('--trusted-proxy')
  expect(reason('--page', '127.0.0.1:8443', ...believed, '--trusted-proxy', '127.0.0.1')).toBe('')
  expect(reason(...page, '--page-tls', ...tls, ...believed)).toBe('')
})
