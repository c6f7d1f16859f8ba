import type { NodeOptions } from '../../core/options/node-options.ts'
import { isInside } from '../../core/values/prefix.ts'
import type { AwakeClock } from '../../platform/awake-clock.ts'
import type { CleanUp } from '../../platform/clean-up.ts'
import { checkingAddresses, dialable } from '../checked-addresses.ts'
import { History } from '../history.ts'
import { RemoteGateways } from '../remote-gateways.ts'
import { RoutedNodes } from '../routed-nodes.ts'
import type { Router } from '../routing/router.ts'
import { createOpenvpnTransport } from '../transport/openvpn-transport.ts'
import { throughGateways } from '../transport/through-gateways.ts'
import type { Transport } from '../transport/transport.ts'
import type { Foundation } from './foundation.ts'
import type { NodeComponents } from './node-components.ts'

/** What tunnels are made with, and what finds the way over them. Nothing of it runs yet. */
export interface Links {
  readonly router: Router
  /** What the router knows of the network's nodes. */
  readonly nodes: RoutedNodes
  /** What happened last. */
  readonly history: History
  readonly transport: Transport
}

interface LinksInit extends NodeComponents {
  /** Whether somebody answers is judged by it. */
  readonly clock: AwakeClock
  readonly options: NodeOptions
  readonly cleanUp: CleanUp
  readonly foundation: Pick<Foundation, 'files' | 'identity' | 'kernel' | 'events'>
}

/** Chooses router and transport. */
export async function prepareLinks({ options, cleanUp, foundation, ...init }: LinksInit): Promise<Links> {
  const { processes, clock, log } = init
  const { files, identity, kernel, events } = foundation
  const { runDirectory, logDirectory, stateDirectory, remoteGateways: gateways } = options
  const daemon = { processes, clock, log, runDirectory, logDirectory }
  const router = await routerOf(options, { ...init, ...daemon, events, stateDirectory })
  const nodes = cleanUp.use(new RoutedNodes(router, identity.current.authority.network, identity.prefix))
  const history = cleanUp.use(
    new History({
      ...{ router, nodes, now: () => clock.now() },
      network: identity.current.authority.network,
    }),
  )
  const openvpn = createOpenvpnTransport({
    ...daemon,
    sysctls: init.sysctls,
    files,
    extraArguments: options.openvpnArguments,
    ovpnlog: options.openvpnLogs,
  })
  cleanUp.defer(() => openvpn.stop())
  const check = {
    clock,
    registryHost: options.registry.hostname,
    isInside: (address: string) => isInside(identity.current.authority.network, address),
  }
  const checked = checkingAddresses(openvpn, check)
  const transport =
    gateways.length === 0
      ? checked
      : throughGateways(checked, new RemoteGateways({ kernel, log, gateways }), log, (addresses, signal) =>
          dialable(check, addresses, signal),
        )
  // Before the tunnels: so that it can retract its routes.
  cleanUp.defer(() => router.stop())
  return { router, nodes, history, transport }
}

/** The router that the options choose. The other one is not loaded. */
async function routerOf(
  { router, babelArguments: extraArguments }: NodeOptions,
  context: NodeComponents &
    Pick<Foundation, 'events'> &
    Record<'runDirectory' | 'logDirectory' | 'stateDirectory', string>,
): Promise<Router> {
  switch (router) {
    case 'babeld':
      return (await import('../routing/babeld/router.ts')).createBabeldRouter({ ...context, extraArguments })
    case 're6st':
      return (await import('../routing/babel/router.ts')).createRe6stRouter(context)
  }
}
