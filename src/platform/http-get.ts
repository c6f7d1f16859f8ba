import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { messageOf, Re6stError } from '../core/errors.ts'

/** An answer of an HTTP server. */
export interface HttpAnswer {
  readonly status: number
  /** Header values by lower-case name. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
}

/** Limits of one request. */
export interface HttpGetOptions {
  readonly headers?: Readonly<Record<string, string>>
  /** For the whole exchange, so that a server that sends a byte a minute does not hold us up. */
  readonly timeoutMs: number
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
    return await exchange(base, target, options, signal)
  } catch (error) {
    options.signal?.throwIfAborted()
    if (error instanceof Re6stError) throw error
    const why = limit.aborted ? `no whole answer within ${options.timeoutMs / 1000} s` : reasonOf(error)
    throw new Re6stError('REGISTRY', `${base.href}: ${why}`, { cause: error })
  }
}

function exchange(
  base: URL,
  target: string,
  options: HttpGetOptions,
  signal: AbortSignal,
): Promise<HttpAnswer> {
  const request = base.protocol === 'https:' ? httpsRequest : httpRequest
  return new Promise((resolve, reject) => {
    const outgoing = request(
      base,
      {
        path: base.pathname.replace(/\/$/, '') + target,
        headers: { ...options.headers },
        agent: false,
        signal,
      },
      (answer) => {
        readBody(answer, options.maxBodyLength).then(
          (body) => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, body }),
          (error: unknown) => {
            outgoing.destroy()
            reject(error)
          },
        )
      },
    )
    outgoing.on('error', reject)
    outgoing.end()
  })
}

async function readBody(answer: IncomingMessage, maxLength: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    length += chunk.length
    if (length > maxLength) throw new Error(`the answer is longer than ${maxLength} bytes`)
    chunks.push(chunk)
  }
  if (!answer.complete) throw new Error('the answer was cut off')
  return Buffer.concat(chunks)
}

/** What a user can do something with. */
function reasonOf(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
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
    case 'HPE_INVALID_CONSTANT':
      return 'what answers there does not speak HTTP: is --registry right?'
    default:
      return messageOf(error)
  }
}
