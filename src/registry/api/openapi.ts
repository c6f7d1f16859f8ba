import type { TSchema } from 'typebox'
import { API_ROUTES, type ApiRoute } from './routes.ts'
import { ApiError } from './schemas/common.ts'

/** Where the API is. */
export const API_BASE = '/api/v1'

type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/**
 * The API as OpenAPI 3.1 says it, made of the table of routes that the server is made of. Schemas that have a name are
 * under `components`.
 */
export function openApiDocument(version: string): Record<string, unknown> {
  const components = new Map<string, Json>()
  const ref = (schema: TSchema): Json => extract(plain(schema), components)
  const error = ref(ApiError)
  const paths: Record<string, Record<string, Json>> = {}
  for (const [name, route] of Object.entries<ApiRoute>(API_ROUTES)) {
    const path = route.path.replaceAll(/:(\w+)/g, '{$1}')
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: operation(name, route, ref, error) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 're6stnet registry',
      version,
      license: { name: 'MIT', identifier: 'MIT' },
      description: 'Sees and steers a re6st network. What nodes call is not part of it.',
    },
    servers: [{ url: API_BASE }],
    paths,
    components: {
      schemas: Object.fromEntries(components),
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer' },
        session: {
          type: 'apiKey',
          in: 'cookie',
          name: '__Host-re6st',
          description:
            'Over plain HTTP the cookie is called re6st. Whatever is not a GET needs the header X-CSRF-Token. What a person does keeps it alive: whatever is not a GET, and what has the header X-In-Use.',
        },
      },
    },
  }
}

/** What a status says that is no success. */
const REFUSALS: Readonly<Record<number, string>> = {
  400: 'Something of the request is wrong',
  401: 'Not signed in',
  403: 'Not allowed, or asked by another page or under another host',
  404: 'There is no such thing here',
  409: 'It cannot be done as things are',
  413: 'The body is too long',
  429: 'Too many requests',
  500: 'A fault of the registry, or of what it needs: its log says why',
  503: 'Not now',
}

/** With these it may be said when it is worth trying again. */
const LATER: readonly number[] = [429, 503]

/** Statuses with which a route may refuse. */
export function refusalsOf({ role, body, refusals = [] }: ApiRoute): readonly number[] {
  const all = [
    ...[400, 403, 429, 500, 503],
    ...(role === undefined ? [] : [401]),
    ...(body ? [413] : []),
    ...refusals,
  ]
  return [...new Set(all)].sort((one, other) => one - other)
}

const refusal = (status: number, error: Json): Json => ({
  description: REFUSALS[status] ?? '',
  ...(LATER.includes(status)
    ? { headers: { 'Retry-After': { description: 'In seconds', schema: { type: 'integer' } } } }
    : {}),
  ...(status === 401
    ? { headers: { 'WWW-Authenticate': { description: 'RFC 6750', schema: { type: 'string' } } } }
    : {}),
  content: { 'application/json': { schema: error } },
})

function operation(name: string, route: ApiRoute, ref: (schema: TSchema) => Json, error: Json): Json {
  const { summary, role, params, query, body, answer, contentType = 'application/json' } = route
  // Also what the events of a stream are is among the schemas.
  const answered = answer && ref(answer)
  const text = { schema: { type: 'string' } }
  const headers = {
    ...(route.redirects === true ? { Location: text } : {}),
    ...(route.setsCookie === true ? { 'Set-Cookie': text } : {}),
  }
  const done = {
    description: route.redirects === true ? 'To another page' : 'Done',
    ...(Object.keys(headers).length > 0 ? { headers } : {}),
  }
  return {
    operationId: name,
    summary,
    ...(role === undefined
      ? { security: [] }
      : { description: `Role: ${role}`, security: [{ bearer: [] }, { session: [] }] }),
    parameters: [...parameters('path', params, ref), ...parameters('query', query, ref)],
    ...(body
      ? { requestBody: { required: true, content: { 'application/json': { schema: ref(body) } } } }
      : {}),
    responses: {
      ...(answered
        ? {
            200: {
              ...done,
              content: { [contentType]: contentType === 'application/json' ? { schema: answered } : text },
            },
          }
        : { [route.redirects === true ? 302 : 204]: done }),
      ...Object.fromEntries(refusalsOf(route).map((status) => [status, refusal(status, error)])),
    },
  }
}

function parameters(
  place: 'path' | 'query',
  schema: TSchema | undefined,
  ref: (schema: TSchema) => Json,
): Json[] {
  if (!schema || !('properties' in schema)) return []
  const required = 'required' in schema && Array.isArray(schema.required) ? schema.required : []
  return Object.entries(schema.properties as Record<string, TSchema>).map(([name, of]) => ({
    name,
    in: place,
    required: place === 'path' || required.includes(name),
    schema: ref(of),
  }))
}

/** Without what only the library needs. */
const plain = (schema: TSchema): Json => JSON.parse(JSON.stringify(schema)) as Json

/** Puts what has a name under `components`, and a reference in its place. */
function extract(schema: Json, components: Map<string, Json>): Json {
  if (Array.isArray(schema)) return schema.map((item: Json) => extract(item, components))
  if (typeof schema !== 'object' || schema === null) return schema
  const { $id, ...rest } = schema as Record<string, Json>
  const inner = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, extract(value, components)]),
  )
  if (typeof $id !== 'string') return inner
  components.set($id, inner)
  return { $ref: `#/components/schemas/${$id}` }
}
