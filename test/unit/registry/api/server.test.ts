import { createPrivateKey, X509Certificate } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { request as httpRequest } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readNodeCertificate } from '../../../../src/core/crypto/certificate.ts'
import { makeDecryptor } from '../../../../src/core/crypto/rsa.ts'
import { RegistryClient } from '../../../../src/platform/registry-client.ts'
import { VERSION } from '../../../../src/platform/version.ts'
import { setAdministrator } from '../../../../src/registry/api/access/administrators.ts'
import type { MadeBearerToken, Session } from '../../../../src/registry/api/schemas/access.ts'
import type { AuditPage, AuditVerification } from '../../../../src/registry/api/schemas/audit.ts'
import type {
  Configuration,
  ConfigurationPreview,
} from '../../../../src/registry/api/schemas/configuration.ts'
import type { InvitationPage, MadeInvitation } from '../../../../src/registry/api/schemas/invitations.ts'
import type { KeyRotation } from '../../../../src/registry/api/schemas/keys.ts'
import type {
  MachineDetails,
  MachineHistory,
  MachinePage,
} from '../../../../src/registry/api/schemas/machines.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import type { RunningRegistry } from '../../../../src/registry/registry-settings.ts'
import { emptyDatabase } from '../../../support/databases.ts'
import { isDocumented } from '../../../support/documented.ts'
import { temporaryDirectory, testRegistry } from '../../../support/registry.ts'
import { vectors } from '../../../support/vectors.ts'

const pki = vectors<{ ca: string; csr: Record<string, string>; keys: Record<string, string> }>('pki.json')
const PASSWORD = 'correct horse battery'
const ROLES = ['look', 'enrol', 'administer'] as const

let registry: RunningRegistry & { readonly url: string }
let base = ''
let socketPath = ''

interface Answer<Body> {
  readonly status: number
  readonly headers: Headers
  readonly body: Body
}

async function ask<Body = unknown>(
  path: string,
  options: { method?: string; body?: unknown; headers?: Record<string, string> } = {},
): Promise<Answer<Body>> {
  const { method = 'GET', body, headers = {} } = options
  const response = await fetch(`${base}${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  expect(isDocumented(method, path, response.status), `${method} ${path}: ${response.status}`).toBe(true)
  return {
    status: response.status,
    headers: response.headers,
    body: (text === '' ? undefined : JSON.parse(text)) as Body,
  }
}

/** A request with headers that browsers and fetch do not let one choose. */
const raw = (
  path: string,
  options: { method?: string; headers?: Record<string, string>; socketPath?: string } = {},
) =>
  new Promise<{ status: number; headers: Record<string, unknown>; text: string }>((resolve, reject) => {
    const url = new URL(base)
    const { socketPath: socket, ...rest } = options
    const where = socket === undefined ? { host: url.hostname, port: url.port } : { socketPath: socket }
    httpRequest({ ...where, path, ...rest }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => {
        text += part
      })
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, text }))
    })
      .on('error', reject)
      .end()
  })

async function signedIn(name: (typeof ROLES)[number]) {
  const { status, headers, body } = await ask<Session>('/api/v1/session', {
    method: 'POST',
    body: { name, password: PASSWORD },
  })
  expect(status).toBe(200)
  const cookie = headers.get('set-cookie')?.split(';')[0] ?? ''
  return { cookie, 'x-csrf-token': body.csrfToken ?? '' }
}

beforeAll(async () => {
  const directory = temporaryDirectory()
  const databasePath = await emptyDatabase({ isShared: true })
  socketPath = join(directory, 'commands.socket')
  const store = await openStore(databasePath)
  for (const role of ROLES)
    await setAdministrator(
      store,
      { name: 'test', from: undefined },
      { name: role, role, password: PASSWORD },
      Date.now(),
    )
  await store[Symbol.asyncDispose]()
  const pageFolder = join(directory, 'page')
  mkdirSync(join(pageFolder, 'assets'), { recursive: true })
  writeFileSync(join(pageFolder, 'index.html'), '<!doctype html><title>re6st</title>')
  writeFileSync(join(pageFolder, 'assets', 'page-a1b2c3d4.js'), 'export {}')
  writeFileSync(join(directory, 'secret.txt'), 'secret')
  registry = await testRegistry({
    databasePath,
    authorizedOrigins: ['127.0.0.1'],
    api: {
      listener: { kind: 'address', address: '127.0.0.1', port: 0 },
      socketPath,
      pageUrl: undefined,
      registryUrl: 'http://registry.example.com/',
      pageFolder,
    },
  })
  base = `http://127.0.0.1:${registry.pagePort}`
})
afterAll(() => registry[Symbol.asyncDispose]())

