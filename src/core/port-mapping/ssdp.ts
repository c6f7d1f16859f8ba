import { ok, type Result, refuse } from '../result.ts'

/** Where devices are searched for: UPnP Device Architecture 1.1, section 1. */
export const SSDP_GROUP = '239.255.255.250'
/** UDP port of the group, and of each device. */
export const SSDP_PORT = 1900

/** Gateways of both versions of the standard. */
export const IGD_TARGETS = [
  'urn:schemas-upnp-org:device:InternetGatewayDevice:2',
  'urn:schemas-upnp-org:device:InternetGatewayDevice:1',
] as const

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
 * The address of the description that a gateway answered with. Only one at the host that answered counts: nobody may
 * send us to another.
 * @param from IPv4 address that the answer came from
 */
export function readSearchAnswer(datagram: Uint8Array, from: string): Result<URL> {
  const [status = '', ...lines] = Buffer.from(datagram).toString('latin1').split(/\r?\n/)
  if (!/^HTTP\/1\.[01] 200\b/i.test(status)) return refuse('not an answer to a search')
  const headers = lines.map((line) => /^([A-Za-z-]+)\s*:\s*(.*?)\s*$/.exec(line))
  const header = (name: string) => headers.find((found) => found?.[1]?.toUpperCase() === name)?.[2] ?? ''
  if (!(IGD_TARGETS as readonly string[]).includes(header('ST'))) return refuse('not a gateway')
  return urlAt(header('LOCATION'), undefined, from)
}

/** A URL, if it is plain HTTP at this host. */
export function urlAt(text: string, base: URL | undefined, host: string): Result<URL> {
  if (!URL.canParse(text, base?.href)) return refuse('no URL')
  const url = new URL(text, base)
  if (url.protocol !== 'http:') return refuse(`a URL with ${url.protocol}`)
  if (url.hostname !== host) return refuse(`a URL at another host (${url.hostname})`)
  return ok(url)
}
