import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { messageOf } from '../../core/errors.ts'
import { HMAC_HEADER, METHODS } from '../../core/rpc/methods.ts'
import { MAX_TARGET_LENGTH, parseTarget } from '../../core/rpc/request-target.ts'
import { answerHmac, decodeHmac, type RegistrySessions } from '../../core/rpc/session.ts'
import type { Logger } from '../../platform/log.ts'
import type { Caller, Handlers } from '../methods.ts'
import { Refusal } from '../refusal.ts'

/** What the server needs. */
export interface ServerComponents {
  readonly handlers: Handlers
  readonly sessions: RegistrySessions
  readonly log: Logger
  /** Addresses from which private methods may be called. */
  readonly authorizedOrigins: ReadonlySet<string>
  /** Where a test must not wait for the real ones. */
  readonly limits?: Partial<ServerLimits>
}

/** What a client may take. */
export interface ServerLimits {
  /** A whole request must come within this: a client that sends a byte a minute is cut off. */
  readonly requestTimeoutMs: number
  /** How often connections that are too slow are looked for. */
  readonly connectionCheckMs: number
  /** How long a connection may stay open without a request. */
  readonly keepAliveMs: number
  /** Length of a request line and all headers. */
  readonly maxHeaderLength: number
  readonly maxConnections: number
}

const LIMITS: ServerLimits = {
  requestTimeoutMs: 15_000,
  connectionCheckMs: 5_000,
  keepAliveMs: 5_000,
  // The target and some room for the headers of proxies.
  maxHeaderLength: MAX_TARGET_LENGTH + 16 * 1024,
  // Each connection costs a file descriptor and a few kilobytes.
  maxConnections: 4_000,
}
/** No method has a body; the small one of an odd client is ignored. */
const MAX_BODY_LENGTH = 16 * 1024
/** Python's listen queue of 5 made clients wait a second. */
export const LISTEN_BACKLOG = 1_000

/** An HTTP server for the registry's methods; not listening yet. */
export function createRegistryServer(components: ServerComponents): Server {
  const limits = { ...LIMITS, ...components.limits }
  const server = createServer(
    {
      maxHeaderSize: limits.maxHeaderLength,
      headersTimeout: limits.requestTimeoutMs,
      requestTimeout: limits.requestTimeoutMs,
      connectionsCheckingInterval: limits.connectionCheckMs,
      keepAliveTimeout: limits.keepAliveMs,
      // HTTP/1.1 without Host is answered, too: other implementations' clients may not send one.
      requireHostHeader: false,
    },
    (request, response) => void handle(components, request, response),
  )
  server.maxConnections = limits.maxConnections
  return server
}

async function handle(
  components: ServerComponents,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  // A body is of no use: not waited for, so that it costs nothing.
  request.resume()
  const target = request.url ?? ''
  try {
    if (request.method !== 'GET') return end(response, 501)
    if (isBodyTooLong(request)) {
      response.shouldKeepAlive = false
      return end(response, 413)
    }
    const { body, hmacSecret } = await call(components, request, target)
    const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body)
    if (hmacSecret) response.setHeader(HMAC_HEADER, answerHmac(hmacSecret, bytes).toString('base64'))
    end(response, bytes.length > 0 ? 200 : 204, bytes)
  } catch (error) {
    const path = target.split('?')[0]
    if (error instanceof Refusal) {
      components.log.debug({ method: path, status: error.status, reason: error.message }, 'call refused')
      // Who typed the call sees why; programs go by the status.
      response.setHeader('Content-Type', 'text/plain; charset=utf-8')
      end(response, error.status, Buffer.from(`${error.message}\n`))
    } else {
      components.log.error({ method: path, err: error }, `call failed: ${messageOf(error)}`)
      end(response, 500)
    }
  }
}

async function call(
  { handlers, sessions, authorizedOrigins }: ServerComponents,
  request: IncomingMessage,
  target: string,
): Promise<{ body: Buffer | string | undefined; hmacSecret?: Buffer }> {
  const peer = plainAddress(request.socket.remoteAddress ?? '')
  const forwarded = String(request.headers['x-forwarded-for'] ?? '')
  const caller: Caller = { address: forwarded.split(',')[0]?.trim() || peer }
  // A chain of proxies is no authorised origin, as with the Python implementation: who wrote its first entry?
  const isAuthorised = authorizedOrigins.has(peer) && (forwarded === '' || authorizedOrigins.has(forwarded))

  // The origin is checked first: others learn nothing about a private method.
  const name = target.split('?')[0]?.replace(/^\/+/, '') ?? ''
  const access = Object.hasOwn(METHODS, name) ? METHODS[name as keyof typeof METHODS].access : undefined
  if (access === 'private' && !isAuthorised)
    throw new Refusal(403, `${caller.address} is not an authorised origin`)

  const parsed = parseTarget(target)
  if (!parsed.ok) throw new Refusal(400, parsed.reason)
  const { method, parameters } = parsed.value
  const handler = handlers[method]
  if (access !== 'authenticated') return { body: await handler(parameters, caller) }

  const given = request.headers[HMAC_HEADER.toLowerCase()]
  if (typeof given !== 'string') throw new Refusal(400, `the header ${HMAC_HEADER} is missing`)
  const hmac = decodeHmac(given)
  if (!hmac.ok) throw new Refusal(400, hmac.reason)
  const authentication = sessions.authenticate(parameters['cn'] ?? '', target, hmac.value)
  switch (authentication.kind) {
    case 'no-session':
      throw new Refusal(401, 'the node has no session')
    case 'wrong-hmac':
      throw new Refusal(400, 'the HMAC is wrong')
    case 'authentic':
      return { body: await handler(parameters, caller), hmacSecret: authentication.secret }
  }
}

/** Also one whose length is not said: it may never end. */
const isBodyTooLong = ({ headers }: IncomingMessage): boolean =>
  'transfer-encoding' in headers || Number(headers['content-length'] ?? 0) > MAX_BODY_LENGTH

/** An IPv4 address that came over an IPv6 socket, without what the kernel puts in front. */
const plainAddress = (address: string): string => address.replace(/^::ffff:(?=\d+\.)/, '')

function end(response: ServerResponse, status: number, body: Buffer = Buffer.alloc(0)): void {
  response.statusCode = status
  if (body.length > 0) response.setHeader('Content-Length', body.length)
  response.end(body)
}
