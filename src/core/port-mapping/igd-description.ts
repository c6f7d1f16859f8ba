import { ok, type Result, refuse } from '../result.ts'
import { urlAt } from './ssdp.ts'
import { xmlTokens } from './xml.ts'

/** The service of a gateway that forwards ports. */
export interface ConnectionService {
  readonly serviceType: string
  readonly controlUrl: URL
}

/** In order of preference. Version 2 of WANIPConnection is IGD 2; PPP is what some DSL gateways have instead of IP. */
const SERVICE_TYPES: readonly string[] = [
  'urn:schemas-upnp-org:service:WANIPConnection:2',
  'urn:schemas-upnp-org:service:WANIPConnection:1',
  'urn:schemas-upnp-org:service:WANPPPConnection:1',
]
/** Nobody has more lines; each is asked for its address. */
const MAX_SERVICES = 4

/** The connections that a gateway's description names, the preferred ones first. @param location of the description */
export function readIgdDescription(xml: string, location: URL): Result<readonly ConnectionService[]> {
  let base: string | undefined
  let service: { serviceType?: string; controlURL?: string } | undefined
  let element = ''
  const found: ConnectionService[] = []
  for (const token of xmlTokens(xml)) {
    switch (token.kind) {
      case 'open':
        element = token.name
        if (element === 'service') service = {}
        break
      case 'text':
        if (element === 'URLBase') base = token.text
        if (service && (element === 'serviceType' || element === 'controlURL')) service[element] = token.text
        break
      case 'close': {
        element = ''
        if (token.name !== 'service') break
        const url = urlAt(service?.controlURL ?? '', baseUrl(base, location), location.hostname)
        if (service?.controlURL !== undefined && service.serviceType !== undefined && url.ok)
          found.push({ serviceType: service.serviceType, controlUrl: url.value })
        service = undefined
      }
    }
  }
  const services = found
    .filter(({ serviceType }) => SERVICE_TYPES.includes(serviceType))
    .sort((one, other) => SERVICE_TYPES.indexOf(one.serviceType) - SERVICE_TYPES.indexOf(other.serviceType))
  return services.length > 0
    ? ok(services.slice(0, MAX_SERVICES))
    : refuse('its description names no connection')
}

/** One at another host (the standard has done away with it) is that of another LAN, or made up. */
const baseUrl = (base: string | undefined, location: URL): URL => {
  const url = urlAt(base ?? '', undefined, location.hostname)
  return url.ok ? url.value : location
}
