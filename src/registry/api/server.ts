import type { IncomingMessage, Server } from 'node:http'
import fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import type { TSchema } from 'typebox'
import { Compile } from 'typebox/compile'
import { Convert } from 'typebox/value'
import { messageOf } from '../../core/errors.ts'
import { TokenBuckets } from '../../core/token-buckets.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { VERSION } from '../../platform/version.ts'
import type { Store } from '../database/store.ts'
import { originOf, plainAddress } from '../server/caller.ts'
import { checkPassword } from './access/administrators.ts'
import { BearerTokens } from './access/bearer-tokens.ts'
import { Sessions } from './access/sessions.ts'
import { SignInLimits } from './access/sign-in-limits.ts'
import { ApiRefusal, apiRefusalOf } from './api-refusal.ts'
import { audit } from './audit-log.ts'
import { authenticate } from './authenticate.ts'
import type { ApiCall, ApiHandlers, Principal } from './call.ts'
import { cookieOf, isOwnHost, SECURITY_HEADERS } from './guards.ts'
import { API_LIMITS } from './limits.ts'
import { API_BASE, openApiDocument } from './openapi.ts'
import { API_ROUTES, type ApiRoute, type ApiRouteName } from './routes.ts'
import type { Session, SignIn } from './schemas/access.ts'
import { fileFor, type StaticFile } from './static-files.ts'
import { timeOf } from './time.ts'
import type { TopologyStream } from './topology-stream.ts'

/** What the servers of the API need. */
export interface ApiServerComponents {
  readonly store: Store
  readonly handlers: ApiHandlers
  readonly stream: TopologyStream
  readonly files: ReadonlyMap<string, StaticFile>
  readonly clock: Pick<Clock, 'now' | 'monotonicMs'>
  readonly log: Logger
  readonly trustedProxies: ReadonlySet<string>
  /** Where the page is known to be, e.g. `https://registry.example.com`. */
  readonly url: string | undefined
}

/** `local`: the socket that only the registry's own user may open. */
export type ApiListener = 'local' | 'public'

type AnyHandler = (call: unknown) => unknown

interface Parts {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
}

