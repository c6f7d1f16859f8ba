import type { MulticastReply } from '../../core/control/replies.ts'
import { messageOf } from '../../core/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { type MulticastInit, MulticastRouter } from './multicast-router.ts'

/** Where programs of a node send and receive multicast. */
const HOST_IFACE = 're6stnet-mc'

/** What `re6st status` shows where it could not be started. */
export const NOT_STARTED: MulticastReply = {
  routing: false,
  reason: `${HOST_IFACE} cannot be made: the log says why`,
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
    await kernel.makeHostInterface(HOST_IFACE, address)
  } catch (error) {
    init.log.error({ reason: messageOf(error) }, `multicast: ${HOST_IFACE} cannot be made: nothing is routed`)
    return undefined
  }
  // No program sends multicast on lo.
  const others = [mainInterface, ...init.lanIfaces].filter((iface) => iface !== 'lo')
  return new MulticastRouter({ ...init, memberIfaces: [...new Set([HOST_IFACE, ...others])] })
}
