import { messageOf } from '../../core/errors.ts'
import type { SoapRequest } from '../../core/port-mapping/soap.ts'
import { type GatewayAnswer, granted, troubled } from '../../core/port-mapping/trouble.ts'
import type { Clock } from '../../platform/clock.ts'
import { httpExchange } from '../../platform/http-get.ts'
import type { Gateway } from './gateway.ts'

/** For a whole exchange: some gateways write each mapping into slow memory first. */
const TIMEOUT_MS = 5_000
/** The longest descriptions that are known have some 20 kB. */
const MAX_BODY_LENGTH = 64 * 1024
/** UPnP errors come with this status. */
const FAULT_STATUS = 500

/** It is not there, or restarts. */
const UNREACHABLE: ReadonlySet<string | undefined> = new Set([
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
    const { status, body } = await httpExchange(url, {
      target: `${url.pathname}${url.search}`,
      localAddress: gateway.localAddress,
      maxBodyLength: MAX_BODY_LENGTH,
      signal: AbortSignal.any([signal, limit.signal]),
      ...(soap === undefined ? {} : { method: 'POST', headers: soap.headers, body: soap.body }),
    })
    if (status === 200 || (soap !== undefined && status === FAULT_STATUS)) return granted(body.toString())
    return troubled({ kind: 'nonsense', reason: `HTTP status ${status}` })
  } catch (error) {
    signal.throwIfAborted()
    if (limit.signal.aborted)
      return troubled({ kind: 'nonsense', reason: `no whole answer within ${TIMEOUT_MS / 1000} s` })
    return troubled(
      UNREACHABLE.has((error as NodeJS.ErrnoException).code)
        ? { kind: 'silent' }
        : { kind: 'nonsense', reason: messageOf(error) },
    )
  }
}
