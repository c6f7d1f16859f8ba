import type { IncomingMessage } from 'node:http'
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Convert } from 'typebox/value'
import { messageOf } from '../../core/errors.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import { VERSION } from '../../platform/version.ts'
import { Refusal } from '../refusal.ts'
import { ApiRefusal, apiRefusalOf } from './api-refusal.ts'
import { isOwnHost, SECURITY_HEADERS } from './guards.ts'
import { API_LIMITS } from './limits.ts'
import { API_BASE, openApiDocument } from './openapi.ts'
import type { ApiRoute } from './routes.ts'
import { describeFaults } from './schema-faults.ts'
import { fileFor, type StaticFile } from './static-files.ts'

/** What a server of the page and the API is made with. */
export interface ApiAppSettings {
  /** The page. */
  readonly files: ReadonlyMap<string, StaticFile>
  /** Where the page is known to be. */
  readonly url: string | undefined
  /** Over the socket that only the registry's own user may open. */
  readonly isLocal: boolean
  /** Who asks too much is refused here. @throws ApiRefusal */
  readonly admit: (request: IncomingMessage) => void
  readonly log: Logger
  readonly clock: Pick<Clock, 'monotonicMs'>
}

/** What went wrong, and where. */
type TellFailure = (fields: { err: unknown; method: string; path: string | undefined }, text: string) => void

/** Parts of a request, checked. */
export interface ApiParts {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

/** A request of a route. */
export interface ApiExchange {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
  /** @throws ApiRefusal 400 */
  read(): ApiParts
}

/** A server without routes: what protects it, the page, and how a refusal is said. */
export function newApiApp({ files, url, isLocal, admit, log, clock }: ApiAppSettings): FastifyInstance {
  const hosts = new Set(url === undefined ? [] : [new URL(url).host])
  const isSecure = url?.startsWith('https:') === true
  const app = fastify({
    bodyLimit: API_LIMITS.maxBodyLength,
    requestTimeout: API_LIMITS.requestTimeoutMs,
    keepAliveTimeout: API_LIMITS.keepAliveMs,
    http: { maxHeaderSize: API_LIMITS.maxHeaderLength, headersTimeout: API_LIMITS.requestTimeoutMs },
    routerOptions: { maxParamLength: 100 },
    exposeHeadRoutes: false,
    forceCloseConnections: true,
  })
  const failures = new LogLimit(clock)
  app.setErrorHandler((error, request, reply) =>
    refuse(error, request, reply, (fields, text) =>
      failures.write(`${fields.method} ${fields.path}`, (omitted) =>
        log.error({ ...fields, ...omitted }, text),
      ),
    ),
  )
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS)
    // A page that was open over an upgrade is told so by it.
    reply.header('Re6st-Version', VERSION)
    if (isSecure) reply.header('Strict-Transport-Security', 'max-age=31536000')
    if (isLocal) return
    if (!isOwnHost(request.headers.host, hosts))
      throw new ApiRefusal(
        403,
        'forbidden',
        'this host is not known: open the page by its address, or name its host by --page-url',
      )
    admit(request.raw)
  })
  const document = JSON.stringify(openApiDocument(VERSION))
  app.get(`${API_BASE}/openapi.json`, async (_, reply) =>
    reply.type('application/json; charset=utf-8').header('Cache-Control', 'no-cache').send(document),
  )
  app.setNotFoundHandler((request, reply) => sendFile(files, request, reply))
  return app
}

/**
 * Adds a route. What it takes and what it says is checked by its schemas.
 * @param answer says the body of the answer, unless it has answered itself
 */
