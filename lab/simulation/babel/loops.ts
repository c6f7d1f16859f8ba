import type { Router } from './router.ts'
import type { RouterNetwork } from './router-network.ts'

/**
 * Whether packets for a destination that leave a router come back to it. A loop has a change that closed it: looking at
 * each change, from where it happened, none is missed.
 * @returns the way, if so
 */
export function loopFrom(network: RouterNetwork, start: Router, key: string): readonly Router[] | undefined {
  const way = [start]
  for (let at = start; ; ) {
    const route = at.originates(key) ? undefined : at.forwarding.get(key)
    const next = route && network.neighbourAt(at, route.iface, route.nextHop)
    if (!next?.engine) return undefined
    way.push(next)
    if (next === start) return way
    // A loop farther away was seen when it was closed.
    if (way.length > network.routers.length + 1) return undefined
    at = next
  }
}
