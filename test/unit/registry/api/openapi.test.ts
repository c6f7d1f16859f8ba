import { Validator } from '@seriousme/openapi-schema-validator'
import { expect, test } from 'vitest'
import { openApiDocument } from '../../../../src/registry/api/openapi.ts'
import { API_ROUTES, type ApiRoute } from '../../../../src/registry/api/routes.ts'

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
