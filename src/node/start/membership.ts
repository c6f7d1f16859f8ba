import { randomBytes } from 'node:crypto'
import { arch, release } from 'node:os'
import type { NodeOptions } from '../../core/options/node-options.ts'
import type { Prefix } from '../../core/values/prefix.ts'
import type { CleanUp } from '../../platform/clean-up.ts'
import { Advertisement } from '../advertisement.ts'
import { isNeighbourThere } from '../kernel/neighbour-check.ts'
import { NeighbourProbe } from '../neighbour-probe.ts'
import { NodeMessages } from '../node-messages.ts'
import { NodeSettings } from '../node-settings.ts'
import { NeighbourNodes } from '../routing/neighbour-nodes.ts'
import type { TunnelComponents, TunnelLimits } from '../tunnels/components.ts'
import { SingleClient, usableRemotes } from '../tunnels/single-client.ts'
import type { TunnelInfo } from '../tunnels/tunnel-info.ts'
import { Tunnels } from '../tunnels/tunnels.ts'
import type { Foundation } from './foundation.ts'
import type { Links } from './links.ts'
import type { NodeComponents } from './node-components.ts'

/** A node among others: what it says of itself, its messages, and its tunnels. */
export interface Membership {
  readonly settings: NodeSettings
  readonly advertisement: Advertisement
  readonly messages: NodeMessages
  readonly tunnels: Tunnels
  /** With `--client`, in place of the tunnels. */
  readonly single: SingleClient | undefined
  readonly probe: NeighbourProbe
  /** Peers with a tunnel that is up, in either direction. */
  peers(): readonly Prefix[]
  list(): readonly TunnelInfo[]
  /** What the tunnel policy goes by has changed. */
  configureTunnels(): void
}

interface MembershipInit extends NodeComponents {
  readonly options: NodeOptions
  readonly cleanUp: CleanUp
  readonly foundation: Pick<
    Foundation,
    'identity' | 'configuration' | 'config' | 'cache' | 'registry' | 'sourceSpecific'
  >
  readonly links: Links
  readonly signal: AbortSignal
}

/**
 * Begins to hear and to answer other nodes; tunnels are not made yet.
 * @throws Re6stError `SYSTEM` when the port of the messages is in use, `CONFLICT` when `--client` names nobody whom we
 *   could reach
 */
export async function joinOthers(init: MembershipInit): Promise<Membership> {
  const { options, cleanUp, foundation, links, signal, processes, clock, random, log } = init
  const { identity, configuration, cache, registry, sourceSpecific } = foundation
  const { router, nodes, transport } = links
  const { network } = identity.current.authority
  const own = identity.prefix

  const settings = new NodeSettings({
    options,
    sourceSpecific,
    identity: () => identity.current,
    config: () => configuration.config,
  })
  const advertisement = cleanUp.use(
    new Advertisement({
      options,
      servers: () => settings.servers,
      network,
      config: () => configuration.config,
      isRegistryNode: foundation.config.registryPrefix === own,
      cache,
      getCountry: (address, countrySignal) => registry.getCountry(address, countrySignal),
      clock,
      log,
      signal,
    }),
  )
  const messages = new NodeMessages({
    clock,
    log,
    identity: () => identity.current,
    random: randomBytes,
    configuration,
    cache,
    advertised: () => advertisement.addresses,
    platform: `Linux-${release()}-${arch()}`,
    signal,
  })

  const components: TunnelComponents = {
    transport,
    router,
    nodes,
    cache,
    clock,
    random,
    log,
    askAddresses: (prefix) => messages.askAddresses(prefix),
    getBootstrapPeer: (bootstrapSignal) => registry.getBootstrapPeer(bootstrapSignal),
    sendClosing: (prefix, what) => messages.sendClosing(prefix, what),
    sendSeen: (prefix, address) => messages.sendSeen(prefix, address),
    onExternalAddress: (iface, address) => advertisement.seen(iface, address),
    isNeighbourThere: (iface, address) => isNeighbourThere({ processes, clock, log }, iface, address),
  }
  const limits: TunnelLimits = {
    own,
    maxClients: () => settings.maxClients,
    helloIntervalMs: () => configuration.config.helloIntervalMs,
    isRevoked: (serial) => configuration.config.crl.has(serial),
  }
  const tunnels = cleanUp.use(new Tunnels(components, limits, settings.tunnels(advertisement)))
  const single = options.client
    ? cleanUp.use(new SingleClient(components, limits, usableRemotes(options.client, settings.allowsIpv6)))
    : undefined
  const peers = () => [...tunnels.peers(), ...(single?.peers() ?? [])]
  const configureTunnels = () => {
    if (!single) tunnels.configure(settings.tunnels(advertisement))
  }

  const probe = new NeighbourProbe({
    clock,
    network: () => identity.current.authority.network,
    peers,
    hasServers: () => settings.servers.length > 0,
    askInformation: (prefix) => messages.askInformation(prefix),
    askDial: (prefix) => messages.askDial(prefix),
  })
  await advertisement.start({
    onCountries: configureTunnels,
  })
  // As soon as they are neighbours. Earlier, there is no way for a message: a tunnel that is up leads nowhere until its
  // ends have heard each other.
  const neighbours = new NeighbourNodes(router, network, own, (prefix) => messages.sendVersion(prefix))
  await messages.start({ tunnels, neighbours, probe })
  cleanUp.use(messages)
  cleanUp.use(neighbours)
  cleanUp.use(
    router.watch(() => {
      nodes.invalidate()
      if (!single) tunnels.changed()
    }),
  )
  return {
    ...{ settings, advertisement, messages, tunnels, single, probe, peers, configureTunnels },
    list: () => [...tunnels.list(), ...(single?.list() ?? [])],
  }
}