export function addRoute(
  app: FastifyInstance,
  name: string,
  route: ApiRoute,
  answer: (exchange: ApiExchange) => Promise<unknown>,
): void {
  const readers = { params: reader(route.params), query: reader(route.query), body: reader(route.body) }
  const check = route.answer && Compile(closed(route.answer))
  app.route({
    method: route.method,
    url: `${API_BASE}${route.path}`,
    handler: async (request, reply) => {
      const read = () => ({
        params: readers.params(request.params, 'path'),
        query: readers.query(request.query, 'query'),
        body: readers.body(request.body, 'body'),
      })
      reply.header('Cache-Control', 'no-store')
      const said = await answer({ request, reply, read })
      if (reply.sent) return reply
      if (!check) return reply.code(204).send()
      if (!check.Check(said))
        throw new Error(
          `the answer of ${name} is not what is documented: ${describeFaults(route.answer ?? {}, check.Errors(said)).text}`,
        )
      return reply.type('application/json; charset=utf-8').send(JSON.stringify(said))
    },
  })
}

/** Answers the other methods of the paths of these routes. */
export function refuseOtherMethods(app: FastifyInstance, routes: readonly ApiRoute[]): void {
  for (const path of new Set(routes.map((route) => route.path))) {
    const allowed = routes.filter((route) => route.path === path).map(({ method }) => method)
    app.route({
      method: METHODS.filter((method) => !(allowed as readonly string[]).includes(method)),
      url: `${API_BASE}${path}`,
      handler: (request, reply) => {
        reply.header('Allow', allowed.join(', '))
        throw new ApiRefusal(
          405,
          'bad-request',
          `${request.method} is not for this, but ${allowed.join(', ')}`,
        )
      },
    })
  }
}

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']

/** The same, without what is not documented: clients take more in a later version, but we give only what we say. */
function closed(schema: TSchema): TSchema {
  const close = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(close)
    if (typeof value !== 'object' || value === null) return value
    const inner = Object.fromEntries(Object.entries(value).map(([name, part]) => [name, close(part)]))
    return 'properties' in inner ? { additionalProperties: false, ...inner } : inner
  }
  return close(schema) as TSchema
}

function refuse(
  error: unknown,
  { method, routeOptions, headers }: FastifyRequest,
  reply: FastifyReply,
  tell: TellFailure,
): FastifyReply {
  const refusal = apiRefusalOf(error)
  const failure = error instanceof Refusal ? error.cause : refusal ? undefined : error
  if (failure !== undefined)
    tell({ err: failure, method, path: routeOptions.url }, `the API failed: ${messageOf(failure)}`)
  const { status, code, message, field, retryAfterMs } =
    refusal ?? new ApiRefusal(500, 'failed', 'the registry could not do this: its log says why')
  if (retryAfterMs !== undefined)
    reply.header('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))))
  // RFC 6750, section 3.
  if (status === 401)
    reply.header(
      'WWW-Authenticate',
      `Bearer realm="re6st registry"${headers.authorization === undefined ? '' : ', error="invalid_token"'}`,
    )
  return reply
    .code(status)
    .header('Cache-Control', 'no-store')
    .type('application/json; charset=utf-8')
    .send(JSON.stringify({ code, message, ...(field === undefined ? {} : { field }) }))
}

function sendFile(
  files: ReadonlyMap<string, StaticFile>,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  const file = request.method === 'GET' || request.method === 'HEAD' ? fileFor(files, request.url) : undefined
  if (!file) throw new ApiRefusal(404, 'not-found', 'there is nothing here')
  reply.headers(file.headers)
  if (request.headers['if-none-match'] === file.headers['ETag']) return reply.code(304).send()
  return reply.send(request.method === 'HEAD' ? '' : file.content)
}

/** What reads a part of a request. Text of a path or a query is turned into the numbers that it stands for. */
function reader(schema: TSchema | undefined): (value: unknown, part: 'path' | 'query' | 'body') => unknown {
  if (!schema) return () => undefined
  const check = Compile(schema)
  return (given, part) => {
    const value = part === 'body' ? given : Convert(schema, given)
    if (check.Check(value)) return value
    const { text, path } = describeFaults(schema, check.Errors(value))
    throw new ApiRefusal(400, 'bad-request', `${part}: ${text}`, { field: `${part}${path}` })
  }
}
