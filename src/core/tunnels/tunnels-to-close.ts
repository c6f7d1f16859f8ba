import { shuffled } from '../random.ts'
import type { NetworkView, TunnelDecision } from './decisions.ts'
import type { PolicyState } from './policy-state.ts'
import { crossesBorder } from './usable-addresses.ts'
import { distantNode } from './whom-to-connect-to.ts'

/**
 * Never two tunnels with one peer: of two that connected to each other, the smaller prefix gives up its own. One that is not
 * up yet, as where the registry has told two newcomers of each other, is not waited for; one that is, until the other is of use.
 */
export function* closeDuplicates(state: PolicyState, view: NetworkView): Generator<TunnelDecision> {
  for (const [prefix, tunnel] of state.tunnels) {
    if (tunnel.state === 'closing' || !state.clients.has(prefix) || state.own > prefix) continue
    if (state.kept.has(prefix)) continue
    if (tunnel.state === 'up' && !view.isClientUsable(prefix)) continue
    tunnel.state = 'closing'
    yield { kind: 'close', target: prefix, reason: 'the peer has a tunnel to us' }
  }
}

/** Tunnels that were made before it was known where we are, or before the network had borders. */
export function* closeAcrossBorders({ settings, tunnels }: PolicyState): Generator<TunnelDecision> {
  if (settings.sameCountry.length === 0) return
  for (const [prefix, tunnel] of tunnels) {
    if (tunnel.state !== 'up') continue
    if (!tunnel.addresses.every((address) => crossesBorder(settings, address))) continue
    tunnel.state = 'closing'
    yield { kind: 'close-now', target: prefix, reason: 'the peer is in another country' }
  }
}

/**
 * Replaces the tunnel over which the fewest nodes are routed, if there is somebody else to connect to. One of more than there
 * should be, made while we were cut off, is closed in any case: who has a tunnel to everybody would never have somebody else.
 */
export function* closeLeastUsed(state: PolicyState, view: NetworkView): Generator<TunnelDecision> {
  const { tunnels, settings, random } = state
  state.kept.clear()
  const up = [...tunnels].filter(([, tunnel]) => tunnel.state === 'up').map(([prefix]) => prefix)
  const excess = up.length - state.clientCount
  if (excess < 0 || (excess === 0 && distantNode(state, view) === undefined)) return
  // Never one to a peer that must be a neighbour: it would be made again at once.
  // Nor one that packets avoid for a moment: it may be used more than any other before, and after.
  const candidates = up.filter((prefix) => !settings.neighbours.has(prefix) && !view.isTunnelDoubted(prefix))
  const [least] = shuffled(random, candidates).sort(
    (one, other) => view.nodesOver(one) - view.nodesOver(other),
  )
  const tunnel = least === undefined ? undefined : tunnels.get(least)
  if (least === undefined || !tunnel) return
  tunnel.state = 'closing'
  const why = excess > 0 ? 'there are more than there should be' : 'replaced'
  yield { kind: 'close', target: least, reason: `${why}: the fewest nodes are routed over it` }
}
