import { shuffled } from '../random.ts'
import type { Prefix } from '../values/prefix.ts'
import { isConnected } from './bootstrap.ts'
import type { NetworkView } from './decisions.ts'
import type { PolicyState } from './policy-state.ts'

/** Somebody to connect to. */
interface Candidate {
  readonly prefix: Prefix
  /** Also if there are enough tunnels. */
  readonly mayExceed: boolean
  /** Whether it is tried beside the tunnels that should be. */
  readonly isExtra?: boolean
}

/** How many nodes are drawn to find one that is not a neighbour: in a small network most are. */
const SAMPLES = 32
/** From the first packet to a tunnel that carries routes, if all is well: what it takes beside the peer's own hello. */
const HOPE_MS = 5_000
/** Who has no tunnel at all does not wait so long: where many are behind NATs or full, most attempts fail, and slowly. */
const HOPE_ALONE_MS = 2_000

/** Whom to connect to, the first ones first; some even if there are enough tunnels. @param missing how many are not there */
export function* whomToConnectTo(
  state: PolicyState,
  view: NetworkView,
  missing: number,
  nowMs: number,
): Generator<Candidate> {
  const { settings, failed, proposed, tunnels } = state
  const { neighbours } = settings
  for (const prefix of neighbours) {
    const isKnown = !failed.isOutdated(prefix) && view.addressesOf(prefix).length > 0
    const canBeTried = isKnown || proposed.has(prefix) || view.isReachable(prefix)
    if (canBeTried && state.isFree(prefix, view)) yield { prefix, mayExceed: true }
  }
  const isCutOff = !isConnected(state.own, settings.registryPrefix, view)
  const rest: Prefix[] = []
  for (const [prefix, { isFromRegistry }] of [...proposed]) {
    // What the registry proposes helps only if it is no neighbour; who answered was asked because it is wanted.
    if (!state.isFree(prefix, view) || (isFromRegistry && !isCutOff && missing <= 0)) proposed.delete(prefix)
    else if (failed.uselessCount(prefix) > 0) rest.push(prefix)
    else if (missing > 0 || (isFromRegistry && mayExceed(state, nowMs)))
      yield { prefix, mayExceed: isFromRegistry }
  }
  for (const prefix of failed.outdated) {
    if (neighbours.has(prefix)) continue
    if (state.isFree(prefix, view) && view.isReachable(prefix)) yield { prefix, mayExceed: false }
    else failed.takeOutdated(prefix)
  }
  // Where we reach nobody, or the network is in parts: whom we knew, and do not see.
  const unseen = isCutOff ? failed.inOrder([...shuffled(state.random, view.cachedPeers()), ...rest]) : []
  for (let count = 0; count < missing; count++) {
    const prefix = distantNode(state, view)
    if (prefix === undefined) break
    yield { prefix, mayExceed: false }
  }
  // Whom we see is there: others are tried beside those, one at a time, since the registry's node may be gone for good.
  let isExtra =
    view.reachesAnybody &&
    tunnels.size <= state.clientCount &&
    ![...tunnels.values()].some((tunnel) => tunnel.isExtra && tunnel.state === 'connecting')
  for (const prefix of unseen) {
    if (!state.isFree(prefix, view) || view.isReachable(prefix)) continue
    yield { prefix, mayExceed: isExtra, isExtra }
    isExtra = false
  }
}

/** A node that is not a neighbour, at random; if it can be, one whose tunnels were of use. */
export function distantNode(state: PolicyState, view: NetworkView): Prefix | undefined {
  const { failed, random } = state
  const free: Prefix[] = []
  for (let sample = 0; sample < SAMPLES; sample++) {
    const prefix = view.sampleReachable(random)
    if (prefix === undefined || !state.isFree(prefix, view)) continue
    if (failed.uselessCount(prefix) === 0) return prefix
    free.push(prefix)
  }
  return failed.inOrder(free)[0]
}

/**
 * Whether we who are cut off make a tunnel more than we should, since those that there are do not help: none of them
 * is so young that it will soon, and there are not twice as many as there should be; attempts of who has none may be as
 * many as the tunnels of a node that serves others.
 */
function mayExceed(state: PolicyState, nowMs: number): boolean {
  const { helloIntervalMs, clientCount } = state.settings
  const isAlone = !state.hasTunnels
  const tunnels = [...state.tunnels.values()]
  const hopes = tunnels.flatMap(({ state, begunMs, usage }) => {
    if (state === 'connecting') return [begunMs + (isAlone ? HOPE_ALONE_MS : HOPE_MS)]
    const since = state === 'up' && !usage.wasUsed ? usage.unusedSinceMs : undefined
    return since === undefined ? [] : [since + helloIntervalMs + HOPE_MS]
  })
  const most = isAlone ? Math.max(2 * state.clientCount, clientCount) : 2 * state.clientCount
  return tunnels.length < most && hopes.every((untilMs) => state.isDue(untilMs, nowMs))
}
