import { ok, type Result, refuse } from '../result.ts'
import type { GatewayTrouble } from './trouble.ts'
import { escapeXml, xmlTokens } from './xml.ts'

/** A call of a service of a gateway. */
export interface SoapRequest {
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** What a service answered: values by name, or a UPnP error. */
export type SoapAnswer =
  | { readonly kind: 'values'; readonly values: ReadonlyMap<string, string> }
  | { readonly kind: 'fault'; readonly code: number; readonly description: string }

/** UPnP error codes that we act upon (WANIPConnection:2, section 2.5). */
export const UPNP_ERRORS = {
  invalidArguments: 402,
  actionFailed: 501,
  noSuchEntry: 714,
  conflict: 718,
  onlyPermanentLeases: 725,
} as const

/** Errors that an external port of another number may not have. */
const TAKEN: ReadonlySet<number> = new Set([UPNP_ERRORS.conflict, 729])
/** Errors that nobody gets over by trying again. */
const REFUSED: Readonly<Record<number, string>> = {
  401: 'no such action',
  606: 'not authorized',
  724: 'it forwards only the same port number, and that is taken',
  728: 'no more port mappings',
}

/** A SOAP 1.1 request, as the UPnP Device Architecture (section 3.2.1) wants it. */
export function formatSoapRequest(
  serviceType: string,
  action: string,
  values: Readonly<Record<string, string | number>> = {},
): SoapRequest {
  const elements = Object.entries(values).map(
    ([name, value]) => `<${name}>${escapeXml(`${value}`)}</${name}>`,
  )
  const body = [
    '<?xml version="1.0"?>\r\n',
    '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"',
    ' s:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>',
    `<u:${action} xmlns:u="${escapeXml(serviceType)}">${elements.join('')}</u:${action}>`,
    '</s:Body></s:Envelope>\r\n',
  ].join('')
  return {
    headers: {
      'Content-Type': 'text/xml; charset="utf-8"',
      SOAPAction: `"${serviceType}#${action}"`,
      // Some gateways do not understand chunks.
      'Content-Length': `${Buffer.byteLength(body)}`,
    },
    body,
  }
}

/** Reads the answer to a request. @param action what was asked for */
export function readSoapAnswer(xml: string, action: string): Result<SoapAnswer> {
  const values = new Map<string, string>()
  let element = ''
  let kind: 'values' | 'fault' | undefined
  for (const token of xmlTokens(xml)) {
    switch (token.kind) {
      case 'open':
        element = token.name
        if (element === `${action}Response`) kind ??= 'values'
        if (element === 'Fault') kind ??= 'fault'
        break
      case 'text':
        if (kind !== undefined && element !== '') values.set(element, token.text)
        break
      case 'close':
        element = ''
    }
  }
  if (kind === undefined) return refuse('no answer to what it was asked')
  if (kind === 'values') return ok({ kind, values })
  const code = Number(values.get('errorCode'))
  if (!Number.isInteger(code)) return refuse('a fault without an error code')
  return ok({ kind, code, description: printable(values.get('errorDescription') ?? '') })
}

/** What an error of a service means for us. */
export function troubleOfFault({ code, description }: { code: number; description: string }): GatewayTrouble {
  if (TAKEN.has(code)) return { kind: 'taken' }
  const known = REFUSED[code]
  if (known !== undefined) return { kind: 'refused', reason: `${known}, error ${code}` }
  // miniupnpd fails so when its own address is a private one, and says no more.
  const guess = code === UPNP_ERRORS.actionFailed ? ': it may be behind NAT itself' : ''
  return { kind: 'unable', reason: `error ${code}${description === '' ? '' : ` ${description}`}${guess}` }
}

/** Enough of a stranger's words for a log line. */
const printable = (text: string): string => text.replace(/[^\x20-\x7e]/g, '?').slice(0, 80)
