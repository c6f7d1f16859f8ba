import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import type { Logger } from '../../../../src/platform/log.ts'
import { addRoute, newApiApp, refuseOtherMethods } from '../../../../src/registry/api/api-app.ts'
import { API_BASE, openApiDocument } from '../../../../src/registry/api/openapi.ts'
import { API_ROUTES, type ApiRoute } from '../../../../src/registry/api/routes.ts'
import { documentedStatuses } from '../../../support/documented.ts'
import { silentLog } from '../../../support/silent-log.ts'

const document = openApiDocument('0.1.0')
const TOKEN = { label: 'x', scope: 'look', end: '2027-01-01T00:00:00Z' }

test('the document is valid OpenAPI 3.1', async () => {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(structuredClone(document))
  expect(errors).toBeUndefined()
  expect(valid).toBe(true)
  expect(validator.version).toBe('3.1')
})

test('every reference in it leads somewhere', () => {
  const { schemas } = document['components'] as { schemas: Record<string, unknown> }
  const references = JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/(\w+)"/g)
  for (const [, name = ''] of references) expect(Object.keys(schemas)).toContain(name)
})

test('what a stream of events carries is among the schemas, too', () => {
  const { schemas } = document['components'] as { schemas: Record<string, unknown> }
  for (const name of ['TopologySnapshot', 'TopologyChange']) expect(Object.keys(schemas)).toContain(name)
})

test('no two routes are the same, and what changes something is never a GET', () => {
  const routes = Object.values<ApiRoute>(API_ROUTES)
  expect(new Set(routes.map(({ method, path }) => `${method} ${path}`)).size).toBe(routes.length)
  for (const { method, body } of routes) if (body) expect(method).not.toBe('GET')
})

test('what a query does not know is refused: each of them is closed', () => {
  for (const { query } of Object.values<ApiRoute>(API_ROUTES))
    if (query) expect(query).toHaveProperty('additionalProperties', false)
})

type Operation = {
  readonly responses: Readonly<Record<string, { readonly headers?: object; readonly content?: object }>>
}

test('each status that a route answers with is in it, and no other', () => {
  const paths = document['paths'] as Record<string, Record<string, Operation>>
  for (const route of Object.values<ApiRoute>(API_ROUTES)) {
    const operation = paths[route.path.replaceAll(/:(\w+)/g, '{$1}')]?.[route.method.toLowerCase()]
    expect(Object.keys(operation?.responses ?? {}).map(Number)).toEqual(
      [...documentedStatuses(route)].sort((one, other) => one - other),
    )
    for (const [status, { headers = {}, content }] of Object.entries(operation?.responses ?? {})) {
      if (Number(status) >= 400) expect(content).toHaveProperty('application/json')
      expect('Retry-After' in headers).toBe(['429', '503'].includes(status))
    }
  }
})

test('what a route says that is not documented is a fault', async () => {
  const errors: unknown[] = []
  const app = newApiApp({
    ...{ files: new Map(), url: undefined, isLocal: true, admit: () => {} },
    log: { error: (fields: unknown) => errors.push(fields) } as unknown as Logger,
    clock: { monotonicMs: () => 0 },
  })
  const answers: Record<string, unknown> = {
    whole: { isNeeded: true },
    more: { isNeeded: true, password: 'secret' },
    less: {},
  }
  for (const [name, answer] of Object.entries(answers))
    addRoute(app, name, { ...API_ROUTES.setup, path: `/${name}` }, async () => answer)
  const statusOf = async (name: string) => (await app.inject(`${API_BASE}/${name}`)).statusCode
  expect([await statusOf('whole'), await statusOf('more'), await statusOf('less')]).toEqual([200, 500, 500])
  expect(errors).toHaveLength(2)
  await app.close()
})

test.each([
  ['POST', '/tokens', { label: 'x' }, 'body: scope, end missing', 'body/scope'],
  [
    'POST',
    '/tokens',
    { ...TOKEN, scope: 'root' },
    'body: scope must be one of look, enrol, administer',
    'body/scope',
  ],
  ['POST', '/tokens', { ...TOKEN, end: 'tomorrow' }, 'body: end must be a time like 2026-', 'body/end'],
  ['POST', '/tokens', { ...TOKEN, more: 1 }, 'body: there is no more here', 'body/more'],
  ['POST', '/revocations', {}, 'body: machine missing, or serial missing', 'body/machine'],
  ['POST', '/revocations', { serial: 'x' }, 'body: serial must be integer', 'body/serial'],
  ['POST', '/revocations', { machine: 'x' }, 'body: machine must be like 5/16', 'body/machine'],
  ['POST', '/tokens', 'x', 'the body is not JSON', undefined],
  ['POST', '/tokens', '', 'the body is empty', undefined],
  ['GET', '/machines?stat=expiring', undefined, 'query: there is no stat here', 'query/stat'],
  [
    'GET',
    '/machines?order=up',
    undefined,
    'query: order must be one of ascending, descending',
    'query/order',
  ],
  ['GET', '/machines/x', undefined, 'path: name must be like 5/16', 'path/name'],
] as const)('wrong input is told of with what to do: %s %s %j', async (method, url, body, message, field) => {
  const app = newApiApp({
    ...{ files: new Map(), url: undefined, isLocal: true, admit: () => {} },
    log: silentLog,
    clock: { monotonicMs: () => 0 },
  })
  for (const [name, route] of Object.entries<ApiRoute>(API_ROUTES))
    addRoute(app, name, route, async ({ read }) => read())
  const answer = await app.inject({
    ...{ method, url: `${API_BASE}${url}` },
    ...(body === undefined
      ? {}
      : {
          payload: typeof body === 'string' ? body : JSON.stringify(body),
          headers: { 'content-type': 'application/json' },
        }),
  })
  expect(answer.statusCode).toBe(400)
  expect(answer.json()).toEqual({
    code: 'bad-request',
    message: expect.stringContaining(message),
    ...(field === undefined ? {} : { field }),
  })
  await app.close()
})

test('another method than those of a path is refused with these', async () => {
  const app = newApiApp({
    ...{ files: new Map(), url: undefined, isLocal: true, admit: () => {} },
    log: silentLog,
    clock: { monotonicMs: () => 0 },
  })
  for (const [name, route] of Object.entries<ApiRoute>(API_ROUTES))
    addRoute(app, name, route, async () => ({}))
  refuseOtherMethods(app, Object.values<ApiRoute>(API_ROUTES))
  const answer = await app.inject({ method: 'PUT', url: `${API_BASE}/tokens` })
  expect(answer.statusCode).toBe(405)
  expect(answer.headers['allow']).toBe('GET, POST')
  expect((await app.inject({ method: 'HEAD', url: `${API_BASE}/network` })).statusCode).toBe(405)
  await app.close()
})