describe('the page', () => {
  it('is served with what protects it, and kept by browsers as long as it does not change', async () => {
    const page = await fetch(`${base}/machines`)
    expect(await page.text()).toContain('<title>re6st</title>')
    const policy = page.headers.get('content-security-policy') ?? ''
    expect(policy).toContain("default-src 'none'")
    expect(policy).not.toContain('unsafe')
    expect(page.headers.get('cache-control')).toBe('no-cache')
    expect(page.headers.get('x-content-type-options')).toBe('nosniff')
    const again = await fetch(base, { headers: { 'if-none-match': page.headers.get('etag') ?? '' } })
    expect(again.status).toBe(304)
    const script = await fetch(`${base}/assets/page-a1b2c3d4.js`)
    expect(script.headers.get('cache-control')).toContain('immutable')
  })

  it.each([
    '/../secret.txt',
    '/%2e%2e/secret.txt',
    '/assets/../../secret.txt',
    '/..%2fsecret.txt',
    '/assets/..%5c..%5csecret.txt',
    '//secret.txt',
  ])('has nothing from outside of its folder at %s', async (path) => {
    const { text } = await raw(path)
    expect(text).not.toContain('secret')
  })

  it.each(['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', '[evil]'])(
    'is not there under the name %j, which anybody can let point here',
    async (host) => {
      expect((await raw('/', { headers: { host } })).status).toBeGreaterThanOrEqual(400)
      expect((await raw('/api/v1/session/methods', { headers: { host } })).status).toBeGreaterThanOrEqual(400)
    },
  )
})

describe('signing in', () => {
  it('gives a cookie that scripts cannot read and other sites cannot send, and ends with signing out', async () => {
    const answer = await ask<Session>('/api/v1/session', {
      method: 'POST',
      body: { name: 'look', password: PASSWORD },
    })
    expect(answer.headers.get('set-cookie')).toMatch(/^re6st=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/)
    const headers = await signedIn('look')
    expect(await ask('/api/v1/session', { headers })).toMatchObject({
      status: 200,
      body: { name: 'look', role: 'look', by: 'password' },
    })
    const out = await ask('/api/v1/session', { method: 'DELETE', headers })
    expect(out.status).toBe(204)
    // What a page has sealed stays in the browser: it needs the key again.
    expect(out.headers.get('clear-site-data')).toBe('"cache"')
    expect((await ask('/api/v1/session', { headers })).status).toBe(401)
  })

  it('tells the key by which the page seals what it keeps in browsers: to browsers only, and always the same', async () => {
    const [one, other] = [await signedIn('look'), await signedIn('administer')]
    const keyOf = async (headers: Record<string, string>) =>
      (await ask<Session>('/api/v1/session', { headers })).body.storageKey
    expect(await keyOf(one)).toMatch(/^[\w-]{43}$/)
    expect(await keyOf(other)).toBe(await keyOf(one))
    const local = await raw('/api/v1/session', { socketPath })
    expect(local.status).toBe(200)
    expect(local.text).not.toContain('storageKey')
  })

  it('tells nothing of which of name and password is wrong', async () => {
    const wrong = await ask('/api/v1/session', { method: 'POST', body: { name: 'look', password: 'x' } })
    const nobody = await ask('/api/v1/session', { method: 'POST', body: { name: 'nobody', password: 'x' } })
    expect(wrong).toMatchObject({ status: 401, body: { code: 'not-signed-in' } })
    expect(nobody.body).toEqual(wrong.body)
  })

  it.each([
    [{ 'content-type': 'text/plain' }],
    [{ 'content-type': 'application/x-www-form-urlencoded' }],
    [{ origin: 'http://evil.example' }],
    [{ origin: 'null' }],
    [{ 'sec-fetch-site': 'cross-site' }],
    [{ 'sec-fetch-site': 'same-site' }],
  ])('is not done for another page: %j', async (headers) => {
    const body = JSON.stringify({ name: 'look', password: PASSWORD })
    expect((await ask('/api/v1/session', { method: 'POST', body, headers })).status).toBeGreaterThanOrEqual(
      400,
    )
  })

  it('an error never repeats the password', async () => {
    const password = 'p'.repeat(2_000)
    const answer = await ask('/api/v1/session', { method: 'POST', body: { name: 'look', password } })
    expect(answer.status).toBe(400)
    expect(JSON.stringify(answer.body)).not.toContain('ppp')
  })
})

