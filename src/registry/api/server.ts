import type { X509Certificate } from 'node:crypto'
import type { IncomingMessage, Server } from 'node:http'
import { TLSSocket } from 'node:tls'
import type { FastifyReply, FastifyRequest } from 'fastify'
import { ok, type Result, refuse } from '../../core/result.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import type { Store } from '../database/store.ts'
import { Refusal } from '../refusal.ts'
import { isLoopback, originOf, plainAddress } from '../server/caller.ts'
import { Connections } from '../server/connections.ts'
import type { Handshakes } from '../server/handshakes.ts'
import { RETRY_AFTER_SECONDS } from '../server/limits.ts'
import { Sources } from '../server/sources.ts'
import { type Administrator, administrator, checkPassword, isStill } from './access/administrators.ts'
import { BearerTokens } from './access/bearer-tokens.ts'
import { certificateOfHeader, nameOfCertificate } from './access/client-certificate.ts'
import type { OpenId } from './access/open-id.ts'
import { Sessions } from './access/sessions.ts'
import { AttemptLimits, SignInLimits } from './access/sign-in-limits.ts'
import { type ApiParts, addRoute, newApiApp, refuseOtherMethods } from './api-app.ts'
import { ApiRefusal } from './api-refusal.ts'
import { audit } from './audit-log.ts'
import { authenticate } from './authenticate.ts'
import { boundConnections } from './bounded-connections.ts'
import type { ApiCall, ApiHandlers, Principal } from './call.ts'
import { cookieOf } from './guards.ts'
import { API_LIMITS } from './limits.ts'
import type { MachineExports } from './machine-export.ts'
import { API_BASE } from './openapi.ts'
import { API_ROUTES, type ApiRoute, type ApiRouteName } from './routes.ts'
import type { Session, SignIn } from './schemas/access.ts'
import type { MachineExportQuery } from './schemas/machines.ts'
import type { StaticFile } from './static-files.ts'
import type { TopologyStream } from './topology-stream.ts'

/** What the servers of the API need. */
export interface ApiServerComponents {
  readonly store: Store
  readonly handlers: ApiHandlers
  readonly openId: OpenId | undefined
  /** Who signs certificates of administrators; none: nobody signs in by one. */
  readonly clientAuthorities: readonly X509Certificate[]
  /** Makes TLS connections, where the page has TLS of its own; asks for certificates where there are authorities. */
  readonly handshakes: Pick<Handshakes, 'secure'> | undefined
  readonly stream: TopologyStream
  readonly exports: MachineExports
  readonly files: ReadonlyMap<string, StaticFile>
  readonly clock: Pick<Clock, 'now' | 'monotonicMs' | 'after'>
  readonly log: Logger
  readonly trustedProxies: ReadonlySet<string>
  /** Where the page is known to be, e.g. `https://registry.example.com`. */
  readonly url: string | undefined
}

/** `local`: the socket that only the registry's own user may open. */
export type ApiListener = 'local' | 'public'

type AnyHandler = (call: unknown) => unknown

/** Where the provider of OpenID Connect leads back to, and how long that may take. */
const OPEN_ID_RETURN = `${API_BASE}${API_ROUTES.openIdReturn.path}`
const OPEN_ID_SECONDS = 600

/** The servers of the page and the API, which share sessions and limits. */
export class ApiServers {
  readonly #components: ApiServerComponents
  readonly #sessions: Sessions
  readonly #tokens: BearerTokens
  readonly #signIns = new SignInLimits()
  readonly #attempts = new AttemptLimits()
  readonly #sources = new Sources(API_LIMITS)
  readonly #connections = new Connections(API_LIMITS)
  readonly #proxies: LogLimit
  readonly #cookieName: string
  readonly #isSecure: boolean

  constructor(components: ApiServerComponents) {
    this.#components = components
    const { store, clock, url, handshakes } = components
    this.#sessions = new Sessions(store, clock)
    this.#tokens = new BearerTokens(store, clock)
    this.#proxies = new LogLimit(clock, { burst: 1 })
    this.#isSecure = handshakes !== undefined || url?.startsWith('https:') === true
    this.#cookieName = this.#isSecure ? '__Host-re6st' : 're6st'
  }

