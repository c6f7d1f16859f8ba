import { request } from 'node:http'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROLES, type Role } from '../../../../src/core/values/roles.ts'
import { setAdministrator } from '../../../../src/registry/api/access/administrators.ts'
import { BearerTokens } from '../../../../src/registry/api/access/bearer-tokens.ts'
import { API_BASE } from '../../../../src/registry/api/openapi.ts'
import { API_ROUTES, type ApiRoute } from '../../../../src/registry/api/routes.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import { emptyDatabase } from '../../../support/databases.ts'
import { documentedStatuses } from '../../../support/documented.ts'
import { localApi, testRegistry } from '../../../support/registry.ts'

const PASSWORD = 'correct horse battery'
const actor = { name: 'test', from: undefined }
const ROUTES = Object.entries<ApiRoute>(API_ROUTES).map(([name, route]) => ({ name, route }))

type Headers = Readonly<Record<string, string>>

let registry: Awaited<ReturnType<typeof testRegistry>>
const tokens = new Map<Role, string>()
const sessions = new Map<Role, { readonly cookie: string; readonly csrf: string }>()
let asked = 0

/** Asks with nothing that the route could work with: whoever may not call it must not learn even that. */
const ask = (route: ApiRoute, headers: Headers, body = '{}') =>
  new Promise<{ status: number; headers: Headers; text: string }>((resolve, reject) => {
    const hasBody = route.body !== undefined
    asked += 1
    request(
      {
        ...{ host: '127.0.0.1', port: registry.pagePort, method: route.method, agent: false },
        // Addresses of loopback count as other machines: of one, not so many calls are taken.
        localAddress: `127.0.2.${1 + (asked % 250)}`,
        path: `${API_BASE}${route.path.replace(/:\w+/g, 'x')}`,
        headers: { ...(hasBody ? { 'Content-Type': 'application/json' } : {}), ...headers },
      },
      (answer) => {
        let text = ''
        expect(documentedStatuses(route)).toContain(answer.statusCode)
        answer.setEncoding('utf8').on('data', (part: string) => {
          text += part
        })
        answer.on('error', () => {})
        const done = () =>
          resolve({ status: answer.statusCode ?? 0, headers: answer.headers as Headers, text })
        // A stream has no end.
        if (answer.headers['content-type'] === 'text/event-stream') {
          done()
          answer.destroy()
        } else answer.on('end', done)
      },
    )
      .on('error', reject)
      .end(hasBody ? body : undefined)
  })

beforeAll(async () => {
  const databasePath = await emptyDatabase({ isShared: true })
  const store = await openStore(databasePath)
  const clock = { now: () => Date.now() }
  for (const role of ROLES) {
    await setAdministrator(store, actor, { name: role, role, password: PASSWORD }, Date.now())
    const end = new Date(Date.now() + 3600_000).toISOString()
    const { secret } = await new BearerTokens(store, clock).make(actor, { label: role, scope: role, end })
    tokens.set(role, secret)
  }
  await store[Symbol.asyncDispose]()
  registry = await testRegistry({
    databasePath,
    api: localApi(),
  })
  for (const role of ROLES) {
    const body = JSON.stringify({ name: role, password: PASSWORD })
    const { headers, text } = await ask(API_ROUTES.signIn, {}, body)
    const cookie = String(headers['set-cookie']).split(';')[0] ?? ''
    sessions.set(role, { cookie, csrf: (JSON.parse(text) as { csrfToken: string }).csrfToken })
  }
})
afterAll(() => registry[Symbol.asyncDispose]())

const withToken = (role: Role): Headers => ({ authorization: `Bearer ${tokens.get(role)}` })
const withSession = (role: Role): Headers => {
  const { cookie = '', csrf = '' } = sessions.get(role) ?? {}
  return { cookie, 'x-csrf-token': csrf }
}

describe.each(ROUTES.filter(({ route }) => route.role !== undefined))('$name', ({ name, route }) => {
  const lowest = ROLES.indexOf(route.role ?? 'look')

  it('is for nobody who is not signed in', async () => {
    const unknown = await ask(route, {})
    expect(unknown.status).toBe(401)
    expect(unknown.headers['www-authenticate']).toBe('Bearer realm="re6st registry"')
    const wrong = await ask(route, { authorization: 'Bearer re6st_none' })
    expect(wrong.status).toBe(401)
    expect(wrong.headers['www-authenticate']).toContain('error="invalid_token"')
  })

  it.each(ROLES.filter((_, at) => at < lowest))(
    'is neither for who may %s, nor for their programs',
    async (role) => {
      for (const headers of [withToken(role), withSession(role)])
        expect((await ask(route, headers)).status).toBe(403)
    },
  )

  // Signing out ends what others are tested with.
  it.skipIf(name === 'signOut').each(ROLES.filter((_, at) => at >= lowest))(
    'is for who may %s, and for their programs',
    async (role) => {
      for (const headers of [withToken(role), withSession(role)])
        expect([401, 403]).not.toContain((await ask(route, headers)).status)
    },
  )

  it.skipIf(route.method === 'GET')('is not for a page that has not the token of the session', async () => {
    const { cookie, 'x-csrf-token': csrf = '' } = withSession('administer') as Record<string, string>
    const [other = ''] = [sessions.get('look')?.csrf]
    for (const forged of [
      { cookie: cookie ?? '' },
      { cookie: cookie ?? '', 'x-csrf-token': other },
      { cookie: cookie ?? '', 'x-csrf-token': csrf, origin: 'https://evil.example' },
      { cookie: cookie ?? '', 'x-csrf-token': csrf, 'sec-fetch-site': 'cross-site' },
    ])
      expect((await ask(route, forged)).status).toBe(403)
  })
})

describe.each(ROUTES.filter(({ route }) => route.role === undefined && route.method !== 'GET'))(
  '$name, which is for everybody,',
  ({ route }) => {
    it('is for no other page in somebody’s browser', async () => {
      for (const headers of [{ origin: 'https://evil.example' }, { 'sec-fetch-site': 'cross-site' }])
        expect((await ask(route, headers)).status).toBe(403)
    })
  },
)

it('only those routes are for everybody that must be', () => {
  expect(ROUTES.filter(({ route }) => route.role === undefined).map(({ name }) => name)).toEqual([
    ...[
      'setup',
      'makeNetwork',
      'signInMethods',
      'signIn',
      'certificateSignIn',
      'openIdSignIn',
      'openIdReturn',
    ],
    ...['enrolmentInformation', 'requestToken', 'invitationState'],
  ])
})
