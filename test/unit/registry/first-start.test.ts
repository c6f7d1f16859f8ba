import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { Agent, request } from 'node:https'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { readAuthority } from '../../../src/core/crypto/certificate.ts'
import { networkCidr } from '../../../src/core/values/prefix.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import type { Session } from '../../../src/registry/api/schemas/access.ts'
import type { AuditPage } from '../../../src/registry/api/schemas/audit.ts'
import type { Configuration } from '../../../src/registry/api/schemas/configuration.ts'
import type { MadeNetwork } from '../../../src/registry/api/schemas/setup.ts'
import { TlsCredentials } from '../../../src/registry/server/tls-credentials.ts'
import { emptyDatabase } from '../../support/databases.ts'
import { firstStartProcess } from '../../support/first-start.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { failedStart } from '../../support/registry-process.ts'
import { type KeyPair, selfSigned } from '../../support/self-signed.ts'
import { silentLog } from '../../support/silent-log.ts'

const ADMINISTRATOR = { name: 'ann', password: 'correct horse battery' }
const WANTED = { name: 'my network', days: 100, encrypt: true, administrator: ADMINISTRATOR }

async function ask<Body>(url: URL, path: string, body?: unknown, headers: Record<string, string> = {}) {
  const response = await fetch(new URL(`/api/v1/${path}`, url), {
    method: body === undefined ? 'GET' : 'POST',
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const cookie = response.headers.get('set-cookie')?.split(';')[0] ?? ''
  return { status: response.status, cookie, body: (await response.json()) as Body }
}

it('a registry without an authority makes one with whoever has its code, and serves that network', async () => {
  await using registry = await firstStartProcess(await emptyDatabase())
  const { url, directory } = registry
  const code = url.hash.replace('#setup=', '')
  const make = (body: object) => ask<MadeNetwork>(url, 'setup', { ...WANTED, code, ...body })

  expect(await ask(url, 'setup')).toMatchObject({ status: 200, body: { isNeeded: true } })
  expect((await ask(url, 'session')).status).toBe(503)
  expect((await fetch(url)).headers.get('content-security-policy')).toContain("default-src 'none'")
  expect((await make({ code: 'x' })).status).toBe(403)
  expect((await make({ code: `${code}x` })).status).toBe(403)
  expect((await make({ prefix: '10.0.0.0/8' })).status).toBe(400)
  expect((await make({ administrator: { name: 'ann', password: 'short' } })).status).toBe(400)
  expect(existsSync(join(directory, 'ca.key'))).toBe(false)

  const made = await make({})
  expect(made).toMatchObject({
    status: 200,
    body: { network: expect.stringMatching(/^fd[0-9a-f:]+::\/48$/) },
  })
  expect(made.body.next.join('\n')).toContain(`re6st join --registry http://localhost:${registry.port}/`)
  expect(statSync(join(directory, 'ca.key')).mode & 0o777).toBe(0o600)
  const authority = readAuthority(readFileSync(join(directory, 'ca.crt'), 'utf8'))
  expect(authority.ok && networkCidr(authority.value.network)).toBe(made.body.network)

  await registry.runs()
  expect(await ask(url, 'setup')).toMatchObject({ status: 200, body: { isNeeded: false } })
  expect((await make({})).status).toBe(409)
  const { cookie, body: session } = await ask<Session>(url, 'session', ADMINISTRATOR)
  expect(session).toMatchObject({ name: 'ann', role: 'administer' })
  expect((await ask<Configuration>(url, 'configuration', undefined, { cookie })).body).toMatchObject({
    settings: { encrypt: true },
  })
  const { body: audit } = await ask<AuditPage>(url, 'audit', undefined, { cookie })
  expect(audit.items).toContainEqual(
    expect.objectContaining({ action: 'network.made', who: 'first start:ann', subject: made.body.network }),
  )
  expect((await fetch(`http://127.0.0.1:${registry.port}/getCa`)).status).toBe(200)
})

it('with TLS of its own, the page makes a network by TLS alone, and serves it', async () => {
  const directory = temporaryDirectory()
  const { key, cert } = await selfSigned('registry.example.com')
  const [certFile, keyFile] = [join(directory, 'tls.crt'), join(directory, 'tls.key')]
  writeFileSync(certFile, cert)
  writeFileSync(keyFile, key, { mode: 0o600 })
  const tls = ['--page-tls', '--tls-cert', certFile, '--tls-key', keyFile, '--tls-only', '--tls-port', '0']
  await using registry = await firstStartProcess(await emptyDatabase(), join(directory, 'new'), tls)
  const { url } = registry
  expect(url.protocol).toBe('https:')
  await expect(fetch(url.href.replace('https:', 'http:'))).rejects.toThrow()
  const agent = new Agent({ ca: cert })
  const ask = (path: string, body?: object) =>
    new Promise<{ readonly status: number | undefined; readonly text: string }>((resolve, reject) => {
      const headers = body === undefined ? {} : { 'content-type': 'application/json' }
      const method = body === undefined ? 'GET' : 'POST'
      request(new URL(`/api/v1/${path}`, url), { agent, method, headers }, (response) => {
        response
          .toArray()
          .then(
            (parts) => resolve({ status: response.statusCode, text: Buffer.concat(parts).toString() }),
            reject,
          )
      })
        .on('error', reject)
        .end(body === undefined ? undefined : JSON.stringify(body))
    })
  expect(await ask('setup')).toMatchObject({ status: 200 })
  expect(await ask('setup', { ...WANTED, code: 'x' })).toMatchObject({ status: 403 })
  const made = await ask('setup', { ...WANTED, code: url.hash.replace('#setup=', '') })
  expect(made).toMatchObject({ status: 200 })
  // There is nothing at http:.
  expect(made.text).toContain('--registry https://registry.example.com:0/')
  await registry.runs()
  expect(await ask('session', ADMINISTRATOR)).toMatchObject({ status: 200 })
})

it('with a certificate that is none, or is for no machine by name, it says so at once', async () => {
  const directory = temporaryDirectory()
  const [certFile, keyFile] = [join(directory, 'tls.crt'), join(directory, 'tls.key')]
  const startWith = async (pair: KeyPair, ...args: string[]) => {
    writeFileSync(certFile, pair.cert)
    writeFileSync(keyFile, pair.key, { mode: 0o600 })
    const { exitCode, stderr } = await failedStart([
      ...['--ca', join(directory, 'crt'), '--key', join(directory, 'key'), '--page', '127.0.0.1:0'],
      ...['--db', join(directory, 'registry.db'), '--logfile', join(directory, 'log'), '-v', '2'],
      ...['--tls-cert', certFile, '--tls-key', keyFile, ...args],
    ])
    return { exitCode, stderr }
  }
  for (const option of ['--page-tls', '--tls-only'])
    expect(await startWith({ cert: 'x', key: 'x' }, option), option).toMatchObject({
      ...{ exitCode: 1, stderr: expect.stringContaining('--tls-cert: not a certificate in PEM') },
    })
  expect(await startWith(await selfSigned('*.example.com', []), '--tls-only')).toMatchObject({
    ...{ exitCode: 2, stderr: expect.stringContaining('--registry-url: is needed') },
  })
})

it.each([
  ['re6st.example.com', ['192.0.2.1'], ['re6st.example.com', '192.0.2.1']],
  ['*.example.com', ['192.0.2.1', '2001:db8::1'], ['192.0.2.1', '[2001:db8::1]']],
  ['*.example.com', [], []],
])('a certificate for %s and %j stands for %j', async (name, addresses, hosts) => {
  const directory = temporaryDirectory()
  const files = { cert: join(directory, 'tls.crt'), key: join(directory, 'tls.key'), clientCa: undefined }
  const pair = await selfSigned(name, addresses)
  writeFileSync(files.cert, pair.cert)
  writeFileSync(files.key, pair.key, { mode: 0o600 })
  using credentials = new TlsCredentials(files, { clock: systemClock, log: silentLog })
  expect(credentials.hosts.map((host) => new URL(`https://${host}/`).host)).toEqual(hosts)
})

it('whoever makes the network may leave before the answer: it is served', async () => {
  await using registry = await firstStartProcess(await emptyDatabase())
  const code = registry.url.hash.replace('#setup=', '')
  const leaving = new AbortController()
  const answer = fetch(new URL('/api/v1/setup', registry.url), {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, signal: leaving.signal },
    body: JSON.stringify({ ...WANTED, code }),
  })
  const isBegun = async () =>
    !(await ask<{ readonly isNeeded: boolean }>(registry.url, 'setup')).body.isNeeded
  await waitFor(isBegun, { what: 'the network to be made', deadlineMs: 30_000, intervalMs: 1 })
  leaving.abort()
  await answer.catch(() => {})
  await registry.runs()
})

it('the code is not guessed: after some attempts whoever tries has to wait, and who has it has not', async () => {
  await using registry = await firstStartProcess(await emptyDatabase())
  const attempts: number[] = []
  for (let count = 0; count < 30; count += 1)
    attempts.push((await ask(registry.url, 'setup', { ...WANTED, code: 'x' })).status)
  expect(attempts).toContain(429)
  const code = registry.url.hash.replace('#setup=', '')
  expect((await ask(registry.url, 'setup', { ...WANTED, code, prefix: '10.0.0.0/8' })).status).toBe(400)
})

it('what cannot be written is told of', async () => {
  const file = join(temporaryDirectory(), 'file')
  writeFileSync(file, '')
  await using registry = await firstStartProcess(await emptyDatabase(), join(file, 'directory'))
  const code = registry.url.hash.replace('#setup=', '')
  expect(await ask(registry.url, 'setup', { ...WANTED, code })).toMatchObject({
    status: 409,
    body: { message: expect.stringContaining('is no directory') },
  })
})

it('half an authority is no reason to make another', async () => {
  const directory = temporaryDirectory()
  mkdirSync(directory, { recursive: true })
  writeFileSync(join(directory, 'key'), 'x')
  const { exitCode, stderr } = await failedStart([
    ...['--ca', join(directory, 'crt'), '--key', join(directory, 'key'), '--page', '127.0.0.1:0'],
  ])
  expect(exitCode).toBe(1)
  expect(stderr).toContain('--ca')
})
