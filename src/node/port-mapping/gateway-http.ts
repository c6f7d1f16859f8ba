import { connect } from 'node:net'
import { codeOf, messageOf } from '../../core/errors.ts'
import { type LooseAnswer, readLooseAnswer } from '../../core/port-mapping/loose-http.ts'
import type { SoapRequest } from '../../core/port-mapping/soap.ts'
import { type GatewayAnswer, granted, troubled } from '../../core/port-mapping/trouble.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Gateway } from './gateway.ts'

/** For a whole exchange: some gateways write each mapping into slow memory first. */
const TIMEOUT_MS = 5_000
/** The longest descriptions that are known have some 20 kB. */
const MAX_LENGTH = 64 * 1024

/** It is not there, or restarts. */
const UNREACHABLE: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ETIMEDOUT',
])

/**
 * Gets a page of the gateway, or posts a SOAP request.
 * @throws the signal's reason when that is aborted
 */
export async function askByHttp(
  { gateway, url, soap, clock }: { gateway: Gateway; url: URL; soap?: SoapRequest; clock: Clock },
  signal: AbortSignal,
): Promise<GatewayAnswer<string>> {
  const limit = new AbortController()
  using _ = clock.after(TIMEOUT_MS, () => limit.abort())
  try {
    const request = requestText(url, soap)
    const { status, body } = await exchange(
      { host: url.hostname, port: Number(url.port || 80), localAddress: gateway.localAddress },
      request,
      AbortSignal.any([signal, limit.signal]),
    )
    const text = body.toString()
    // A fault is to come with 500; what it says counts with any status of an error.
    const isFault = soap !== undefined && status >= 400 && /<(?:[\w-]+:)?Fault\b/.test(text)
    if (status === 200 || isFault) return granted(text)
    return troubled({ kind: 'nonsense', reason: `HTTP status ${status}` })
  } catch (error) {
    signal.throwIfAborted()
    if (limit.signal.aborted)
      return troubled({ kind: 'nonsense', reason: `no whole answer within ${TIMEOUT_MS / 1000} s` })
    return troubled(
      UNREACHABLE.has(codeOf(error)) ? { kind: 'silent' } : { kind: 'nonsense', reason: messageOf(error) },
    )
  }
}

const requestText = (url: URL, soap: SoapRequest | undefined): string =>
  [
    `${soap === undefined ? 'GET' : 'POST'} ${url.pathname}${url.search} HTTP/1.1`,
    `Host: ${url.host}`,
    'Connection: close',
    ...Object.entries(soap?.headers ?? {}).map(([name, value]) => `${name}: ${value}`),
    '',
    soap?.body ?? '',
  ].join('\r\n')

/** Says one thing and reads until the answer is whole, or nothing more comes. */
function exchange(
  to: { readonly host: string; readonly port: number; readonly localAddress: string },
  request: string,
  signal: AbortSignal,
): Promise<LooseAnswer> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...to, signal })
    let received = Buffer.alloc(0)
    const look = (isEnded: boolean, error?: Error) => {
      const answer = readLooseAnswer(received, isEnded)
      if (answer === undefined) return
      socket.destroy()
      if (typeof answer !== 'string') return resolve(answer)
      // Without a word, it is as if it were not there.
      const reset = Object.assign(new Error('closed without an answer'), { code: 'ECONNRESET' })
      const what = answer === 'cut off' ? 'the answer was cut off' : 'what it sends is no HTTP'
      reject(received.length > 0 ? new Error(what) : (error ?? reset))
    }
    socket.on('data', (chunk) => {
      received = Buffer.concat([received, chunk])
      if (received.length <= MAX_LENGTH) return look(false)
      socket.destroy()
      reject(new Error(`the answer is longer than ${MAX_LENGTH} bytes`))
    })
    socket.on('end', () => look(true))
    socket.on('error', (error) => look(true, error))
    // Not its end: some close at once, without an answer.
    socket.write(request)
  })
}
