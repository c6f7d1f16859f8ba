import { networkCidr, prefixOfBits } from '../core/values/prefix.ts'
import { inBackground } from '../platform/background.ts'
import type { CleanUp } from '../platform/clean-up.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import type { NetworkConfiguration } from './configuration.ts'
import type { Store } from './database/store.ts'
import type { Holders } from './holders.ts'
import type { LocalNode } from './local-node.ts'
import { NetworkWatch } from './network-watch.ts'
import type { ReachableNodes } from './reachable-nodes.ts'
import type { RegistrySettings } from './registry-settings.ts'
import { PairWatch } from './standby/pair-watch.ts'
import type { Primary } from './standby/primary.ts'
import { Webhooks } from './webhooks.ts'

/** Where what is told comes from. */
interface Sources {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly reachable: ReachableNodes
  readonly localNode: LocalNode
  readonly configuration: NetworkConfiguration
  readonly holders: Holders
  readonly primary: Primary | undefined
  readonly network: Parameters<typeof networkCidr>[0]
}

/**
 * Has the webhooks told of what an operator should know: nodes that are gone, certificates that end, keys that are left behind,
 * a standby that is away.
 * @param stack ends it
 */
export function tellOperators(
  stack: Pick<CleanUp, 'use'>,
  settings: NonNullable<RegistrySettings['webhooks']>,
  { store, clock, log, reachable, localNode, configuration, holders, primary, network }: Sources,
): void {
  const webhooks = stack.use(new Webhooks({ ...settings, store, clock, log, network: networkCidr(network) }))
  const watch = stack.use(
    new NetworkWatch({
      ...{ store, reachable, localNode, clock, log, followers: configuration.followers },
      ownNode: () => {
        const prefix = configuration.registryPrefix
        return prefix === undefined ? undefined : prefixOfBits(prefix)
      },
      ending: (afterMs, untilMs) => holders.ending(afterMs, untilMs),
      tell: (decide) => webhooks.tell(decide),
    }),
  )
  configuration.onRotated(() => inBackground(log, 'looking who follows the keys', watch.keysRotated()))
  if (primary)
    stack.use(
      new PairWatch({
        other: 'standby',
        isAway: () => primary.refusal() !== undefined,
        tell: (event) => webhooks.send(event),
        clock,
      }),
    )
}