describe('the API', () => {
  it('says with each answer which version it is, so that a page of before an upgrade notices', async () => {
    for (const path of ['/api/v1/session', '/api/v1/session/methods', '/nothing.js'])
      expect((await raw(path)).headers).toMatchObject({ 're6st-version': VERSION })
  })

  it('is for who is signed in', async () => {
    for (const path of [
      'network',
      'topology',
      'topology/events',
      'machines',
      'machines/0%2F16',
      'invitations',
      'keys',
      'configuration',
      'audit',
      'tokens',
      'administrators',
      'session',
    ])
      expect([path, (await ask(`/api/v1/${path}`)).status]).toEqual([path, 401])
  })

  it('refuses a change without the token of the session, from another page, or by a wrong cookie', async () => {
    const { cookie, ...token } = await signedIn('administer')
    const body = { uses: 1 }
    const invite = (headers: Record<string, string>) =>
      ask('/api/v1/invitations', { method: 'POST', body, headers })
    expect((await invite({ cookie })).status).toBe(403)
    expect((await invite({ cookie, 'x-csrf-token': 'x' })).status).toBe(403)
    expect((await invite({ cookie, ...token, origin: 'http://evil.example' })).status).toBe(403)
    expect((await invite({ cookie: `${cookie}; re6st=x`, ...token })).status).toBe(401)
    expect((await invite({ cookie: 're6st=x', ...token })).status).toBe(401)
    expect((await invite({ cookie, ...token })).status).toBe(200)
  })

  it('lets each role do what it may, and no more', async () => {
    const look = await signedIn('look')
    const enrol = await signedIn('enrol')
    expect((await ask('/api/v1/machines', { headers: look })).status).toBe(200)
    expect((await ask('/api/v1/invitations', { method: 'POST', body: {}, headers: look })).status).toBe(403)
    expect((await ask('/api/v1/invitations', { method: 'POST', body: {}, headers: enrol })).status).toBe(200)
    for (const [path, body] of [
      ['revocations', { machine: '0/16' }],
      ['keys/rotation', { fromStep: 'idle' }],
      ['configuration', { fromVersion: 1, change: {} }],
      ['tokens', { label: 'x', scope: 'look', end: '2030-01-01T00:00:00Z' }],
    ] as const)
      expect([path, (await ask(`/api/v1/${path}`, { method: 'POST', body, headers: enrol })).status]).toEqual(
        [path, 403],
      )
    expect((await ask('/api/v1/tokens', { headers: enrol })).status).toBe(403)
  })

  it('takes bearer tokens instead, each with its scope, and no cookie beside a wrong one', async () => {
    const headers = await signedIn('administer')
    const end = new Date(Date.now() + 60_000).toISOString()
    const made = await ask<MadeBearerToken>('/api/v1/tokens', {
      method: 'POST',
      body: { label: 'x', scope: 'look', end },
      headers,
    })
    const authorization = `Bearer ${made.body.secret}`
    expect(await ask('/api/v1/session', { headers: { authorization } })).toMatchObject({
      status: 200,
      body: { by: 'token', role: 'look' },
    })
    expect(
      (await ask('/api/v1/invitations', { method: 'POST', body: {}, headers: { authorization } })).status,
    ).toBe(403)
    expect(
      (await ask('/api/v1/session', { headers: { ...headers, authorization: 'Bearer re6st_x' } })).status,
    ).toBe(401)
    expect(JSON.stringify((await ask('/api/v1/tokens', { headers })).body)).not.toContain(made.body.secret)
    expect((await ask(`/api/v1/tokens/${made.body.token.id}`, { method: 'DELETE', headers })).status).toBe(
      204,
    )
    expect((await ask('/api/v1/session', { headers: { authorization } })).status).toBe(401)
  })

  it.each([
    ['POST', 'invitations', '{'],
    ['POST', 'invitations', { uses: 0 }],
    ['POST', 'invitations', { uses: '1' }],
    ['POST', 'invitations', { unknown: 1 }],
    ['POST', 'invitations', { machineName: 'a\nb' }],
    ['POST', 'invitations', { end: 'tomorrow' }],
    ['POST', 'invitations', { end: '2000-01-01T00:00:00Z' }],
    ['POST', 'invitations', { email: 'nobody' }],
    ['POST', 'invitations', { community: '1' }],
    ['POST', 'invitations', []],
    ['POST', 'invitations', 'null'],
    ['POST', 'revocations', { machine: 'x' }],
    ['POST', 'revocations', { serial: -1 }],
    ['POST', 'configuration/preview', { ipv4: { range: 'x', subnetBits: 8 } }],
    ['POST', 'configuration/preview', { sameCountry: ['DE'] }],
    ['POST', 'configuration/preview', { minProtocol: 99 }],
    ['GET', 'machines?limit=100000', undefined],
    ['GET', 'machines?limit=x', undefined],
    ['GET', 'machines?sort=password', undefined],
    ['GET', 'machines/x', undefined],
    ['GET', `machines?search=${'x'.repeat(300)}`, undefined],
  ] as const)('says what is wrong with %s %s %j', async (method, path, body) => {
    const headers = await administrator()
    const answer = await ask<{ code: string; message: string }>(`/api/v1/${path}`, { method, body, headers })
    expect(answer).toMatchObject({ status: 400, body: { code: 'bad-request', message: expect.any(String) } })
  })

  it('refuses a body that is too long', async () => {
    const headers = await administrator()
    const answer = await ask('/api/v1/invitations', {
      method: 'POST',
      body: { machineName: 'x'.repeat(100_000) },
      headers,
    })
    expect(answer).toMatchObject({ status: 413, body: { code: 'too-large' } })
  })

  it('tells what it is', async () => {
    expect(await ask('/api/v1/openapi.json')).toMatchObject({ status: 200, body: { openapi: '3.1.0' } })
    expect(await ask('/api/v1/nothing')).toMatchObject({ status: 404, body: { code: 'not-found' } })
  })

  it('tells commands of the registry’s own user everything, without signing in', async () => {
    const answer = await raw('/api/v1/network', { socketPath, headers: { host: 'localhost' } })
    expect(answer.status).toBe(200)
    expect(JSON.parse(answer.text)).toMatchObject({ network: expect.stringContaining('/') })
  })
})

