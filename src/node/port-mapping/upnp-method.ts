import { type ConnectionService, readIgdDescription } from '../../core/port-mapping/igd-description.ts'
import type { Grant, MappedPort, MappingWish } from '../../core/port-mapping/mapping.ts'
import { type PortEntry, readPortEntry } from '../../core/port-mapping/port-entry.ts'
import {
  formatSoapRequest,
  readSoapAnswer,
  type SoapAnswer,
  troubleOfFault,
  UPNP_ERRORS,
} from '../../core/port-mapping/soap.ts'
import { SSDP_PORT } from '../../core/port-mapping/ssdp.ts'
import { type GatewayAnswer, granted, troubled } from '../../core/port-mapping/trouble.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Gateway } from './gateway.ts'
import { askByHttp } from './gateway-http.ts'
import { searchIgd } from './igd-search.ts'
import type { MappingMethod, MappingSession } from './mapping-method.ts'

/** What the owner of the gateway reads in its list of mappings. */
const DESCRIPTION = 're6stnet'

/** Speaks UPnP to an Internet gateway device, version 1 or 2. */
export const upnpMethod = (clock: Clock, searchPort = SSDP_PORT): MappingMethod => ({
  name: 'upnp',
  async open(gateway, _nonce, signal) {
    const location = await searchIgd(gateway, clock, signal, searchPort)
    if (location === undefined) return troubled({ kind: 'silent' })
    const xml = await askByHttp({ gateway, url: location, clock }, signal)
    if (!xml.ok) return xml
    const services = readIgdDescription(xml.value, location)
    if (!services.ok) return troubled({ kind: 'nonsense', reason: services.reason })
    const sessions = services.value.map((service) => new UpnpSession(clock, gateway, service))
    // A gateway with several lines: the one that is up. Where none is, the first says why.
    for (const session of sessions) {
      const address = await session.externalAddress(signal)
      if (address.ok && address.value !== '' && address.value !== '0.0.0.0') return granted(session)
    }
    const [first] = sessions
    return first === undefined ? troubled({ kind: 'silent' }) : granted(first)
  },
})

/** What gateways without leases answer to one: some say so, others that an argument is wrong or that they failed. */
const MAY_WANT_NO_LEASE: ReadonlySet<number> = new Set([
  UPNP_ERRORS.onlyPermanentLeases,
  UPNP_ERRORS.invalidArguments,
  UPNP_ERRORS.actionFailed,
])

class UpnpSession implements MappingSession {
  readonly #clock: Clock
  readonly #gateway: Gateway
  readonly #service: ConnectionService
  #hasLeases = true

  constructor(clock: Clock, gateway: Gateway, service: ConnectionService) {
    this.#clock = clock
    this.#gateway = gateway
    this.#service = service
  }

  async externalAddress(signal: AbortSignal): Promise<GatewayAnswer<string>> {
    const answer = await this.#call('GetExternalIPAddress', {}, signal)
    if (!answer.ok) return answer
    if (answer.value.kind === 'fault') return troubled(troubleOfFault(answer.value))
    return granted(answer.value.values.get('NewExternalIPAddress') ?? '')
  }

