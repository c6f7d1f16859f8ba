import type { CleanUp } from '../../platform/clean-up.ts'
import type { PortForwarding } from '../port-mapping/forward-ports.ts'
import type { Renewal } from '../renewal.ts'
import type { Foundation } from './foundation.ts'
import type { Membership } from './membership.ts'

interface FollowInit {
  readonly cleanUp: CleanUp
  readonly foundation: Pick<Foundation, 'ownNetwork' | 'onClockSet'>
  readonly membership: Pick<Membership, 'advertisement' | 'tunnels'>
  readonly forwarding: PortForwarding
  readonly renewal: Pick<Renewal, 'lookNow'>
}

/**
 * Tells everybody who waits or tries again that the machine's own network is another one, that it slept, or that its
 * clock was set: nobody goes on waiting for what was begun at another place, or in another time. Whoever asks the
 * registry was told before them, and gets an answer.
 */
export function followOwnNetwork({ cleanUp, foundation, membership, forwarding, renewal }: FollowInit): void {
  const { ownNetwork, onClockSet } = foundation
  const { advertisement, tunnels } = membership
  onClockSet(() => tunnels.clockSet())
  cleanUp.use(
    ownNetwork.watch(() => {
      advertisement.networkChanged()
      forwarding.networkChanged()
      renewal.lookNow()
      tunnels.networkChanged()
    }),
  )
}
