import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { isIP, type Socket, type TcpNetConnectOpts } from 'node:net'
import { codeOf, messageOf, Re6stError } from '../core/errors.ts'

/** An answer of an HTTP server. */
export interface HttpAnswer {
  readonly status: number
  /** Header values by lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** One request, exactly as it is to be sent. */
export interface HttpRequest {
  readonly method?: 'GET' | 'POST'
  /** Path and query. */
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string
  /** Address of this machine to ask from. */
  readonly localAddress?: string
  /** A longer answer is an error. */
  readonly maxBodyLength: number
  /** What ends the whole exchange: a server may send a byte a minute. */
  readonly signal: AbortSignal
  /** How long each address of the server may take to accept the connection. */
  readonly connectTimeoutMs?: number
  /** How long a server that has accepted it may take to begin its answer; undefined: as long as the whole exchange. */
  readonly beginTimeoutMs?: number | undefined
}

/** Limits of one request. */
export interface HttpGetOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** For the whole exchange, so that a server that sends a byte a minute does not hold us up. */
  readonly timeoutMs: number
  /** From the connection to the beginning of the answer: what comes by a slow line is longer on its way. */
  readonly beginTimeoutMs?: number
  /** A longer body is an error. */
  readonly maxBodyLength: number
  readonly signal?: AbortSignal | undefined
}

/**
 * `GET` with the request target exactly as given (the registry signs it; `fetch` would normalise it, and cost the node
 * several megabytes of memory).
 * @param base where the server is; a base path is kept in front of the target
 * @throws Re6stError `REGISTRY` when there is no whole answer; the signal's reason when that is aborted
 */
export async function httpGet(base: URL, target: string, options: HttpGetOptions): Promise<HttpAnswer> {
  const limit = AbortSignal.timeout(options.timeoutMs)
  const signal = options.signal ? AbortSignal.any([options.signal, limit]) : limit
  try {
    return await httpExchange(base, {
      target: base.pathname.replace(/\/+$/, '') + target,
      headers: { ...options.headers },
      maxBodyLength: options.maxBodyLength,
      beginTimeoutMs: options.beginTimeoutMs,
      signal,
    })
  } catch (error) {
    options.signal?.throwIfAborted()
    if (error instanceof Re6stError) throw error
    const why = limit.aborted ? `no whole answer within ${options.timeoutMs / 1000} s` : reasonOf(error)
    throw new Re6stError('REGISTRY', `${base.href}: ${why}`, { cause: error })
  }
}

/**
 * Time for four attempts of the kernel (a lost SYN is sent again after 1 s, 2 s and 4 s). Its next one would come 8 s later, then
 * 16, while the other end may have been there again all the time: whoever asks tries again sooner.
 */
const CONNECT_TIMEOUT_MS = 10_000
/** A server that says nothing for so long has its kernel asked, each second, whether the connection is still there; ten times. */
const PROBE_AFTER_MS = 5_000

/**
 * Sends a request and reads the whole answer. One that is slow is waited for; a connection that is not made, or on which
 * nobody is left, ends within a quarter of a minute.
 * @throws Error when there is none, or it is too long; the signal's reason when that is aborted
 */
export function httpExchange(server: URL, request: HttpRequest): Promise<HttpAnswer> {
  const { method, target, headers, body, localAddress, maxBodyLength, signal } = request
  const { connectTimeoutMs = CONNECT_TIMEOUT_MS, beginTimeoutMs } = request
  const send = server.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const outgoing = send(
      server,
      {
        path: target,
        agent: false,
        ...PATIENT,
        signal,
        ...(method === undefined ? {} : { method }),
        ...(headers === undefined ? {} : { headers }),
        ...(localAddress === undefined ? {} : { localAddress }),
      },
      (answer) => {
        readBody(answer, maxBodyLength).then(
          (body) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
          (error: unknown) => {
            outgoing.destroy()
            reject(error)
          },
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.setSocketKeepAlive(true, PROBE_AFTER_MS)
    outgoing.on('socket', (socket) => {
      // The address of a name is not tried before it is known.
      const isTrying = socket.connecting && isIP(server.hostname.replace(/^\[|\]$/g, '')) !== 0
      limitConnecting(socket, isTrying, connectTimeoutMs, (error) => outgoing.destroy(error))
      if (beginTimeoutMs !== undefined)
        socket.once('connect', () => limitWaiting(outgoing, socket, beginTimeoutMs))
    })
    outgoing.end(body)
  })
}

/** Ends what is not connected in time; of several addresses, each has its own. */
function limitConnecting(
  socket: Socket,
  isTrying: boolean,
  timeoutMs: number,
  end: (error: Error) => void,
): void {
  let timer: NodeJS.Timeout | undefined
  const stop = () => clearTimeout(timer)
  const begin = () => {
    stop()
    const error = Object.assign(new Error('nobody accepts the connection'), { code: 'ETIMEDOUT' })
    timer = setTimeout(end, timeoutMs, error)
  }
  socket.on('connectionAttempt', begin).once('connect', stop).once('close', stop)
  if (isTrying) begin()
}

/** Ends what is not being answered in time: whoever has accepted the connection, as a proxy does, need not be who is asked. */
function limitWaiting(outgoing: ClientRequest, socket: Socket, timeoutMs: number): void {
  const error = new Error(`no answer within ${timeoutMs / 1000} s`)
  const timer = setTimeout(() => outgoing.destroy(error), timeoutMs)
  const stop = () => clearTimeout(timer)
  outgoing.once('response', stop)
  socket.once('close', stop)
}

async function readBody(answer: IncomingMessage, maxLength: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      length += chunk.length
      if (length > maxLength) throw new Error(`the answer is longer than ${maxLength} bytes`)
      chunks.push(chunk)
    }
  } catch (error) {
    // Not to be taken for a server that never began to answer.
    if (codeOf(error) === 'ECONNRESET') throw new Error('the answer was cut off')
    throw error
  }
  if (!answer.complete) throw new Error('the answer was cut off')
  return Buffer.concat(chunks)
}

/**
 * How long one address of a name may take before the next is tried (Node: 250 ms): a SYN that is lost is sent again after
 * a second, and a node's own IPv6 address makes the system offer IPv6 where there is none.
 */
const PATIENT: Partial<TcpNetConnectOpts> = { autoSelectFamilyAttemptTimeout: 3_000 }

/** What a user can do something with. */
function reasonOf(error: unknown): string {
  // Of several addresses that were tried: the first that failed for a reason, and did not only say nothing.
  if (error instanceof AggregateError) {
    const known = error.errors.find((one: unknown) => codeOf(one) !== 'ETIMEDOUT')
    return reasonOf(known ?? error.errors[0] ?? new Error('no answer'))
  }
  switch (codeOf(error)) {
    case 'ETIMEDOUT':
      return 'no answer: is the machine connected, and the port of the registry open?'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'the host name cannot be resolved: is --registry right, and DNS working?'
    case 'ECONNREFUSED':
      return 'connection refused: is the registry running, and --registry right?'
    case 'ECONNRESET':
      return 'the connection was closed without an answer'
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return 'no route to the registry: is the machine connected?'
    case 'EPROTO':
      return 'what answers there does not speak TLS: is --registry right, with http or https?'
    case 'HPE_INVALID_CONSTANT':
      return 'what answers there does not speak HTTP: is --registry right?'
    default:
      return messageOf(error) || 'no answer'
  }
}
