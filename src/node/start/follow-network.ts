import { isInside } from '../../core/values/prefix.ts'
import type { CleanUp } from '../../platform/clean-up.ts'
import { watchClock } from '../clock-watch.ts'
import { OwnNetworkWatch } from '../own-network.ts'
import type { PortForwarding } from '../port-mapping/forward-ports.ts'
import type { Renewal } from '../renewal.ts'
import type { Foundation } from './foundation.ts'
import type { Membership } from './membership.ts'
import type { NodeComponents } from './node-components.ts'

interface FollowInit extends Pick<NodeComponents, 'processes' | 'clock' | 'log'> {
  readonly cleanUp: CleanUp
  readonly foundation: Pick<Foundation, 'identity' | 'registry' | 'keeper'>
  readonly membership: Pick<Membership, 'advertisement' | 'tunnels'>
  readonly forwarding: PortForwarding
  readonly renewal: Pick<Renewal, 'lookNow'>
}

/**
 * Tells everybody who waits or tries again that the machine's own network is another one, that it slept, or that its
 * clock was set: nobody goes on waiting for what was begun at another place, or in another time.
 */
export function followOwnNetwork(init: FollowInit): void {
  const { processes, clock, log, cleanUp, foundation, membership, forwarding, renewal } = init
  const { identity, registry, keeper } = foundation
  const { advertisement, tunnels } = membership
  const watch = cleanUp.use(
    new OwnNetworkWatch({
      processes,
      clock,
      log,
      isInside: (address) => isInside(identity.current.authority.network, address),
    }),
  )
  cleanUp.use(watchClock({ clock, log, onSet: () => tunnels.clockSet(), onSlept: () => watch.slept() }))
  watch.watch(() => {
    // First of all: whoever asks now gets an answer.
    registry.networkChanged()
    keeper.networkChanged()
    advertisement.networkChanged()
    forwarding.networkChanged()
    renewal.lookNow()
    tunnels.networkChanged()
  })
  watch.start()
}
