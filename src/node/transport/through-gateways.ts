import { isIPv4 } from 'node:net'
import { messageOf } from '../../core/errors.ts'
import type { Logger } from '../../platform/log.ts'
import type { RemoteGateways } from '../remote-gateways.ts'
import { LateTunnel } from './late-tunnel.ts'
import type { ClientSpec, ClientTunnel, ServerSpec, Transport } from './transport.ts'

/**
 * A transport whose client tunnels go through the pool's gateways.
 * @param dialableNow whether a tunnel may lead to an address that a peer says, as it is when it is called: to others, there
 *   is no route for a peer's word either
 */
export const throughGateways = (
  transport: Transport,
  pool: Pick<RemoteGateways, 'acquire'>,
  log: Logger,
  dialableNow: TunnelRouting['dialableNow'],
): Transport => {
  const served = new ServedAddresses()
  return {
    listen: (spec, signal) => transport.listen(served.watching(spec), signal),
    connect: (spec) => routedTunnel(transport, { pool, served, dialableNow }, log, spec),
    configure: (settings) => transport.configure(settings),
    stop: () => transport.stop(),
  }
}

/** Underlay addresses from which somebody is connected to a server of ours. */
class ServedAddresses {
  /** By interface and client. */
  readonly #clients = new Map<string, string>()

  has(address: string): boolean {
    return [...this.#clients.values()].includes(address)
  }

  /** A server that tells what it hears to us, too. */
  watching(spec: ServerSpec): ServerSpec {
    return {
      ...spec,
      onEvent: (event) => {
        if (event.kind === 'client-up' || event.kind === 'client-moved')
          this.#clients.set(`${spec.iface}/${event.client}`, event.underlay.address)
        if (event.kind === 'client-down') this.#clients.delete(`${spec.iface}/${event.client}`)
        spec.onEvent(event)
      },
    }
  }
}

/** What decides which routes a tunnel has. */
interface TunnelRouting {
  readonly pool: Pick<RemoteGateways, 'acquire'>
  readonly served: Pick<ServedAddresses, 'has'>
  readonly dialableNow: (
    addresses: readonly string[],
    signal: AbortSignal,
  ) => ((address: string) => boolean) | Promise<(address: string) => boolean>
}

/** A client tunnel that begins when the routes to its remotes are there. */
function routedTunnel(
  transport: Transport,
  { pool, served, dialableNow }: TunnelRouting,
  log: Logger,
  spec: ClientSpec,
): ClientTunnel {
  let routes: AsyncDisposable[] = []
  const down = (reason: string) => {
    const unused = routes.splice(0).map((route) => route[Symbol.asyncDispose]())
    Promise.all(unused).catch((error: unknown) =>
      log.warn({ reason: messageOf(error) }, 'a route through a remote gateway stays'),
    )
    spec.onEvent({ kind: 'down', reason })
  }
  return new LateTunnel(async (signal) => {
    // The remotes of `--client` are the user's.
    const hosts = spec.remotes.map(({ host }) => host)
    const mayLead = spec.prefix === undefined ? () => true : await dialableNow(hosts, signal)
    // Names are left alone: they may be those of machines that move. Packets to whoever is connected to us from there
    // must go back the way they come.
    const addresses = new Set(hosts.filter((host) => isIPv4(host) && mayLead(host) && !served.has(host)))
    routes = await Promise.all([...addresses].map((address) => pool.acquire(address)))
    return () =>
      transport.connect({
        ...spec,
        onEvent: (event) => (event.kind === 'down' ? down(event.reason) : spec.onEvent(event)),
      })
  }, down)
}
