import { join } from 'node:path'
import type { NetworkConfig } from '../../core/config/network-config.ts'
import { selfTestDecryption } from '../../core/crypto/rsa.ts'
import { isOfNetwork } from '../../core/kernel/own-network.ts'
import { RECEIVE_BUFFER_BYTES } from '../../core/kernel/receive-buffer.ts'
import type { NodeOptions } from '../../core/options/node-options.ts'
import type { CleanUp } from '../../platform/clean-up.ts'
import { RegistryClient } from '../../platform/registry-client.ts'
import { type Cache, openCache } from '../cache/cache.ts'
import { watchClock } from '../clock-watch.ts'
import { ConfigKeeper } from '../config-keeper.ts'
import { ControlServer } from '../control/control-server.ts'
import { endedNotice, type IdentityFiles, readIdentity } from '../identity.ts'
import { createKernel, type Kernel } from '../kernel/kernel.ts'
import { KernelEvents } from '../kernel/kernel-events.ts'
import { OtherDefaultRoutes } from '../kernel/other-default-routes.ts'
import { OwnIdentity } from '../own-identity.ts'
import { OwnNetworkWatch } from '../own-network.ts'
import { Revocation } from '../revocation.ts'
import type { NodeComponents, NodeEnd } from './node-components.ts'

/** What everything else of a node stands on. */
export interface Foundation {
  readonly files: IdentityFiles
  readonly identity: OwnIdentity
  readonly control: ControlServer
  readonly kernel: Kernel
  readonly cache: Cache
  readonly registry: RegistryClient
  readonly keeper: ConfigKeeper
  readonly revocation: Revocation
  /** Tells of what changes in the kernel. */
  readonly events: KernelEvents
  /** Says when the machine's own network is another one, from before anybody was asked anything. */
  readonly ownNetwork: OwnNetworkWatch
  /** Called, from now on, when the clock of the machine was set. */
  readonly onClockSet: (listener: () => void) => void
  /** The configuration that the node starts with. */
  readonly config: NetworkConfig
  /** Whether the kernel has source-specific routes: without, there are no tunnels over IPv6. */
  readonly sourceSpecific: boolean
}

interface FoundationInit extends NodeComponents {
  readonly options: NodeOptions
  /** Undoes what is laid here, in reverse order. */
  readonly cleanUp: CleanUp
  readonly signal: AbortSignal
  /** Called when the machine turns out to be one on which the node cannot go on. */
  readonly onEnd: (reason: NodeEnd) => void
}

/**
 * What a start learns is written when it is over: the configuration, our addresses and each peer would wait for the disk, one
 * after another, and everything else with them.
 */
const CACHE_HELD_MS = 3_000

/**
 * Finds out who we are, that we are alone, what the kernel can, and what the network's configuration is.
 * @throws Re6stError when one of that cannot be
 */
export async function layFoundation(init: FoundationInit): Promise<Foundation> {
  const { options, cleanUp, signal, onEnd, processes, sysctls, clock, random, log } = init
  const files: IdentityFiles = { ca: options.ca, cert: options.cert, key: options.key }
  const identity = new OwnIdentity(await readIdentity(files, clock.now()))
  const ended = endedNotice(identity.current, clock.now())
  if (ended !== undefined) log.warn(ended)
  selfTestDecryption(identity.current.privateKey, identity.current.certificate.publicKey)

  // First of all: a second node with the same run directory changes nothing.
  const control = cleanUp.use(new ControlServer(options.controlSocket, log))
  await control.start()
  const events = cleanUp.use(new KernelEvents({ processes, clock, log }))
  const stateFile = join(options.stateDirectory, 'kernel.json')
  const kernel = createKernel({ processes, sysctls, clock, log, events, stateFile })
  cleanUp.defer(() => kernel.stop())
  const cache = cleanUp.use(openCache(join(options.stateDirectory, 'cache.db'), log))
  const held = cache.hold()
  cleanUp.use(clock.after(CACHE_HELD_MS, () => held[Symbol.dispose]()))
  const registry = new RegistryClient(options.registry.href, identity.caller)
  const keeper = new ConfigKeeper({ registry, cache, clock, random, log }, () => identity.keys)

  const revocation = new Revocation({
    keeper,
    cache,
    ownSerial: () => identity.current.certificate.serial,
  })

  // Before the registry is waited for: it may be reached only when the machine is connected.
  const ownNetwork = cleanUp.use(
    new OwnNetworkWatch({
      ...{ processes, clock, log, events },
      isInside: (address) => isOfNetwork(address, identity.current.authority.network, keeper.ipv4Range),
    }),
  )
  let clockSet = () => {}
  cleanUp.use(watchClock({ clock, log, onSet: () => clockSet(), onSlept: () => ownNetwork.slept() }))
  ownNetwork.watch(() => {
    registry.networkChanged()
    keeper.networkChanged()
  })
  events.start()

  if (options.defaultRoute)
    cleanUp.use(await OtherDefaultRoutes.start({ processes, clock, log, events, onFound: onEnd }))
  const [config, { sourceSpecificRoutes: sourceSpecific }] = await Promise.all([
    keeper.start(identity.prefix, signal),
    kernel.prepare(options.interfaces),
  ])
  if (options.router !== 'babeld') await kernel.allowReceiveBuffers(RECEIVE_BUFFER_BYTES)
  if (!sourceSpecific)
    log.warn(
      `the kernel has no source-specific routes (CONFIG_IPV6_SUBTREES): no tunnels over IPv6; ${
        options.router === 'babeld'
          ? 'no way to the Internet through the network'
          : 'a way to the Internet through the network only as long as the machine has no other'
      }`,
    )
  return {
    ...{ files, identity, control, kernel, cache, registry, keeper, revocation, config, sourceSpecific },
    ...{ events, ownNetwork },
    onClockSet: (listener) => {
      clockSet = listener
    },
  }
}