/** The servers of the page and the API, which share sessions and limits. */
export class ApiServers {
  readonly #components: ApiServerComponents
  readonly #sessions: Sessions
  readonly #tokens: BearerTokens
  readonly #signIns = new SignInLimits()
  readonly #sources = new TokenBuckets({
    perSecond: API_LIMITS.callsPerSecond,
    burst: API_LIMITS.callsAtOnce,
    remembered: API_LIMITS.sources,
  })
  readonly #hosts: ReadonlySet<string>
  readonly #cookieName: string
  readonly #isSecure: boolean

  constructor(components: ApiServerComponents) {
    this.#components = components
    const { store, clock, url } = components
    this.#sessions = new Sessions(store, clock)
    this.#tokens = new BearerTokens(store, clock)
    this.#hosts = new Set(url === undefined ? [] : [new URL(url).host])
    this.#isSecure = url?.startsWith('https:') === true
    this.#cookieName = this.#isSecure ? '__Host-re6st' : 're6st'
  }

  /** A server that is not listening yet. */
  async create(listener: ApiListener): Promise<Server> {
    const app = fastify({
      bodyLimit: API_LIMITS.maxBodyLength,
      requestTimeout: API_LIMITS.requestTimeoutMs,
      keepAliveTimeout: API_LIMITS.keepAliveMs,
      http: { maxHeaderSize: API_LIMITS.maxHeaderLength, headersTimeout: API_LIMITS.requestTimeoutMs },
      routerOptions: { maxParamLength: 100 },
      exposeHeadRoutes: false,
      forceCloseConnections: true,
    })
    app.server.maxConnections = API_LIMITS.maxConnections
    app.setErrorHandler((error, request, reply) => this.#refuse(error, request, reply))
    app.addHook('onRequest', async (request, reply) => {
      reply.headers(SECURITY_HEADERS)
      if (this.#isSecure) reply.header('Strict-Transport-Security', 'max-age=31536000')
      if (listener === 'local') return
      if (!isOwnHost(request.headers.host, this.#hosts))
        throw new ApiRefusal(
          403,
          'forbidden',
          'this host is not known: open the page by its address, or name its host by --page-url',
        )
      this.#charge(this.#originOf(request.raw).source)
    })
    for (const [name, route] of Object.entries<ApiRoute>(API_ROUTES)) {
      const readers = { params: reader(route.params), query: reader(route.query), body: reader(route.body) }
      const check = route.answer && Compile(route.answer)
      app.route({
        method: route.method,
        url: `${API_BASE}${route.path}`,
        handler: async (request, reply) => {
          const origin = this.#originOf(request.raw)
          const who = await authenticate(
            { sessions: this.#sessions, tokens: this.#tokens, cookieName: this.#cookieName },
            route,
            { headers: request.headers, from: origin.address, isLocal: listener === 'local' },
          )
          const parts: Parts = {
            params: readers.params(request.params, 'path'),
            query: readers.query(request.query, 'query'),
            body: readers.body(request.body, 'body'),
          }
          const call = { ...parts, who, source: origin.source, baseUrl: this.#baseUrl(request) }
          reply.header('Cache-Control', 'no-store')
          if (name === 'topologyEvents') return this.#components.stream.open(request, reply)
          const answer = await this.#answer(name as ApiRouteName, call, request, reply)
          if (!check) return reply.code(204).send()
          if (!check.Check(answer))
            throw new Error(
              `the answer of ${name} is not what is documented: ${describe(check.Errors(answer))}`,
            )
          return reply.type('application/json; charset=utf-8').send(JSON.stringify(answer))
        },
      })
    }
    const document = JSON.stringify(openApiDocument(VERSION))
    app.get(`${API_BASE}/openapi.json`, async (_, reply) =>
      reply.type('application/json; charset=utf-8').header('Cache-Control', 'no-cache').send(document),
    )
    app.setNotFoundHandler((request, reply) => this.#static(request, reply))
    await app.ready()
    return app.server
  }

  async #answer(
    name: ApiRouteName,
    call: Parts & { who: Principal; source: string },
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    switch (name) {
      case 'signIn':
        return this.#signIn(call.body as SignIn, call, reply)
      case 'signOut':
        return this.#signOut(call.who, request, reply)
      case 'topologyEvents':
        return undefined
      default:
        return (this.#components.handlers[name] as AnyHandler)(call)
    }
  }

  async #signIn(
    { name, password }: SignIn,
    { who, source }: Pick<ApiCall<'signIn'>, 'who' | 'source'>,
    reply: FastifyReply,
  ): Promise<Session> {
    const { store, clock, log } = this.#components
    const waitMs = this.#signIns.begin(name, source, clock.monotonicMs())
    if (waitMs > 0)
      throw new ApiRefusal(429, 'too-many', 'too many attempts to sign in: wait', { retryAfterMs: waitMs })
    let found: Awaited<ReturnType<typeof checkPassword>>
    try {
      found = await checkPassword(store, name, password)
    } finally {
      this.#signIns.end()
    }
    if (!found) {
      log.warn({ source }, 'somebody could not sign in')
      throw new ApiRefusal(401, 'not-signed-in', 'name or password is wrong')
    }
    this.#signIns.succeeded(name, source)
    const { role } = found
    const secret = await this.#sessions.begin({ name, role, by: 'password' }, async (writable) => {
      await audit(writable, { name, from: who.from }, { action: 'session.begun' }, clock.now())
    })
    const session = await this.#sessions.find(secret)
    if (!session) throw new ApiRefusal(401, 'not-signed-in', 'the session has ended')
    reply.header('Set-Cookie', this.#cookie(secret))
    return sessionOf(session)
  }

  async #signOut({ name, from }: Principal, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const secret = cookieOf(request.headers.cookie, this.#cookieName)
    if (secret !== undefined)
      await this.#sessions.end(secret, async (writable) => {
        await audit(writable, { name, from }, { action: 'session.ended' }, this.#components.clock.now())
      })
    reply.header('Set-Cookie', `${this.#cookie('')}; Max-Age=0`)
    reply.header('Clear-Site-Data', '"cache", "storage"')
  }

  #cookie(secret: string): string {
    return `${this.#cookieName}=${secret}; Path=/; HttpOnly; SameSite=Strict${this.#isSecure ? '; Secure' : ''}`
  }

  #baseUrl({ headers }: FastifyRequest): string {
    return this.#components.url?.replace(/\/$/, '') ?? `http://${headers.host ?? 'localhost'}`
  }

  /** A proxy is believed where it was named; the local socket has no address. */
  #originOf(request: IncomingMessage): { readonly address: string; readonly source: string } {
    const { remoteAddress } = request.socket
    const peer = remoteAddress === undefined ? undefined : plainAddress(remoteAddress)
    const { trustedProxies } = this.#components
    const isBelieved = peer !== undefined && trustedProxies.has(peer)
    const { address, source } = originOf({ headers: isBelieved ? request.headers : {} }, peer, {
      authorizedOrigins: new Set(),
      trustedProxies,
    })
    return { address, source: source ?? address }
  }

  #charge(source: string): void {
    const bucket = this.#sources.of(source)
    const nowMs = this.#components.clock.monotonicMs()
    if (!bucket.take(nowMs))
      throw new ApiRefusal(429, 'too-many', 'too many requests: wait', { retryAfterMs: bucket.waitMs(nowMs) })
  }

  #refuse(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const refusal = apiRefusalOf(error)
    if (!refusal)
      this.#components.log.error(
        { err: error, method: request.method, path: request.routeOptions.url },
        `the API failed: ${messageOf(error)}`,
      )
    const { status, code, message, field, retryAfterMs } =
      refusal ?? new ApiRefusal(500, 'failed', 'the registry could not do this: its log says why')
    if (retryAfterMs !== undefined)
      reply.header('Retry-After', String(Math.max(1, Math.ceil(retryAfterMs / 1000))))
    return reply
      .code(status)
      .header('Cache-Control', 'no-store')
      .type('application/json; charset=utf-8')
      .send(JSON.stringify({ code, message, ...(field === undefined ? {} : { field }) }))
  }

  #static(request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const file =
      request.method === 'GET' || request.method === 'HEAD'
        ? fileFor(this.#components.files, request.url)
        : undefined
    if (!file) throw new ApiRefusal(404, 'not-found', 'there is nothing here')
    reply.headers(file.headers)
    if (request.headers['if-none-match'] === file.headers['ETag']) return reply.code(304).send()
    return reply.send(request.method === 'HEAD' ? '' : file.content)
  }
}

/** A session as it is told to whom it belongs. */
export const sessionOf = ({
  name,
  role,
  by,
  csrfToken,
  idleEnd,
  end,
}: NonNullable<Principal['session']>): Session => ({
  ...{ name, role, by, csrfToken },
  idleEnd: timeOf(idleEnd),
  end: timeOf(end),
})

/** What reads a part of a request. Text of a path or a query is turned into the numbers that it stands for. */
function reader(schema: TSchema | undefined): (value: unknown, part: 'path' | 'query' | 'body') => unknown {
  if (!schema) return () => undefined
  const check = Compile(schema)
  return (given, part) => {
    const value = part === 'body' ? given : Convert(schema, given)
    if (check.Check(value)) return value
    const errors = check.Errors(value)
    const [first] = errors
    throw new ApiRefusal(400, 'bad-request', `${part}: ${describe(errors)}`, {
      field: `${part}${first?.instancePath ?? ''}`,
    })
  }
}

/** The first thing that is wrong, without the value: it may be a password. */
function describe(errors: readonly { readonly instancePath: string; readonly message: string }[]): string {
  const [first] = errors
  return first
    ? `${first.instancePath.replace(/^\//, '') || 'it'} ${first.message}`
    : 'not what is documented'
}
