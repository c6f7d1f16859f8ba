import { messageOf } from '../core/errors.ts'
import { isOfRouter } from '../core/kernel/route-table.ts'
import { nodeOfDestination } from '../core/routes/destination.ts'
import type { Network, Prefix } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import { ipJson } from '../platform/ip-json.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'
import type { Processes } from '../platform/processes.ts'

/** Which nodes the network reaches from here: what the router of our node has put into the kernel. */
export interface ReachableNodes {
  list(): Promise<Prefix[]>
}

/** Reads the kernel's routes. Empty where there is no node. */
export const kernelReachableNodes = (processes: Processes, network: Network): ReachableNodes => ({
  async list() {
    const routes = await ipJson<{ dst?: string; type?: string; protocol?: string }>(
      processes,
      ...['-6', 'route', 'show'],
    )
    return routes.flatMap(({ dst = '', type, protocol }) => {
      if (!isOfRouter(protocol)) return []
      // Where a route was and is no more, there is an unreachable one for a while (RFC 8966, 2.8).
      if (type === 'unreachable') return []
      // A host route is written without its length.
      const node = nodeOfDestination(network, dst.includes('/') ? dst : `${dst}/128`)
      return node === undefined ? [] : [node]
    })
  },
})

/** How old an answer may be: routes change in seconds, and each answer costs a process. */
const SHARED_MS = 1_000

/** One list for all who ask within a second; where the routes cannot be read, the last one that could. Never rejects. */
export function sharedReachableNodes(
  nodes: ReachableNodes,
  { clock, log }: { readonly clock: Pick<Clock, 'monotonicMs'>; readonly log: Logger },
): ReachableNodes {
  const limit = new LogLimit(clock, { burst: 1 })
  let last: { readonly askedMs: number; readonly list: Promise<Prefix[]> } | undefined
  let read: Prefix[] = []
  const look = async (): Promise<Prefix[]> => {
    try {
      read = await nodes.list()
      limit.forget()
    } catch (error) {
      // Peers can be proposed all the same: our own node, and those whose addresses are known.
      limit.write('routes', (omitted) =>
        log.warn({ reason: messageOf(error), ...omitted }, 'the routes of the network cannot be read'),
      )
    }
    return read
  }
  return {
    list() {
      const nowMs = clock.monotonicMs()
      if (last === undefined || nowMs - last.askedMs >= SHARED_MS) last = { askedMs: nowMs, list: look() }
      return last.list
    },
  }
}
