import { isIP } from 'node:net'
import { ok, type Result, refuse } from '../result.ts'

/** Where devices are searched for: UPnP Device Architecture 1.1, section 1. */
export const SSDP_GROUP = '239.255.255.250'
/** UDP port of the group, and of each device. */
export const SSDP_PORT = 1900

/** Gateways of both versions of the standard; some answer only for a service that they have. */
const IGD_TARGETS: readonly string[] = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
  'urn:schemas-upnp-org:service:WANPPPConnection:1',
]
/** Any device: the gateway's address may be that of something else besides. */
const ANY_TARGET = 'upnp:rootdevice'
/** All that is searched for. */
export const SEARCH_TARGETS: readonly string[] = [...IGD_TARGETS, ANY_TARGET]

/** What a device says of itself. */
export interface SearchAnswer {
  /** Of its description. */
  readonly location: URL
  /** Whether it says that it is a gateway, and not just a device. */
  readonly isGateway: boolean
}

/** Seconds over which devices spread their answers; the least that is allowed. */
const MAX_WAIT_S = 1

/** Asks all devices of a kind, or one of them at its own address, to answer. */
export const formatSearch = (target: string, host: string = SSDP_GROUP): string =>
  [
    'M-SEARCH * HTTP/1.1',
    `HOST: ${host}:${SSDP_PORT}`,
    'MAN: "ssdp:discover"',
    `MX: ${MAX_WAIT_S}`,
    `ST: ${target}`,
    '',
    '',
  ].join('\r\n')

/**
 * What the gateway answered. Only a description at the host that answered counts: nobody may send us to another.
 * @param from IPv4 address that the answer came from
 */
export function readSearchAnswer(datagram: Uint8Array, from: string): Result<SearchAnswer> {
  const [status = '', ...lines] = Buffer.from(datagram).toString('latin1').split(/\r?\n/)
  if (!/^HTTP\/1\.[01] 200\b/i.test(status)) return refuse('not an answer to a search')
  const headers = lines.map((line) => /^([A-Za-z-]+)\s*:\s*(.*?)\s*$/.exec(line))
  const header = (name: string) => headers.find((found) => found?.[1]?.toUpperCase() === name)?.[2] ?? ''
  if (!SEARCH_TARGETS.includes(header('ST'))) return refuse('not a gateway')
  const location = urlAt(header('LOCATION'), undefined, from)
  return location.ok ? ok({ location: location.value, isGateway: header('ST') !== ANY_TARGET }) : location
}

/** A URL, if it is plain HTTP at this host. A name there is the gateway's own, whatever it is elsewhere. */
export function urlAt(text: string, base: URL | undefined, host: string): Result<URL> {
  if (!URL.canParse(text, base?.href)) return refuse('no URL')
  const url = new URL(text, base)
  if (url.protocol !== 'http:') return refuse(`a URL with ${url.protocol}`)
  if (isIP(url.hostname.replace(/^\[|\]$/g, '')) === 0) url.hostname = host
  if (url.hostname !== host) return refuse(`a URL at another host (${url.hostname})`)
  return ok(url)
}
