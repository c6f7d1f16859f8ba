import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readRegistryCommandLine } from '../../../../../src/core/options/registry-commands.ts'
import type { Session, SignInMethods } from '../../../../../src/registry/api/schemas/access.ts'
import type { AuditPage } from '../../../../../src/registry/api/schemas/audit.ts'
import type { RunningRegistry } from '../../../../../src/registry/registry-settings.ts'
import { emptyDatabase } from '../../../../support/databases.ts'
import { freePort } from '../../../../support/free-port.ts'
import {
  OPEN_ID_CLIENT,
  type OpenIdProvider,
  openIdProvider,
  SmallBrowser,
} from '../../../../support/open-id.ts'
import { localApi, testRegistry } from '../../../../support/registry.ts'

let registry: RunningRegistry & { readonly url: string }
let provider: OpenIdProvider
let base: URL

beforeAll(async () => {
  const port = await freePort()
  base = new URL(`http://127.0.0.1:${port}`)
  provider = await openIdProvider(
    `${base.origin}/api/v1/session/openid/callback`,
    { ann: ['staff', 'net-admins'], bob: ['staff'], eve: ['guests'], mallory: ['staff'] },
    { mallory: 'ann\u001b[2J' },
  )
  registry = await testRegistry({
    databasePath: await emptyDatabase({ isShared: true }),
    api: localApi({
      listener: { kind: 'address', address: '127.0.0.1', port },
      openId: {
        ...{ ...OPEN_ID_CLIENT, issuer: provider.issuer, scope: 'openid profile', claim: 'roles' },
        roles: [
          ['look', 'staff'],
          ['administer', 'net-admins'],
        ],
      },
    }),
  })
})
afterAll(async () => {
  await registry[Symbol.asyncDispose]()
  await provider[Symbol.asyncDispose]()
})

/** Signs in at the provider, and comes back. @returns where the browser is then */
async function signIn(browser: SmallBrowser, name: string): Promise<URL> {
  let page = await browser.open(new URL('/api/v1/session/openid', base))
  for (const form of [{ prompt: 'login', login: name, password: 'x' }, { prompt: 'consent' }]) {
    if (page.url.origin === base.origin) break
    page = await browser.open(page.url, form)
  }
  return page.url
}

const ask = async <Body>(path: string, browser?: SmallBrowser) => {
  const response = await fetch(new URL(`/api/v1/${path}`, base), {
    headers: browser === undefined ? {} : { cookie: browser.cookies(base.origin) },
  })
  return { status: response.status, body: (await response.json()) as Body }
}

describe('with OpenID Connect at a real provider', () => {
  it('somebody has the highest role that a claim gives, which is in the audit log', async () => {
    expect((await ask<SignInMethods>('session/methods')).body.openId).toMatchObject({
      url: '/api/v1/session/openid',
    })
    const [ann, bob] = [new SmallBrowser(), new SmallBrowser()]
    expect((await signIn(ann, 'ann')).href).toBe(`${base.origin}/`)
    await signIn(bob, 'bob')
    expect((await ask<Session>('session', ann)).body).toMatchObject({
      name: 'openid:ann',
      role: 'administer',
      by: 'openid',
    })
    expect((await ask<Session>('session', bob)).body).toMatchObject({ name: 'openid:bob', role: 'look' })
    const { body } = await ask<AuditPage>('audit', ann)
    expect(body.items).toContainEqual(
      expect.objectContaining({
        who: 'openid:ann',
        action: 'session.begun',
        detail: { role: 'administer', subject: 'ann' },
      }),
    )
  })

  it('nobody is taken for somebody else by the name that the provider lets them choose', async () => {
    const mallory = new SmallBrowser()
    await signIn(mallory, 'mallory')
    expect((await ask<Session>('session', mallory)).body.name).toBe('openid:ann[2J (mallory)')
  })

  it('who has no role there is not let in', async () => {
    const eve = new SmallBrowser()
    expect((await signIn(eve, 'eve')).hash).toBe('#openid-refused')
    expect((await ask('session', eve)).status).toBe(401)
  })

  it('a return that did not begin here, in this browser, is none', async () => {
    const path = '/api/v1/session/openid/callback?code=x&state=y'
    const stranger = new SmallBrowser()
    expect((await stranger.open(new URL(path, base))).url.hash).toBe('#openid-refused')
    // The state of another attempt.
    const begun = new SmallBrowser()
    await begun.open(new URL('/api/v1/session/openid', base))
    expect((await begun.open(new URL(path, base))).url.hash).toBe('#openid-refused')
    expect((await ask('session', begun)).status).toBe(401)
  })

  it('attempts of one address are limited', async () => {
    const statuses: number[] = []
    for (let count = 0; count < 30; count += 1)
      statuses.push((await fetch(new URL('/api/v1/session/openid', base), { redirect: 'manual' })).status)
    expect(statuses).toContain(429)
  })
})

describe('the options of OpenID Connect', () => {
  const reason = (...args: string[]) => {
    const request = readRegistryCommandLine(['--ca', 'x', '--key', 'x', ...args], () => ({
      ok: false,
      reason: 'no such file',
    }))
    return request.ok ? '' : request.reason
  }
  const all = ['--oidc-client', 'x', '--oidc-secret', 'x', '--oidc-role', 'look=staff']

  it('go together', () => {
    const page = ['--page', '127.0.0.1:8080']
    expect(reason('--oidc-client', 'x')).toContain('go together')
    expect(reason('--oidc-issuer', 'https://id.example.com', ...all)).toContain('without --page')
    expect(reason('--oidc-issuer', 'http://id.example.com', ...all, ...page)).toContain('https://')
    expect(reason('--oidc-issuer', 'https://id.example.com', ...all, ...page)).toBe('')
    expect(reason('--oidc-role', 'god=staff')).toContain('must be like look=VALUE')
  })
})
