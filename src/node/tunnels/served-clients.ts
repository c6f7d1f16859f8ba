import { refusalOfClient } from '../../core/tunnels/admission.ts'
import type { TunnelStrategy } from '../../core/tunnels/decisions.ts'
import { IN_USE_TWICE, type SharedCertificates } from '../../core/tunnels/shared-certificates.ts'
import type { TunnelProtocol } from '../../core/values/address-list.ts'
import { type Prefix, subnetNameOf } from '../../core/values/prefix.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import type {
  Admission,
  ServerEvent,
  Transport,
  TunnelPeer,
  UnderlayAddress,
} from '../transport/transport.ts'
import type { TunnelComponents, TunnelLimits } from './components.ts'
import type { GracefulClosing } from './graceful-closing.ts'
import type { TunnelInfo } from './tunnel-info.ts'
import { type ServerPlace, TunnelServers } from './tunnel-servers.ts'

interface ServedClientsInit extends Pick<TunnelComponents, 'clock' | 'log' | 'sendSeen' | 'onTunnel'> {
  readonly nodes: Pick<TunnelComponents['nodes'], 'nodeAt'>
  readonly router: Pick<TunnelComponents['router'], 'neighbours' | 'neighbourGone'>
  readonly transport: Pick<Transport, 'listen'>
  readonly limits: TunnelLimits
  readonly strategy: Pick<TunnelStrategy, 'clientUp' | 'clientDown'>
  readonly shared: SharedCertificates
  readonly closing: Pick<GracefulClosing, 'drainServer'>
  /** The strategy has been told something. */
  readonly onChange: () => void
  readonly signal: AbortSignal
}

interface ServedClient {
  readonly iface: string
  readonly protocol: TunnelProtocol
  /** Its number at its server. */
  readonly client: number
  readonly peer: TunnelPeer
  readonly underlay: UnderlayAddress
  readonly sinceMs: number
}

/** The tunnels that others have made to our servers. */
export class ServedClients {
  readonly #init: ServedClientsInit
  /** By interface and number. */
  readonly #clients = new Map<string, ServedClient>()
  readonly servers: TunnelServers
  readonly #logLimit: LogLimit

  constructor(init: ServedClientsInit) {
    this.#init = init
    this.#logLimit = new LogLimit(init.clock)
    this.servers = new TunnelServers({
      ...init,
      drain: (iface) => init.closing.drainServer(iface),
      specOf: (place) => ({
        ...place,
        admit: (peer, underlay) => this.#admit(peer, underlay),
        onEvent: (event) => this.#event(place, event),
      }),
    })
  }

