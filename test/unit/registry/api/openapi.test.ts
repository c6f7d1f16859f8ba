import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import type { Logger } from '../../../../src/platform/log.ts'
import { addRoute, newApiApp } from '../../../../src/registry/api/api-app.ts'
import { API_BASE, openApiDocument } from '../../../../src/registry/api/openapi.ts'
import { API_ROUTES, type ApiRoute } from '../../../../src/registry/api/routes.ts'
import { documentedStatuses } from '../../../support/documented.ts'

const document = openApiDocument('0.1.0')

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
