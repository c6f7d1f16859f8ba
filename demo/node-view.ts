import type { Re6stNode } from '../lab/re6st-node.ts'
import type { RouteReply, TunnelReply } from '../src/core/control/replies.ts'
import { controlSocketIn } from '../src/core/options/node-options.ts'
import { askNode } from '../src/ctl/ask.ts'
import type { MachineView } from './model.ts'

const ANSWER_MS = 1_000

/** A node's tunnels and routes, as `re6st` shows them. @throws Re6stError `SYSTEM` while it does not answer */
export async function viewOf(node: Re6stNode): Promise<Pick<MachineView, 'tunnels' | 'routes'>> {
  const path = controlSocketIn(node.runDirectory)
  const [tunnels, routes] = await Promise.all([
    askNode(path, 'tunnels', ANSWER_MS),
    askNode(path, 'routes', ANSWER_MS),
  ])
  return viewOfReplies(tunnels, routes)
}

/** The view that a node's replies give: the tunnels that are up, and the routes that it uses. */
export const viewOfReplies = (
  tunnels: readonly TunnelReply[],
  routes: readonly RouteReply[],
): Pick<MachineView, 'tunnels' | 'routes'> => ({
  tunnels: tunnels.flatMap(({ state, peer, direction, protocol, iface }) =>
    state === 'up' && peer !== null ? [{ peer, role: direction, protocol: protocol ?? 'tunnel', iface }] : [],
  ),
  routes: routes.flatMap(({ installed, node, nextHop, iface, metric }) =>
    installed && nextHop !== null ? [{ to: node, next: nextHop, iface, metric }] : [],
  ),
})