  /** Peers that have made a tunnel to us. */
  peers(): Prefix[] {
    return [...new Set([...this.#clients.values()].map(({ peer }) => peer.prefix))]
  }

  /** Interfaces of our servers to which a peer has made tunnels. */
  ifacesOf(prefix: Prefix): string[] {
    return this.#of(prefix).map(({ iface }) => iface)
  }

  /** Whether somebody has a tunnel to this server of ours. */
  hasClientsOn(iface: string): boolean {
    return [...this.#clients.values()].some((client) => client.iface === iface)
  }

  /** Ends the tunnels that a peer has made to us. */
  drop(prefix: Prefix, reason: string): void {
    for (const client of this.#of(prefix)) this.#drop(client, reason)
  }

  /** The tunnels, as the user sees them. */
  list(): TunnelInfo[] {
    return [...this.#clients.values()].map(({ iface, protocol, client, peer, underlay, sinceMs }) => {
      const { receivedBytes = 0, sentBytes = 0 } = this.servers.get(iface)?.traffic.get(client) ?? {}
      return {
        direction: 'server',
        state: 'up',
        iface,
        ...peer,
        protocol,
        underlay,
        sinceMs,
        receivedBytes,
        sentBytes,
        reason: undefined,
      }
    })
  }

  /** Ends the tunnels of certificates that were revoked. */
  endRevoked(): void {
    for (const client of this.#clients.values())
      if (this.#init.limits.isRevoked(client.peer.serial)) this.#drop(client, 'the certificate was revoked')
  }

  #admit(peer: TunnelPeer, { address }: UnderlayAddress): Admission {
    const { limits, shared, clock, log } = this.#init
    if (peer.prefix === limits.own && shared.ownSeen(limits.own, address, clock.monotonicMs()) === 'news')
      log.warn({ underlay: address }, 'another machine uses the certificate of this node')
    const reason = refusalOfClient({
      own: limits.own,
      peer: peer.prefix,
      isRevoked: limits.isRevoked(peer.serial),
      otherClients: this.peers().filter((prefix) => prefix !== peer.prefix).length,
      maxClients: limits.maxClients(),
    })
    return reason === undefined ? { admit: true } : { admit: false, reason }
  }

  #event({ iface, protocol }: ServerPlace, event: ServerEvent): void {
    const { log, clock, strategy, onChange, sendSeen } = this.#init
    switch (event.kind) {
      case 'listening':
        return log.info({ iface, protocol }, 'server listens')
      case 'failed':
        return log.warn({ iface, protocol, reason: event.reason }, 'server ended, it is started again')
      case 'client-up': {
        const { client, peer, underlay } = event
        // One that was restarted comes back before its old tunnel was missed.
        this.drop(peer.prefix, this.#whyAgain(peer, underlay))
        const sinceMs = clock.now()
        this.#clients.set(`${iface}/${client}`, { iface, protocol, client, peer, underlay, sinceMs })
        this.#log(peer, { iface, underlay: underlay.address }, 'client up')
        this.#init.onTunnel({
          ...{ kind: 'tunnel-up', peer: peer.prefix, iface, underlay: underlay.address, reason: undefined },
        })
        strategy.clientUp(peer.prefix)
        return onChange()
      }
      case 'client-moved': {
        const { client, peer, underlay } = event
        const served = this.#clients.get(`${iface}/${client}`)
        if (!served) return
        this.#clients.set(`${iface}/${client}`, { ...served, underlay })
        this.#log(peer, { iface, underlay: underlay.address }, 'client moved')
        // It may know nothing of it; with the next tunnel it would have been told.
        if (underlay.address !== served.underlay.address) sendSeen(peer.prefix, underlay.address)
        return
      }
      case 'client-down': {
        const { client, peer, reason } = event
        const underlay = this.#clients.get(`${iface}/${client}`)?.underlay.address
        if (!this.#clients.delete(`${iface}/${client}`)) return
        // Before all else: packets are lost until there is another way.
        this.#leave(iface, peer.prefix)
        this.#log(peer, { iface, reason }, 'client down')
        this.#init.onTunnel({ kind: 'tunnel-down', peer: peer.prefix, iface, underlay, reason })
        strategy.clientDown(peer.prefix)
        return onChange()
      }
    }
  }

  /** Why the old tunnels of a peer end that has connected: two machines with one certificate are told that they are. */
  #whyAgain({ prefix }: TunnelPeer, { address: to }: UnderlayAddress): string {
    const { shared, clock, log } = this.#init
    const outcomes = this.#of(prefix).map(({ underlay: { address: from } }) => {
      const outcome = shared.takenOver(prefix, from, to, clock.monotonicMs())
      if (outcome === 'news') log.warn({ peer: subnetNameOf(prefix), underlay: [from, to] }, IN_USE_TWICE)
      return outcome === 'no' ? undefined : `${IN_USE_TWICE}, from ${from} and from ${to}`
    })
    return outcomes.find((reason) => reason !== undefined) ?? 'the peer has connected again'
  }

  /** A peer can come and go as often as it likes. */
  #log({ prefix }: TunnelPeer, fields: Readonly<Record<string, unknown>>, text: string): void {
    const peer = subnetNameOf(prefix)
    this.#logLimit.write(`${peer} ${text}`, (omitted) =>
      this.#init.log.info({ peer, ...fields, ...omitted }, text),
    )
  }

  /** Routing need not miss the hellos of a peer that is gone, unless it is there by another tunnel to the same server. */
  #leave(iface: string, prefix: Prefix): void {
    if (this.ifacesOf(prefix).includes(iface)) return
    const { router, nodes } = this.#init
    for (const { iface: on, address } of router.neighbours)
      if (on === iface && nodes.nodeAt({ iface, address }) === prefix) router.neighbourGone(iface, address)
  }

  #of(prefix: Prefix): ServedClient[] {
    return [...this.#clients.values()].filter(({ peer }) => peer.prefix === prefix)
  }

  #drop({ iface, client }: ServedClient, reason: string): void {
    this.servers.get(iface)?.dropClient(client, reason)
  }
}
