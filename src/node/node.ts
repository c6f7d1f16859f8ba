import { randomBytes } from 'node:crypto'
import { arch, release } from 'node:os'
import { join } from 'node:path'
import type { NetworkChange } from '../core/config/changes.ts'
import type { NetworkConfig } from '../core/config/network-config.ts'
import { makeDecryptor, selfTestDecryption } from '../core/crypto/rsa.ts'
import type { NodeOptions } from '../core/options/node-options.ts'
import type { Random } from '../core/random.ts'
import { networkCidr, subnetCidr, subnetNameOf } from '../core/values/prefix.ts'
import { CleanUp } from '../platform/clean-up.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { Processes } from '../platform/processes.ts'
import { RegistryClient } from '../platform/registry-client.ts'
import { Advertisement } from './advertisement.ts'
import { openCache } from './cache/cache.ts'
import { watchClock } from './clock-watch.ts'
import { ControlServer } from './control/control-server.ts'
import { type Identity, type IdentityFiles, readIdentity } from './identity.ts'
import { createKernel } from './kernel/kernel.ts'
import { isNeighbourThere } from './kernel/neighbour-check.ts'
import { OtherDefaultRoutes } from './kernel/other-default-routes.ts'
import type { MulticastRouter } from './multicast/multicast-router.ts'
import { NOT_STARTED, startMulticast } from './multicast/start-multicast.ts'
import { NeighbourProbe } from './neighbour-probe.ts'
import { NetworkConfiguration } from './network-configuration.ts'
import { RoutedNodes } from './network-view.ts'
import { NodeIpv4 } from './node-ipv4.ts'
import { NodeMessages } from './node-messages.ts'
import { NodeSettings } from './node-settings.ts'
import { nodeAnswers } from './node-view.ts'
import { PortForwarding } from './port-mapping/forward-ports.ts'
import { RemoteGateways, throughGateways } from './remote-gateways.ts'
import { Renewal } from './renewal.ts'
import { createBabeldRouter } from './routing/babeld-router.ts'
import { NeighbourNodes } from './routing/neighbour-nodes.ts'
import { createOpenvpnTransport } from './transport/openvpn-transport.ts'
import type { TunnelComponents, TunnelLimits } from './tunnels/components.ts'
import { SingleClient, usableRemotes } from './tunnels/single-client.ts'
import { Tunnels } from './tunnels/tunnels.ts'
import { runUpCommand, UserDaemons } from './user-commands.ts'

/** What a node uses of its surroundings. */
export interface NodeComponents {
  readonly processes: Processes
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
}

/** A node that runs. */
export interface RunningNode extends AsyncDisposable {
  /** Resolves when it cannot go on as it is: with an error, or because it must start again. */
  readonly ended: Promise<Error | 'restart'>
  /** One line for people: who we are and how well we are connected. */
  status(): string
}

/** How often the age of what we know is looked at, and what could not be written is written. */
const AGE_CHECK_MS = 60_000

/**
 * Starts a node. What does not need each other starts side by side: a registry that does not answer holds up nothing
 * that a cache can give.
 * @throws Re6stError when it cannot start: everything is undone then
 */