  async map(wish: MappingWish, signal: AbortSignal): Promise<GatewayAnswer<Grant>> {
    const before = await this.#entry(wish, signal)
    if (!before.ok) return before
    const entry = before.value
    // Some gateways give one client's port to another without a word: so we ask first.
    if (entry && !this.#isOurs(entry, wish)) return troubled({ kind: 'taken' })
    if (entry && (entry.leaseSeconds === 0 || entry.leaseSeconds > wish.leaseSeconds / 2))
      return granted({ externalPort: wish.externalPort, leaseSeconds: entry.leaseSeconds })
    const added = await this.#addAndLook(wish, signal)
    if (!added.ok || !entry) return added
    const { leaseSeconds } = added.value
    if (leaseSeconds === 0 || leaseSeconds > entry.leaseSeconds) return added
    // Some gateways say yes and let the old lease run out (miniupnp #131, #199).
    await this.unmap(wish, signal)
    return this.#addAndLook(wish, signal)
  }

  /** The answer does not tell the lease, and some gateways give shorter ones than they are asked for. */
  async #addAndLook(wish: MappingWish, signal: AbortSignal): Promise<GatewayAnswer<Grant>> {
    const added = await this.#add(wish, signal)
    if (!added.ok) return added
    const made = await this.#entry(wish, signal)
    if (!made.ok || !made.value) return added
    if (!this.#isOurs(made.value, wish)) return troubled({ kind: 'taken' })
    return granted({ ...added.value, leaseSeconds: made.value.leaseSeconds })
  }

  async unmap(port: MappedPort, signal: AbortSignal): Promise<GatewayAnswer<undefined>> {
    const entry = await this.#entry(port, signal)
    if (!entry.ok) return entry
    // It ended, and somebody else has the port now.
    if (entry.value && !this.#isOurs(entry.value, port)) return granted(undefined)
    const answer = await this.#call('DeletePortMapping', portArguments(port), signal)
    if (!answer.ok) return answer
    return answer.value.kind === 'fault' && answer.value.code !== UPNP_ERRORS.noSuchEntry
      ? troubled(troubleOfFault(answer.value))
      : granted(undefined)
  }

  async #add(wish: MappingWish, signal: AbortSignal): Promise<GatewayAnswer<Grant>> {
    const leaseSeconds = this.#hasLeases ? wish.leaseSeconds : 0
    const answer = await this.#call(
      'AddPortMapping',
      {
        ...portArguments(wish),
        NewInternalPort: wish.internalPort,
        NewInternalClient: this.#gateway.localAddress,
        NewEnabled: 1,
        NewPortMappingDescription: DESCRIPTION,
        NewLeaseDuration: leaseSeconds,
      },
      signal,
    )
    if (!answer.ok) return answer
    if (answer.value.kind === 'values') return granted({ externalPort: wish.externalPort, leaseSeconds })
    if (MAY_WANT_NO_LEASE.has(answer.value.code) && this.#hasLeases) {
      this.#hasLeases = false
      const permanent = await this.#add(wish, signal)
      if (permanent.ok || answer.value.code === UPNP_ERRORS.onlyPermanentLeases) return permanent
      // It was not the lease.
      this.#hasLeases = true
    }
    return troubled(troubleOfFault(answer.value))
  }

  /** The mapping that an external port has; undefined: none, or it cannot be told. */
  async #entry(port: MappedPort, signal: AbortSignal): Promise<GatewayAnswer<PortEntry | undefined>> {
    const answer = await this.#call('GetSpecificPortMappingEntry', portArguments(port), signal)
    if (!answer.ok) return answer
    if (answer.value.kind === 'fault') return granted(undefined)
    const entry = readPortEntry(answer.value.values)
    return granted(entry.ok ? entry.value : undefined)
  }

  #isOurs(entry: PortEntry, { internalPort }: MappedPort): boolean {
    return entry.internalClient === this.#gateway.localAddress && entry.internalPort === internalPort
  }

  async #call(
    action: string,
    values: Readonly<Record<string, string | number>>,
    signal: AbortSignal,
  ): Promise<GatewayAnswer<SoapAnswer>> {
    const { serviceType, controlUrl } = this.#service
    const soap = formatSoapRequest(serviceType, action, values)
    const text = await askByHttp(
      { gateway: this.#gateway, url: controlUrl, soap, clock: this.#clock },
      signal,
    )
    if (!text.ok) return text
    const answer = readSoapAnswer(text.value, action)
    return answer.ok ? granted(answer.value) : troubled({ kind: 'nonsense', reason: answer.reason })
  }
}

/** What names a mapping. The order of arguments is the standard's: some gateways insist on it. */
const portArguments = ({ protocol, externalPort }: MappedPort) => ({
  NewRemoteHost: '',
  NewExternalPort: externalPort,
  NewProtocol: protocol.toUpperCase(),
})