let administratorHeaders: Record<string, string> | undefined
async function administrator(): Promise<Record<string, string>> {
  administratorHeaders ??= await signedIn('administer')
  return administratorHeaders
}

describe('an operator', () => {
  it('invites, sees who has come, and revokes', async () => {
    const headers = await administrator()
    const { body: made } = await ask<MadeInvitation>('/api/v1/invitations', {
      method: 'POST',
      body: { uses: 2, email: 'ann@example.com', machineName: 'ann’s laptop' },
      headers,
    })
    expect(made.link).toBe(`${base}/enrol#${made.token}`)
    // A value of an option as well: without a dash in front.
    expect(made.invitation.id).toMatch(/^[0-9a-f]{18}$/)
    expect(made.joinLine).toContain(
      `re6st join --registry http://registry.example.com/ --fingerprint sha256:`,
    )
    const anyone = new RegistryClient(registry.url)
    const join = (csr: string) => anyone.requestCertificate({ token: made.token, csr: pki.csr[csr] ?? '' })
    expect(await Promise.all([join('node-a'), join('node-b')])).not.toContain(undefined)
    expect(await join('node-a')).toBeUndefined()
    expect(
      (await ask('/api/v1/enrolment/invitation', { method: 'POST', body: { token: made.token } })).body,
    ).toEqual({ isUsable: false })

    const machines = await ask<MachinePage>('/api/v1/machines?search=ann@example&sort=serial', { headers })
    expect(machines.body).toMatchObject({
      total: 2,
      items: [{ machineName: 'ann’s laptop', email: 'ann@example.com', state: 'never-seen' }, {}],
    })
    const [machine, other] = machines.body.items
    const { body: invitations } = await ask<InvitationPage>('/api/v1/invitations', { headers })
    expect(invitations.items.find(({ id }) => id === made.invitation.id)).toMatchObject({
      usesLeft: 0,
      machines: expect.arrayContaining([machine?.name, other?.name]),
    })
    expect(JSON.stringify(invitations)).not.toContain(made.token)

    const path = `/api/v1/machines/${encodeURIComponent(machine?.name ?? '')}`
    const details = await ask<MachineDetails>(path, { headers })
    expect(details.body).toMatchObject({
      ...machine,
      issued: [{ serial: machine?.serial, isRevoked: false }],
    })
    for (const search of [machine?.name, machine?.subnet, machine?.address, machine?.serial, 'LAPTOP'])
      expect([
        search,
        (
          await ask<MachinePage>(`/api/v1/machines?search=${encodeURIComponent(String(search))}`, { headers })
        ).body.items.map(({ name }) => name),
      ]).toEqual([search, expect.arrayContaining([machine?.name])])
    const history = await ask<MachineHistory>(`${path}/history`, { headers })
    expect(history.body.events).toMatchObject([{ kind: 'enrolled', detail: String(machine?.serial) }])
    expect(history.body.availability).toHaveLength(90)

    const revoke = () =>
      ask('/api/v1/revocations', { method: 'POST', body: { machine: machine?.name }, headers })
    expect((await revoke()).status).toBe(204)
    expect((await ask(path, { headers })).status).toBe(404)
    expect(
      (await ask('/api/v1/revocations', { method: 'POST', body: { serial: other?.serial }, headers })).status,
    ).toBe(204)
    expect((await ask<MachinePage>('/api/v1/machines?state=revoked', { headers })).body.items).toMatchObject([
      { serial: other?.serial },
    ])
    expect(
      (await ask('/api/v1/revocations', { method: 'POST', body: { serial: 999_999 }, headers })).status,
    ).toBe(404)
  })

  it('revokes a machine, and who has its prefix next is not where it was', async () => {
    const headers = await administrator()
    const anyone = new RegistryClient(registry.url)
    const join = async () => {
      const { body } = await ask<MadeInvitation>('/api/v1/invitations', { method: 'POST', body: {}, headers })
      const pem = await anyone.requestCertificate({ token: body.token, csr: pki.csr['node-a'] ?? '' })
      const read = readNodeCertificate(pem ?? '')
      if (!read.ok) throw new Error(read.reason)
      return read.value
    }
    const lastSeen = async (name: string) =>
      (await ask<MachineDetails>(`/api/v1/machines/${encodeURIComponent(name)}`, { headers })).body.lastSeen
    const first = await join()
    await new RegistryClient(registry.url, {
      prefix: first.prefix,
      caPublicKey: new X509Certificate(pki.ca).publicKey,
      decrypt: makeDecryptor(createPrivateKey(pki.keys['node-a'] ?? '')),
    }).renewCertificate()
    expect(await lastSeen(first.subnetName)).toBeDefined()
    await ask('/api/v1/revocations', { method: 'POST', body: { machine: first.subnetName }, headers })
    const next = await join()
    expect(next.prefix).toBe(first.prefix)
    expect(await lastSeen(next.subnetName)).toBeUndefined()
  })

  it('deletes an invitation, which then is none', async () => {
    const headers = await administrator()
    const stateOf = async (token: string) =>
      (await ask('/api/v1/enrolment/invitation', { method: 'POST', body: { token } })).body
    const { body: made } = await ask<MadeInvitation>('/api/v1/invitations', {
      method: 'POST',
      body: {},
      headers,
    })
    expect(await stateOf(made.token)).toEqual({ isUsable: true, usesLeft: 1, end: made.invitation.end })
    await fetch(`${registry.url}addToken?email=&token=easily-guessed`)
    for (const token of ['easily-guessed', 'none']) expect(await stateOf(token)).toEqual({ isUsable: false })
    const path = `/api/v1/invitations/${made.invitation.id}`
    expect((await ask(path, { method: 'DELETE', headers })).status).toBe(204)
    expect((await ask(path, { method: 'DELETE', headers })).status).toBe(404)
    expect(await stateOf(made.token)).toEqual({ isUsable: false })
    const anyone = new RegistryClient(registry.url)
    expect(
      await anyone.requestCertificate({ token: made.token, csr: pki.csr['node-a'] ?? '' }),
    ).toBeUndefined()
  })

  it('has its invitations page by page, the latest first, and all are counted', async () => {
    const headers = await administrator()
    const usable = async () =>
      (await ask<{ invitations: number }>('/api/v1/network', { headers })).body.invitations
    const before = await usable()
    for (const machineName of ['one', 'two', 'three'])
      await ask('/api/v1/invitations', { method: 'POST', body: { machineName }, headers })
    expect(await usable()).toBe(before + 3)
    const page = async (query: string) =>
      (await ask<InvitationPage>(`/api/v1/invitations?${query}`, { headers })).body
    const all = await page('')
    expect(all.items).toHaveLength(all.total)
    for (const { total, items } of [await page('limit=2'), await page('limit=2&offset=2')])
      expect([total, items.length]).toEqual([all.total, 2])
    expect((await page('limit=2&offset=1')).items).toEqual(all.items.slice(1, 3))
  })

  it('changes the configuration after having seen what it does, and not what somebody else has changed meanwhile', async () => {
    const headers = await administrator()
    const post = <Body>(path: string, body: unknown) =>
      ask<Body>(`/api/v1/${path}`, { method: 'POST', body, headers })
    const preview = await post<ConfigurationPreview>('configuration/preview', {
      hello: 5,
      ipv4: { range: '10.42.0.0/16', subnetBits: 8 },
    })
    expect(preview.body.effects).toMatchObject([
      { setting: 'hello', before: '15', after: '5' },
      { setting: 'ipv4' },
    ])
    const fromVersion = preview.body.version
    const changed = await post<Configuration>('configuration', { fromVersion, change: { hello: 5 } })
    expect(changed).toMatchObject({
      status: 200,
      body: { version: fromVersion + 1, settings: { hello: 5 }, options: { hello: 15 }, changed: ['hello'] },
    })
    expect((await post('configuration', { fromVersion, change: { hello: 6 } })).status).toBe(409)
    const back = await post<Configuration>('configuration', {
      fromVersion: fromVersion + 1,
      change: { hello: 15 },
    })
    expect(back.body).toMatchObject({ changed: [], settings: { hello: 15 } })
  })

  it('rotates the keys step by step, warned of who is cut off', async () => {
    const headers = await administrator()
    const rotate = (body: unknown) =>
      ask<KeyRotation>('/api/v1/keys/rotation', { method: 'POST', body, headers })
    const before = await ask<KeyRotation>('/api/v1/keys', { headers })
    expect(before.body.step).toBe('idle')
    expect((await rotate({ fromStep: 'used' })).status).toBe(409)
    expect((await rotate({ fromStep: 'idle' })).body).toMatchObject({
      step: 'announced',
      warning: expect.stringContaining('announced until'),
    })
    expect((await rotate({ fromStep: 'announced' })).status).toBe(409)
    expect((await rotate({ fromStep: 'announced', isCutOffAccepted: true })).body.step).toBe('used')
    expect((await rotate({ fromStep: 'used', isCutOffAccepted: true })).body.step).toBe('idle')
  })

  it('finds in the audit log what is done by private methods, without tokens that could be used', async () => {
    const headers = await administrator()
    const call = async (target: string) => (await fetch(`${registry.url}${target}`)).status
    for (const target of [
      'addToken?email=ann@example.com&token=an-old-token',
      'deleteToken?token=an-old-token',
      'deleteToken?token=an-old-token',
      'updateHMAC',
      'updateHMAC',
      'updateHMAC',
    ])
      expect([target, await call(target)]).toEqual([target, 204])
    const { body: made } = await ask<MadeInvitation>('/api/v1/invitations', {
      method: 'POST',
      body: {},
      headers,
    })
    const pem = await new RegistryClient(registry.url).requestCertificate({
      token: made.token,
      csr: pki.csr['node-a'] ?? '',
    })
    const joined = readNodeCertificate(pem ?? '')
    if (!joined.ok) throw new Error(joined.reason)
    expect(await call(`revoke?cn_or_serial=${joined.value.subnetName}`)).toBe(204)
    const { body } = await ask<AuditPage>('/api/v1/audit?who=rpc&limit=6', { headers })
    expect(body.items.map(({ action, subject, from }) => [action, subject, from])).toEqual([
      ['machine.revoked', joined.value.subnetName, '127.0.0.1'],
      ['keys.rotated', 'used', '127.0.0.1'],
      ['keys.rotated', 'announced', '127.0.0.1'],
      ['keys.rotated', 'idle', '127.0.0.1'],
      ['join_token.deleted', undefined, '127.0.0.1'],
      ['join_token.added', undefined, '127.0.0.1'],
    ])
    expect(JSON.stringify(body)).not.toContain('an-old-token')
  })

  it('finds all of it in the audit log, which is whole', async () => {
    const headers = await administrator()
    const { body } = await ask<AuditPage>('/api/v1/audit?limit=1000', { headers })
    const actions = new Set(body.items.map(({ action }) => action))
    for (const action of [
      'admin.added',
      'session.begun',
      'session.ended',
      'invitation.made',
      'invitation.deleted',
      'machine.revoked',
      'certificate.revoked',
      'configuration.changed',
      'keys.rotated',
      'token.made',
      'token.deleted',
    ])
      expect(actions).toContain(action)
    expect(body.items.find(({ action, who }) => action === 'machine.revoked' && who !== 'rpc')).toMatchObject(
      {
        who: 'administer',
        from: '127.0.0.1',
      },
    )
    expect((await ask<AuditVerification>('/api/v1/audit/verification', { headers })).body).toMatchObject({
      isWhole: true,
      entries: body.total,
    })
  })
})
