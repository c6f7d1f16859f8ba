import type { NetworkView, TunnelDecision } from './decisions.ts'
import { NO_NEIGHBOUR, patienceMs, type Usage } from './patience.ts'
import type { PolicyState } from './policy-state.ts'

/** Ends tunnels in both directions behind which routing had no usable neighbour for too long: only with one, they count. */
export function* failUnused(state: PolicyState, view: NetworkView, nowMs: number): Generator<TunnelDecision> {
  const { failed, settings } = state
  const { helloIntervalMs } = settings
  for (const [prefix, tunnel] of state.tunnels) {
    if (tunnel.state !== 'up') continue
    const { wasUsed } = tunnel.usage
    tunnel.usage.look(view.isTunnelUsable(prefix), nowMs)
    if (!wasUsed && tunnel.usage.wasUsed) failed.isUseful(prefix)
    if (tunnel.usage.unusedSinceMs === undefined) continue
    const patience = patienceMs(helloIntervalMs, failed.uselessCount(prefix))
    if (!hasFailed(state, tunnel.usage, patience, view, nowMs)) continue
    tunnel.state = 'closing'
    state.wasUseless(prefix, tunnel)
    yield { kind: 'give-up', target: prefix, reason: NO_NEIGHBOUR }
  }
  for (const [prefix, { usage }] of state.clients) {
    usage.look(view.isClientUsable(prefix), nowMs)
    if (usage.unusedSinceMs === undefined) continue
    // Whoever made the tunnel finds out for itself first, if it looks.
    const patience = patienceMs(helloIntervalMs) + helloIntervalMs
    if (!hasFailed(state, usage, patience, view, nowMs)) continue
    usage.forgive()
    yield { kind: 'drop-client', prefix, reason: NO_NEIGHBOUR }
  }
}

/** Whether a tunnel without a usable neighbour has been so for too long. */
function hasFailed(
  state: PolicyState,
  usage: Usage,
  patience: number,
  view: NetworkView,
  nowMs: number,
): boolean {
  if (!view.isRouting) usage.forgive()
  const { unusedSinceMs } = usage
  return unusedSinceMs !== undefined && state.isDue(unusedSinceMs + patience, nowMs)
}