export async function startNode(
  options: NodeOptions,
  components: NodeComponents,
  signal: AbortSignal,
): Promise<RunningNode> {
  const { processes, clock, random, log } = components
  await using cleanUp = new CleanUp()
  const stopping = new AbortController()
  const untilStopped = AbortSignal.any([signal, stopping.signal])
  let end: (reason: Error | 'restart') => void = () => {}
  const ended = new Promise<Error | 'restart'>((resolve) => {
    end = resolve
  })

  const files: IdentityFiles = { ca: options.ca, cert: options.cert, key: options.key }
  let identity: Identity = await readIdentity(files, clock.now())
  selfTestDecryption(identity.privateKey, identity.certificate.publicKey)
  const { network } = identity.authority
  const own = identity.certificate.prefix
  const decrypt = makeDecryptor(identity.privateKey)
  const keys = () => ({ caPublicKey: identity.authority.publicKey, decrypt })

  // First of all: a second node with the same run directory changes nothing.
  const control = cleanUp.use(new ControlServer(options.controlSocket, log))
  await control.start()
  const startedMs = clock.monotonicMs()
  const kernel = createKernel({ processes, log, stateFile: join(options.stateDirectory, 'kernel.json') })
  cleanUp.defer(() => kernel.stop())
  const cache = cleanUp.use(openCache(join(options.stateDirectory, 'cache.db'), log))
  const registry = new RegistryClient(options.registry.href, { prefix: own, ...keys() })
  const configuration = new NetworkConfiguration({ registry, cache, clock, log }, keys)

  if (options.defaultRoute)
    cleanUp.use(await OtherDefaultRoutes.start({ processes, clock, log, onFound: end }))
  const [config, { sourceSpecificRoutes: sourceSpecific }] = await Promise.all([
    configuration.start(own, untilStopped),
    kernel.prepare(options.interfaces),
  ])
  if (!sourceSpecific)
    log.warn(
      'the kernel has no source-specific routes (CONFIG_IPV6_SUBTREES): no tunnels over IPv6, no way to the Internet through the network',
    )

  const nodeIpv4 = new NodeIpv4({
    kernel,
    log,
    mainInterface: options.mainInterface,
    subjectSerial: () => identity.certificate.subjectSerial,
  })
  const addressed = Promise.all([
    kernel.assign({
      mainInterface: options.mainInterface,
      address: identity.address,
      length: network.length + own.length,
      network: networkCidr(network),
    }),
    // A gateway's native connection is what the network's packets leave by.
    sourceSpecific && !options.gateway ? kernel.keepInside(networkCidr(network)) : undefined,
    nodeIpv4.apply(config.ipv4),
  ])

  const router = createBabeldRouter({
    processes,
    clock,
    log,
    runDirectory: options.runDirectory,
    logDirectory: options.logDirectory,
    stateDirectory: options.stateDirectory,
    extraArguments: options.babelArguments,
  })
  const nodes = new RoutedNodes(router, network, own)

  const openvpn = createOpenvpnTransport({
    processes,
    clock,
    log,
    runDirectory: options.runDirectory,
    logDirectory: options.logDirectory,
    files,
    extraArguments: options.openvpnArguments,
    ovpnlog: options.openvpnLogs,
  })
  cleanUp.defer(() => openvpn.stop())
  const gateways = options.remoteGateways
  const transport =
    gateways.length === 0
      ? openvpn
      : throughGateways(openvpn, new RemoteGateways({ kernel, log, gateways }), log)
  // Before the tunnels: so that it can retract its routes.
  cleanUp.defer(() => router.stop())

  const settings = new NodeSettings({
    options,
    sourceSpecific,
    identity: () => identity,
    config: () => configuration.config,
  })
  const advertisement = cleanUp.use(
    new Advertisement({
      options,
      servers: () => settings.servers,
      network,
      config: () => configuration.config,
      isRegistryNode: config.registryPrefix === own,
      cache,
      getCountry: (address, countrySignal) => registry.getCountry(address, countrySignal),
      clock,
      log,
      signal: untilStopped,
      onCountries: () => configureTunnels(),
      onMoved: () => {
        tunnels.networkChanged()
        single?.check()
      },
    }),
  )
  const advertised = () => advertisement.addresses

  const tunnelComponents: TunnelComponents = {
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
  const tunnels = new Tunnels(tunnelComponents, limits, settings.tunnels(advertisement))
  cleanUp.use(tunnels)
  const configureTunnels = () => {
    if (!options.client) tunnels.configure(settings.tunnels(advertisement))
  }
  cleanUp.use(watchClock({ clock, log, onSet: () => tunnels.clockSet() }))
  const single =
    options.client &&
    cleanUp.use(
      new SingleClient(tunnelComponents, limits, usableRemotes(options.client, settings.allowsIpv6)),
    )
  const peers = () => [...tunnels.peers(), ...(single?.peers() ?? [])]

  const probe = new NeighbourProbe({
    clock,
    network: () => identity.authority.network,
    peers,
    hasServers: () => settings.servers.length > 0,
    askInformation: (prefix) => messages.askInformation(prefix),
    askDial: (prefix) => messages.askDial(prefix),
  })
  let multicast: MulticastRouter | undefined
  const messages: NodeMessages = new NodeMessages({
    clock,
    log,
    identity: () => identity,
    random: randomBytes,
    configuration,
    cache,
    tunnels,
    neighbours: () => neighbours.prefixes(),
    probe,
    advertised,
    multicastTold: (prefix, state) => multicast?.receive(prefix, state),
    platform: `Linux-${release()}-${arch()}`,
    signal: untilStopped,
  })
  await advertisement.start()
  await messages.start()
  cleanUp.use(messages)
  // Earlier, there is no way for a message: a tunnel that is up leads nowhere until its ends have heard each other.
  const neighbours = cleanUp.use(
    new NeighbourNodes(router, network, own, (prefix) => messages.sendVersion(prefix)),
  )

  const routerSettings = () => settings.router(nodeIpv4.own, cache.peers().length)
  transport.configure(settings.transport)

  cleanUp.use(
    router.watch(() => {
      nodes.invalidate()
      if (!single) tunnels.changed()
    }),
  )
  const forwarding = cleanUp.use(
    new PortForwarding(options, settings.servers, components, (forwarded) =>
      advertisement.setForwarded(forwarded),
    ),
  )
  // The address must be there before anything is routed to it; servers need not wait for that.
  await Promise.all([
    addressed.then(() => router.start(routerSettings(), untilStopped)),
    tunnels.servers.start(settings.places),
  ])

  if (options.multicast)
    multicast = await startMulticast({
      ...{ processes, clock, log, kernel, router, network, own },
      runDirectory: options.runDirectory,
      mainInterface: options.mainInterface,
      lanIfaces: options.interfaces,
      serverIfaces: settings.serverIfaces,
      address: identity.address,
      send: (peer, state) => messages.sendMulticast(peer, state),
    })
  if (multicast) cleanUp.use(multicast)

  const background = (what: string, work: Promise<unknown>) => {
    work.catch((error: unknown) => {
      if (!untilStopped.aborted) log.error({ err: error }, `${what} failed`)
    })
  }
  configuration.onChange((changed, changes) => {
    transport.configure(settings.transport)
    for (const change of changes) background(`applying ${change.kind}`, apply(change, changed))
    messages.spreadVersion()
  })

  const apply = async (change: NetworkChange, changed: NetworkConfig): Promise<void> => {
    switch (change.kind) {
      case 'mac-keys':
        return await router.setKeys(changed.keys)
      case 'revoked':
        messages.setRevoked(changed.crl)
        tunnels.endRevoked()
        single?.endRevoked()
        if (changed.crl.has(identity.certificate.serial)) renewal.lookNow()
        return
      case 'routing-timers':
        return await router.reconfigure(routerSettings())
      case 'encryption':
        return await tunnels.servers.restart()
      case 'tunnel-limits':
        configureTunnels()
        advertisement.serversChanged()
        forwarding.setServers(settings.servers)
        return await tunnels.servers.provide(settings.places)
      case 'registry-node':
        configureTunnels()
        return
      case 'ipv4-payload':
        await nodeIpv4.apply(changed.ipv4)
        return await router.reconfigure(routerSettings())
      case 'protocol':
        return
    }
  }

  const useIdentity = (next: Identity) => {
    identity = next
    registry.setIdentity({ prefix: own, ...keys() })
    messages.setIdentity()
    background('starting servers with the new certificate', tunnels.identityRenewed())
  }
  const renewal = new Renewal(
    { registry, clock, log, isRevoked: ({ serial }) => limits.isRevoked(serial) },
    files,
    () => identity,
    (renewed) => {
      log.info({ kind: renewed.kind }, 'renewed')
      if (renewed.kind === 'certificate') useIdentity({ ...identity, certificate: renewed.certificate })
      // The serial of the CA is the network: with another one, everything begins anew.
      else if (renewed.authority.network !== network) end('restart')
      else useIdentity({ ...identity, authority: renewed.authority })
    },
  )
  messages.setRevoked(configuration.config.crl)
  background('renewal', renewal.run(untilStopped))
  cleanUp.use(
    clock.every(AGE_CHECK_MS, () => {
      configuration.checkAge(nodes.isReachable(configuration.config.registryPrefix), untilStopped)
      cache.writeAgain()
    }),
  )

  const environment = {
    re6stnet_iface: options.mainInterface,
    re6stnet_ip: identity.address,
    re6stnet_subnet: subnetCidr(network, own),
    re6stnet_network: networkCidr(network),
  }
  if (options.up !== undefined) await runUpCommand({ processes, log }, options.up, environment)
  const daemons = cleanUp.use(new UserDaemons())
  daemons.start({ processes, log }, options.daemons, environment)

  control.serve(
    nodeAnswers({
      identity: () => identity,
      config: () => configuration.config,
      router,
      nodes,
      tunnels: { peers, list: () => [...tunnels.list(), ...(single?.list() ?? [])] },
      advertised,
      registry,
      probe,
      isForwarded: () => advertisement.isForwarded,
      registryUrl: options.registry.href,
      sourceSpecificRoutes: sourceSpecific,
      multicast: () => (options.multicast ? (multicast?.status ?? NOT_STARTED) : undefined),
      uptimeMs: () => clock.monotonicMs() - startedMs,
    }),
  )
  if (single) single.start()
  else void advertisement.located().then(() => tunnels.start())
  log.info({ address: identity.address, peer: subnetNameOf(own) }, 'the node runs')
  cleanUp.defer(() => stopping.abort(new Error('the node stops')))
  const running = cleanUp.move()
  return {
    ended,
    status: () =>
      `${identity.address}: ${counted(peers().length, 'tunnel')}, ${counted(nodes.size, 'node')} reachable`,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
