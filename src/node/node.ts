import type { NodeOptions } from '../core/options/node-options.ts'
import { isConnected } from '../core/tunnels/bootstrap.ts'
import { type Prefix, subnetNameOf } from '../core/values/prefix.ts'
import { inBackground } from '../platform/background.ts'
import { CleanUp } from '../platform/clean-up.ts'
import { AppliedChanges } from './apply-changes.ts'
import { Draining } from './draining.ts'
import { forwardedCount } from './kernel/forwarded-count.ts'
import { MacKeys } from './mac-keys.ts'
import type { MulticastRouter } from './multicast/multicast-router.ts'
import { NOT_STARTED, startMulticast } from './multicast/start-multicast.ts'
import { nodeAnswers } from './node-view.ts'
import { PortForwarding } from './port-mapping/forward-ports.ts'
import { assignAddresses } from './start/assign-addresses.ts'
import { awakeTime } from './start/awake-time.ts'
import { layFoundation } from './start/foundation.ts'
import { keepIdentity } from './start/keep-identity.ts'
import { prepareLinks } from './start/links.ts'
import { joinOthers } from './start/membership.ts'
import type { NodeComponents, NodeEnd } from './start/node-components.ts'
import { StartTimes } from './start/start-times.ts'
import { startUserPrograms } from './start/user-programs.ts'

/** A node that runs. */
export interface RunningNode extends AsyncDisposable {
  /** Resolves when it cannot go on as it is. */
  readonly ended: Promise<NodeEnd>
  /** One line for people: who we are and how well we are connected. */
  status(): string
}

/** How often what could not be written is written. */
const WRITE_AGAIN_MS = 60_000

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
  const { clock, log } = components
  await using cleanUp = new CleanUp()
  const stopping = new AbortController()
  const untilStopped = AbortSignal.any([signal, stopping.signal])
  let onEnd: (reason: NodeEnd) => void = () => {}
  const ended = new Promise<NodeEnd>((resolve) => {
    onEnd = resolve
  })
  const times = new StartTimes(clock)
  const startedMs = times.beganMs
  const shared = { ...components, options, cleanUp, signal: untilStopped, onEnd }

  const foundation = await layFoundation(shared)
  times.reached('foundation')
  const { identity, kernel, cache, registry, keeper, revocation, sourceSpecific, ownNetwork } = foundation
  const { network } = identity.current.authority
  const { nodeIpv4, done: addressed } = assignAddresses({ ...foundation, options, log })
  const awake = cleanUp.use(awakeTime(components))
  const links = await prepareLinks({ ...shared, clock: awake, foundation })
  const { router, nodes, history, transport } = links
  const membership = await joinOthers({ ...shared, clock: awake, foundation, links })
  const { settings, advertisement, messages, news, tunnels, probe, ways } = membership
  times.reached('membership')

  const macKeys = cleanUp.use(
    new MacKeys(
      {
        ...{ router, clock: awake, log, hasNeighbours: () => news.spread.hasNeighbours },
        helloIntervalMs: () => keeper.config.helloIntervalMs,
        onUsed: () => tunnels.routingKeysChanged(),
      },
      foundation.config.keys,
    ),
  )
  const routerSettings = () => settings.router(nodeIpv4.own, cache.peers().length, macKeys.inUse)
  const forwarding = cleanUp.use(
    new PortForwarding(options, settings.servers, components, (forwarded) =>
      advertisement.setForwarded(forwarded),
    ),
  )
  cleanUp.use(ownNetwork.watch(() => forwarding.networkChanged()))
  // At once: the cache may be from before the network moved on.
  cleanUp.use(
    keeper.watch(() => {
      const reaches = {
        isReachable: (prefix: Prefix) => nodes.isReachable(prefix),
        reachesAnybody: nodes.size > 0,
      }
      if (isConnected(identity.prefix, keeper.config.registryPrefix, reaches)) return 'connected'
      return nodes.size === 0 && tunnels.peers().length > 0 ? 'unheard' : 'cut off'
    }),
  )
  // The address must be there before anything is routed to it; servers need not wait for that.
  await Promise.all([
    addressed.then(async () => {
      times.reached('addresses')
      for (const [iface, kind] of settings.routedInterfaces) await router.addInterface(iface, kind)
      await router.start(routerSettings(), untilStopped)
      times.reached('router')
    }),
    tunnels.servers.start(settings.places).then(() => times.reached('servers')),
  ])

  let multicast: MulticastRouter | undefined
  if (options.multicast)
    multicast = await startMulticast({
      ...{ ...components, kernel, router, network, own: identity.prefix },
      runDirectory: options.runDirectory,
      mainInterface: options.mainInterface,
      lanIfaces: options.interfaces,
      serverIfaces: settings.serverIfaces,
      address: identity.current.address,
      send: (peer, state) => messages.sendMulticast(peer, state),
    })
  if (multicast) {
    const hearer = cleanUp.use(multicast)
    messages.setMulticast((prefix, state) => hearer.receive(prefix, state))
  }

  const draining = new Draining({ router, forwarded: forwardedCount, clock, log })
  const renewal = keepIdentity({ ...shared, foundation, membership })
  cleanUp.use(ownNetwork.watch(() => renewal.lookNow()))
  const applied = new AppliedChanges({
    ...{ ...membership, router, transport, nodeIpv4, forwarding, renewal, routerSettings },
    ...{ macKeys, revocation, clock, log, signal: untilStopped },
    versionsSeen: () => ({
      newestMs: keeper.newestSinceMs ?? startedMs,
      previousMs: keeper.previousSinceMs,
    }),
  })
  revocation.end({ ...membership, onOwn: () => renewal.lookNow() })
  applied.started(foundation.config)
  keeper.onChange((changed, changes) => applied.apply(changed, changes))
  cleanUp.use(clock.every(WRITE_AGAIN_MS, () => cache.writeAgain()))

  await startUserPrograms({ ...shared, identity: identity.current })
  foundation.control.serve(
    nodeAnswers({
      identity: () => identity.current,
      config: () => keeper.config,
      router,
      nodes,
      history,
      ways,
      processes: components.processes,
      tunnels,
      advertised: () => advertisement.addresses,
      registry,
      probe,
      isForwarded: () => advertisement.isForwarded,
      draining,
      failures: () => ({
        configuration: keeper.refusal,
        changes: applied.failure,
        renewal: renewal.failure,
        ipv4: nodeIpv4.failure,
        servers: tunnels.servers.failure,
        forwarding: forwarding.failure,
        cache: cache.failure,
      }),
      registryUrl: options.registry.href,
      routerName: options.router,
      sourceSpecificRoutes: sourceSpecific,
      multicast: () => (options.multicast ? (multicast?.status ?? NOT_STARTED) : undefined),
      uptimeMs: () => clock.monotonicMs() - startedMs,
      nowMs: () => clock.now(),
    }),
  )
  inBackground(
    log,
    'the start of tunnels',
    advertisement.located().then(() => tunnels.start()),
  )
  times.reached('all')
  log.info(
    { address: identity.current.address, peer: subnetNameOf(identity.prefix), startMs: times.reachedMs },
    'the node runs',
  )
  cleanUp.defer(() => stopping.abort(new Error('the node stops')))
  // First of all: everything else is still there for those who look for another way.
  cleanUp.defer(() => draining.leave())
  const running = cleanUp.move()
  return {
    ended,
    status: () =>
      `${identity.current.address}: ${counted(tunnels.peers().length, 'tunnel')}, ${counted(nodes.size, 'node')} reachable`,
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  }
}

const counted = (count: number, what: string): string => `${count} ${what}${count === 1 ? '' : 's'}`
