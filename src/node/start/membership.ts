import { randomBytes } from 'node:crypto'
import { arch, release } from 'node:os'
import type { NodeOptions } from '../../core/options/node-options.ts'
import { FixedRemotes, usableRemotes } from '../../core/tunnels/fixed-remotes.ts'
import { TunnelPolicy } from '../../core/tunnels/policy.ts'
import type { AwakeClock } from '../../platform/awake-clock.ts'
import type { CleanUp } from '../../platform/clean-up.ts'
import { Advertisement } from '../advertisement.ts'
import { isNeighbourThere } from '../kernel/neighbour-check.ts'
import { NeighbourProbe } from '../neighbour-probe.ts'
import { NodeMessages } from '../node-messages.ts'
import { NodeSettings } from '../node-settings.ts'
import { NeighbourNodes } from '../routing/neighbour-nodes.ts'
import { UdpEndpoint } from '../sessions/udp-endpoint.ts'
import { WayQuestions } from '../trace/way-questions.ts'
import { dialAll } from '../transport/dialler.ts'
import type { TunnelComponents, TunnelLimits } from '../tunnels/components.ts'
import { Tunnels } from '../tunnels/tunnels.ts'
import { VersionNews } from '../version-news.ts'
import { followOwnNetwork } from './follow-network.ts'
import type { Foundation } from './foundation.ts'
import type { Links } from './links.ts'
import type { NodeComponents } from './node-components.ts'

/** A node among others: what it says of itself, its messages, and its tunnels. */
export interface Membership {
  readonly settings: NodeSettings
  readonly advertisement: Advertisement
  readonly messages: NodeMessages
  /** Passes the newest network version on. */
  readonly news: VersionNews
  readonly tunnels: Tunnels
  readonly probe: NeighbourProbe
  /** Asks other nodes for their ways. */
  readonly ways: WayQuestions
  /** What the tunnel policy goes by has changed. */
  configureTunnels(): void
  /** Calls `listener` when we are cut off from the registry's node, again and again with back-off. */
  onCutOff(listener: () => void): void
}

interface MembershipInit extends NodeComponents {
  /** Whether somebody answers is judged by it. */
  readonly clock: AwakeClock
  readonly options: NodeOptions
  readonly cleanUp: CleanUp
  readonly foundation: Pick<
    Foundation,
    | 'identity'
    | 'keeper'
    | 'revocation'
    | 'config'
    | 'cache'
    | 'registry'
    | 'sourceSpecific'
    | 'ownNetwork'
    | 'onClockSet'
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
  const { identity, keeper, revocation, cache, registry, sourceSpecific } = foundation
  const { router, nodes, transport } = links
  const { network } = identity.current.authority
  const own = identity.prefix

  const settings = new NodeSettings({
    options,
    sourceSpecific,
    identity: () => identity.current,
    config: () => keeper.config,
  })
  const advertisement = cleanUp.use(
    new Advertisement({
      options,
      servers: () => settings.servers,
      network,
      config: () => keeper.config,
      isRegistryNode: foundation.config.registryPrefix === own,
      cache,
      getCountry: (address, countrySignal) => registry.getCountry(address, countrySignal),
      clock,
      log,
      signal,
    }),
  )
  const messages = new NodeMessages(
    {
      clock,
      log,
      identity: () => identity.current,
      keeper,
      cache,
      advertised: () => advertisement.addresses,
      dialAll,
      wayTo: (target) => nodes.wayTo(target),
      platform: `Linux-${release()}-${arch()}`,
      signal,
    },
    (handlers) => new UdpEndpoint({ clock, log, random: randomBytes }, handlers, identity.current),
  )

  const cutOffListeners = [() => keeper.cutOff()]
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
    onCutOff: () => {
      for (const listener of cutOffListeners) listener()
    },
    onTunnel: (event) => links.history.tunnel(event),
    onExternalAddress: (iface, address) => advertisement.seen(iface, address),
    isNeighbourThere: (iface, address) => isNeighbourThere({ processes, clock, log }, iface, address),
  }
  const limits: TunnelLimits = {
    own,
    maxClients: () => settings.maxClients,
    helloIntervalMs: () => keeper.config.helloIntervalMs,
    isRevoked: (serial) => revocation.isRevoked(serial),
  }
  const strategy = options.client
    ? new FixedRemotes(
        own,
        settings.tunnels(advertisement),
        usableRemotes(options.client, settings.allowsIpv6),
        random,
      )
    : new TunnelPolicy(own, settings.tunnels(advertisement), random, clock.monotonicMs())
  const tunnels = cleanUp.use(new Tunnels(components, limits, strategy))
  // Before anything can lead to a tunnel: what follows here takes as long as a name takes to resolve.
  transport.configure(settings.transport)
  followOwnNetwork({ cleanUp, foundation, advertisement, tunnels })
  const configureTunnels = () => {
    strategy.configure(settings.tunnels(advertisement))
    tunnels.changed()
  }

  const probe = new NeighbourProbe({
    clock,
    network: () => identity.current.authority.network,
    peers: () => tunnels.peers(),
    hasServers: () => settings.servers.length > 0,
    askInformation: (prefix) => messages.askInformation(prefix),
    askDial: (prefix) => messages.askDial(prefix),
  })
  const ways = new WayQuestions({ clock, ask: (prefix, target) => messages.askWay(prefix, target) })
  await advertisement.start({
    onCountries: configureTunnels,
  })
  // As soon as they are neighbours. Earlier, there is no way for a message: a tunnel that is up leads nowhere until its
  // ends have heard each other.
  const neighbours = new NeighbourNodes(router, network, own, () => news.look())
  const news = new VersionNews({
    keeper,
    clock,
    neighbours: () => neighbours.prefixes(),
    say: (prefix) => messages.sendVersion(prefix),
  })
  await messages.start({ tunnels, spread: news.spread, probe, ways })
  cleanUp.use(messages)
  cleanUp.use(neighbours)
  cleanUp.use(news)
  cleanUp.use(router.watch(() => tunnels.changed()))
  const onCutOff = (listener: () => void) => void cutOffListeners.push(listener)
  return { settings, advertisement, messages, news, tunnels, probe, ways, configureTunnels, onCutOff }
}
