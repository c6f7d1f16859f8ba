import { afterAll, beforeAll, expect, it } from 'vitest'
import { setAdministrator } from '../../../../src/registry/api/access/administrators.ts'
import type {
  Administrators,
  MadeAdministrator,
  Session,
} from '../../../../src/registry/api/schemas/access.ts'
import type { AuditPage } from '../../../../src/registry/api/schemas/audit.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import type { RunningRegistry } from '../../../../src/registry/registry-settings.ts'
import { emptyDatabase } from '../../../support/databases.ts'
import { localApi, testRegistry } from '../../../support/registry.ts'

const PASSWORD = 'correct horse battery'

let registry: RunningRegistry & { readonly url: string }
let base = ''

interface Answer<Body> {
  readonly status: number
  readonly cookie: string
  readonly body: Body
}

async function ask<Body = unknown>(
  method: 'GET' | 'POST' | 'DELETE',
  path: string,
  { body, headers = {} }: { readonly body?: unknown; readonly headers?: Record<string, string> } = {},
): Promise<Answer<Body>> {
  const response = await fetch(`${base}/api/v1${path}`, {
    method,
    headers: { ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return {
    status: response.status,
    cookie: response.headers.get('set-cookie')?.split(';')[0] ?? '',
    body: (text === '' ? undefined : JSON.parse(text)) as Body,
  }
}

/** Headers of somebody who is signed in. */
async function signIn(name: string, password = PASSWORD) {
  const { cookie, body } = await ask<Session>('POST', '/session', { body: { name, password } })
  return { cookie, 'x-csrf-token': body.csrfToken ?? '' }
}

beforeAll(async () => {
  const databasePath = await emptyDatabase({ isShared: true })
  const store = await openStore(databasePath)
  const actor = { name: 'test', from: undefined }
  for (const [name, role] of [
    ['ann', 'administer'],
    ['eve', 'enrol'],
  ] as const)
    await setAdministrator(store, actor, { name, role, password: PASSWORD }, Date.now())
  await store[Symbol.asyncDispose]()
  registry = await testRegistry({
    databasePath,
    api: localApi({ registryUrl: 'http://registry.example.com/' }),
  })
  base = `http://127.0.0.1:${registry.pagePort}`
})
afterAll(() => registry[Symbol.asyncDispose]())

it('administrators are added, changed, disabled, signed out and removed by one, and the audit log says so', async () => {
  const headers = await signIn('ann')
  const added = await ask<MadeAdministrator>('POST', '/administrators', {
    headers,
    body: { name: 'bob', role: 'look' },
  })
  expect(added).toMatchObject({ status: 200, body: { name: 'bob', role: 'look' } })
  const password = added.body.password ?? ''
  const bob = await signIn('bob', password)
  const list = () => ask<Administrators>('GET', '/administrators', { headers })
  expect((await list()).body).toMatchObject({
    items: [
      { name: 'ann', role: 'administer', sessions: 1 },
      { name: 'bob', role: 'look', isDisabled: false, sessions: 1 },
      { name: 'eve', sessions: 0 },
    ],
    elsewhere: [],
  })
  expect(JSON.stringify((await list()).body)).not.toContain('scrypt')

  expect((await ask('POST', '/sessions/end', { headers, body: { name: 'bob' } })).status).toBe(204)
  expect((await ask('GET', '/session', { headers: bob })).status).toBe(401)
  expect((await ask('POST', '/sessions/end', { headers, body: { name: 'bob' } })).status).toBe(404)

  expect((await ask('POST', '/administrators/bob', { headers, body: { role: 'administer' } })).status).toBe(
    204,
  )
  expect((await ask('GET', '/administrators', { headers: await signIn('bob', password) })).status).toBe(200)
  expect((await ask('POST', '/administrators/bob', { headers, body: { isDisabled: true } })).status).toBe(204)
  expect((await ask('POST', '/session', { body: { name: 'bob', password } })).status).toBe(401)
  expect((await ask('DELETE', '/administrators/bob', { headers })).status).toBe(204)
  expect((await list()).body.items.map(({ name }) => name)).toEqual(['ann', 'eve'])

  const log = await ask<AuditPage>('GET', '/audit?who=ann', { headers })
  expect(log.body.items.map(({ action, subject }) => [action, subject]).slice(0, 5)).toEqual([
    ['admin.removed', 'bob'],
    ['admin.changed', 'bob'],
    ['admin.changed', 'bob'],
    ['sessions.ended', 'bob'],
    ['admin.added', 'bob'],
  ])
  expect(JSON.stringify(log.body)).not.toContain(password)
})

it('the last who may administer stays, and what is no administrator is refused', async () => {
  const headers = await signIn('ann')
  expect((await ask('DELETE', '/administrators/ann', { headers })).status).toBe(409)
  for (const body of [{ role: 'look' }, { isDisabled: true }])
    expect((await ask('POST', '/administrators/ann', { headers, body })).status).toBe(409)
  for (const body of [
    { name: 'a b', role: 'look' },
    { name: 'x', role: 'root' },
    { name: 'x', role: 'look', password: 'short' },
  ])
    expect((await ask('POST', '/administrators', { headers, body })).status).toBe(400)
  expect(
    (await ask('POST', '/administrators', { headers, body: { name: 'eve', role: 'look' } })).status,
  ).toBe(409)
  expect((await ask('DELETE', '/administrators/nobody', { headers })).status).toBe(404)
  expect((await ask('POST', '/administrators/eve', { headers, body: {} })).status).toBe(400)
})

it('who may not administer sees and changes none of them', async () => {
  const headers = await signIn('eve')
  const attempts = [
    ask('GET', '/administrators', { headers }),
    ask('POST', '/administrators', { headers, body: { name: 'mallory', role: 'administer' } }),
    ask('POST', '/administrators/eve', { headers, body: { role: 'administer' } }),
    ask('DELETE', '/administrators/ann', { headers }),
    ask('POST', '/sessions/end', { headers, body: { name: 'ann' } }),
  ]
  expect((await Promise.all(attempts)).map(({ status }) => status)).toEqual([403, 403, 403, 403, 403])
})

it('another password is made up or given, ends sessions, and changes nothing else', async () => {
  const headers = await signIn('ann')
  const password = 'the one of before'
  await ask('POST', '/administrators', { headers, body: { name: 'kim', role: 'look', password } })
  const kim = await signIn('kim', password)
  const set = (name: string, body: object, by = headers) =>
    ask<MadeAdministrator>('POST', `/administrators/${name}/password`, { headers: by, body })
  const isRight = async (given: string) =>
    (await ask('POST', '/session', { body: { name: 'kim', password: given } })).status === 200

  expect((await set('kim', {}, kim)).status).toBe(403)
  const made = await set('kim', {})
  expect(made).toMatchObject({ status: 200, body: { name: 'kim', role: 'look' } })
  expect((await ask('GET', '/session', { headers: kim })).status).toBe(401)
  expect([await isRight(password), await isRight(made.body.password ?? '')]).toEqual([false, true])

  expect((await set('kim', { password: 'short' })).status).toBe(400)
  expect((await set('nobody', {})).status).toBe(404)
  await ask('POST', '/administrators/kim', { headers, body: { isDisabled: true } })
  expect((await set('kim', { password: 'chosen by somebody' })).body).toEqual({ name: 'kim', role: 'look' })
  expect(await isRight('chosen by somebody')).toBe(false)
  await ask('POST', '/administrators/kim', { headers, body: { isDisabled: false } })
  expect(await isRight('chosen by somebody')).toBe(true)
  await ask('DELETE', '/administrators/kim', { headers })
})
