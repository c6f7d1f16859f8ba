import type { MulticastReply } from '../../core/control/replies.ts'
import { messageOf } from '../../core/errors.ts'
import { MULTICAST_INTERFACE } from '../../core/multicast/plan.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { type MulticastInit, MulticastRouter } from './multicast-router.ts'

/** What `re6st status` shows where it could not be started. */
export const NOT_STARTED: MulticastReply = {
  routing: false,
  reason: `${MULTICAST_INTERFACE} cannot be made: the log says why`,
  streams: 0,
  groups: 0,
}

/** What a node's multicast needs. */
interface StartInit extends Omit<MulticastInit, 'memberIfaces'> {
  readonly kernel: Pick<Kernel, 'makeHostInterface'>
  readonly mainInterface: string
  /** The node address. */
  readonly address: string
}

/** Starts routing multicast. A machine on which that is not possible is a node without it: undefined. */
export async function startMulticast({
  kernel,
  mainInterface,
  address,
  ...init
}: StartInit): Promise<MulticastRouter | undefined> {
  try {
    await kernel.makeHostInterface(MULTICAST_INTERFACE, address)
  } catch (error) {
    init.log.error(
      { reason: messageOf(error) },
      `multicast: ${MULTICAST_INTERFACE} cannot be made: nothing is routed`,
    )
    return undefined
  }
  // No program sends multicast on lo.
  const others = [mainInterface, ...init.lanIfaces].filter((iface) => iface !== 'lo')
  return new MulticastRouter({ ...init, memberIfaces: [...new Set([MULTICAST_INTERFACE, ...others])] })
}