  /** A server that is not listening yet. */
  async create(listener: ApiListener): Promise<Server> {
    const isLocal = listener === 'local'
    const app = newApiApp({
      ...this.#components,
      isLocal,
      admit: (request) => {
        this.#warnOfProxy(request)
        this.#charge(this.#originOf(request).source)
      },
    })
    for (const [name, route] of Object.entries<ApiRoute>(API_ROUTES))
      addRoute(app, name, route, async ({ request, reply, read }) => {
        const origin = this.#originOf(request.raw)
        const who = await authenticate(
          { sessions: this.#sessions, tokens: this.#tokens, cookieName: this.#cookieName },
          route,
          { headers: request.headers, from: origin.client, isLocal },
        )
        // Of nobody nothing is known.
        if (who.by !== 'local') this.#sources.know(origin.source, who.name)
        const call = { ...read(), who, source: origin.source, baseUrl: this.#baseUrl(request) }
        return this.#answer(name as ApiRouteName, call, request, reply)
      })
    refuseOtherMethods(app, Object.values<ApiRoute>(API_ROUTES))
    if (!isLocal)
      boundConnections(app.server, {
        ...this.#components,
        connections: this.#connections,
        sources: this.#sources,
        // A Unix socket has no address.
        isShared: (address) =>
          address === '' || isLoopback(address) || this.#components.trustedProxies.has(address),
      })
    await app.ready()
    return app.server
  }

  async #answer(
    name: ApiRouteName,
    call: ApiParts & { who: Principal; source: string; baseUrl: string },
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<unknown> {
    switch (name) {
      case 'signIn':
        return this.#signIn(call.body as SignIn, call, reply)
      case 'certificateSignIn':
        return this.#certificateSignIn(call, request, reply)
      case 'signOut':
        return this.#signOut(call.who, request, reply)
      case 'openIdSignIn':
        return this.#openIdSignIn(call, reply)
      case 'openIdReturn':
        return this.#openIdReturn(call, request, reply)
      case 'topologyEvents':
        return this.#components.stream.open(call.source, reply, call.who.session)
      case 'machinesJson':
        return this.#components.exports.write(call.query as MachineExportQuery, 'json', reply)
      case 'machinesCsv':
        return this.#components.exports.write(call.query as MachineExportQuery, 'csv', reply)
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
    if (waitMs > 0) throw tooManyAttempts(waitMs)
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
    return this.#begin(found, 'password', { who, source }, reply)
  }

  async #certificateSignIn(
    { who, source }: Pick<ApiCall<'signIn'>, 'who' | 'source'>,
    { raw }: FastifyRequest,
    reply: FastifyReply,
  ): Promise<Session> {
    const { store, log } = this.#components
    this.#chargeAttempt(source)
    const name = this.#nameByCertificate(raw)
    const found = name.ok ? await administrator(store, name.value) : undefined
    if (found && !found.isDisabled) return this.#begin(found, 'certificate', { who, source }, reply)
    const reason = name.ok ? `${name.value}, whom the certificate names, is no administrator` : name.reason
    log.warn({ source, reason }, 'somebody could not sign in')
    throw new ApiRefusal(401, 'not-signed-in', reason)
  }

  #nameByCertificate(request: IncomingMessage): Result<string> {
    const { clock, clientAuthorities } = this.#components
    if (clientAuthorities.length === 0) return refuse('this registry takes no certificates of administrators')
    const certificate = this.#certificateOf(request)
    return certificate.ok ? nameOfCertificate(certificate.value, clientAuthorities, clock.now()) : certificate
  }

  /** What a client has shown to us, or to a named proxy: others could say what they like. */
  #certificateOf(request: IncomingMessage): Result<X509Certificate> {
    if (this.#isFromProxy(request)) return certificateOfHeader(request.headers['client-cert'])
    const { socket } = request
    if (!(socket instanceof TLSSocket))
      return refuse('there is neither TLS nor a proxy that --trusted-proxy names: nobody shows a certificate')
    const shown = socket.getPeerX509Certificate()
    return shown ? ok(shown) : refuse('the browser has shown no certificate: choose one, in a new window')
  }

  async #begin(
    administrator: Administrator,
    by: Session['by'],
    { who: { from }, source }: Pick<ApiCall<'signIn'>, 'who' | 'source'>,
    reply: FastifyReply,
  ): Promise<Session> {
    const { clock } = this.#components
    const { name, role } = administrator
    const secret = await this.#sessions.begin({ name, role, by }, async (writable) => {
      // To look at a password takes a while: who was changed or removed meanwhile is signed out already.
      if (!(await isStill(writable, administrator)))
        throw new ApiRefusal(401, 'not-signed-in', `${name} was just changed or removed: sign in again`)
      await audit(writable, { name, from }, { action: 'session.begun', detail: { by } }, clock.now())
    })
    const session = await this.#sessions.find(secret, { isUse: true })
    if (!session) throw new ApiRefusal(401, 'not-signed-in', 'the session has ended')
    this.#sources.know(source, name)
    reply.header('Set-Cookie', this.#cookie(secret))
    return this.#sessions.tell({ ...session, session })
  }

  /** Leads to the provider; what must be known when the browser is back is in a cookie, which any process can read. */
  async #openIdSignIn(
    { source, baseUrl }: { readonly source: string; readonly baseUrl: string },
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { url, kept } = await this.#openId(source).begin(`${baseUrl}${OPEN_ID_RETURN}`)
    // Lax: the browser comes back from another site.
    return reply
      .header('Set-Cookie', `${this.#openIdCookie(kept)}; Max-Age=${OPEN_ID_SECONDS}`)
      .redirect(url.href, 302)
  }

  async #openIdReturn(
    { who, source, baseUrl }: { readonly who: Principal; readonly source: string; readonly baseUrl: string },
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const { clock, log } = this.#components
    const kept = cookieOf(request.headers.cookie, this.#openIdCookieName)
    const cookies = [`${this.#openIdCookie('')}; Max-Age=0`]
    try {
      const url = new URL(request.url, baseUrl)
      const { name, subject, role } = await this.#openId(source).finish(url, kept)
      const secret = await this.#sessions.begin({ name, role, by: 'openid' }, async (writable) => {
        const detail = { role, subject }
        await audit(writable, { name, from: who.from }, { action: 'session.begun', detail }, clock.now())
      })
      this.#sources.know(source, name)
      cookies.push(this.#cookie(secret))
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      log.warn({ source, reason: error.message }, 'somebody could not sign in')
      return reply.header('Set-Cookie', cookies).redirect('/#openid-refused', 302)
    }
    return reply.header('Set-Cookie', cookies).redirect('/', 302)
  }

  /** @throws ApiRefusal where there is no provider, or for who tries too often */
  #openId(source: string): OpenId {
    const { openId } = this.#components
    if (!openId) throw new ApiRefusal(404, 'not-found', 'this registry has no provider of OpenID Connect')
    this.#chargeAttempt(source)
    return openId
  }

  /** Each attempt asks the provider, or writes a line. @throws ApiRefusal for too many */
  #chargeAttempt(source: string): void {
    const isKnown = this.#sources.isKnown(source)
    const retryAfterMs = this.#attempts.take(source, isKnown, this.#components.clock.monotonicMs())
    if (retryAfterMs > 0) throw tooManyAttempts(retryAfterMs)
  }

  get #openIdCookieName(): string {
    return `${this.#cookieName}-openid`
  }

  #openIdCookie(value: string): string {
    return `${this.#openIdCookieName}=${value}; Path=/; HttpOnly; SameSite=Lax${this.#isSecure ? '; Secure' : ''}`
  }

  async #signOut({ name, from }: Principal, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const secret = cookieOf(request.headers.cookie, this.#cookieName)
    if (secret !== undefined)
      await this.#sessions.end(secret, async (writable) => {
        await audit(writable, { name, from }, { action: 'session.ended' }, this.#components.clock.now())
      })
    reply.header('Set-Cookie', `${this.#cookie('')}; Max-Age=0`)
    // What is in its storage is sealed, and tells nobody anything; whoever signs in again finds the map as it was.
    reply.header('Clear-Site-Data', '"cache"')
  }

  #cookie(secret: string): string {
    return `${this.#cookieName}=${secret}; Path=/; HttpOnly; SameSite=Strict${this.#isSecure ? '; Secure' : ''}`
  }

  #baseUrl({ headers }: FastifyRequest): string {
    return (
      this.#components.url?.replace(/\/$/, '') ??
      `${this.#components.handshakes ? 'https' : 'http'}://${headers.host ?? 'localhost'}`
    )
  }

  /** A proxy is believed where it was named, or has the socket of the page; that of commands has no address. */
  #originOf(request: IncomingMessage): { readonly client: string; readonly source: string } {
    const { trustedProxies } = this.#components
    const peer = peerOf(request)
    // A Unix socket can be opened by the registry's own user only: by a proxy that is one of its own.
    const headers = peer === undefined || this.#isFromProxy(request) ? request.headers : {}
    const { client, source } = originOf({ headers }, peer, { authorizedOrigins: new Set(), trustedProxies })
    return { client, source: source ?? client }
  }

  /** All clients of one that was not named are one source: each could keep the others from signing in. */
  #warnOfProxy(request: IncomingMessage): void {
    if (!('x-forwarded-for' in request.headers) || this.#isFromProxy(request)) return
    this.#proxies.write('proxy', (omitted) =>
      this.#components.log.warn(
        { proxy: peerOf(request), ...omitted },
        'a proxy that --trusted-proxy does not name passes on calls of the page: all of its clients count as one',
      ),
    )
  }

  #isFromProxy(request: IncomingMessage): boolean {
    const peer = peerOf(request)
    return peer !== undefined && this.#components.trustedProxies.has(peer)
  }

  #charge(source: string): void {
    const charged = this.#sources.charge(source, this.#components.clock.monotonicMs())
    if (charged === 'ok') return
    const retryAfterMs = RETRY_AFTER_SECONDS * 1_000
    throw charged === 'source'
      ? new ApiRefusal(429, 'too-many', 'too many requests: wait', { retryAfterMs })
      : new ApiRefusal(503, 'unavailable', 'too many ask who have not signed in: wait', { retryAfterMs })
  }
}

function tooManyAttempts(retryAfterMs: number): ApiRefusal {
  const seconds = Math.ceil(retryAfterMs / 1000)
  return new ApiRefusal(429, 'too-many', `too many attempts to sign in: wait ${seconds} s`, { retryAfterMs })
}

function peerOf({ socket: { remoteAddress } }: IncomingMessage): string | undefined {
  return remoteAddress === undefined ? undefined : plainAddress(remoteAddress)
}
