import type { LinkParameters } from '../../../src/core/babel/engine/ports.ts'
import { keyOf } from '../../../src/core/babel/engine/table.ts'
import { seededRandom } from '../../../test/support/random.ts'
import { Chaos, SHARED } from './chaos.ts'
import { faultsAtRest } from './faults.ts'
import { loopFrom } from './loops.ts'
import { RouterNetwork } from './router-network.ts'
import { CALM, STORM } from './weather.ts'

/** Which network is made, and for how long things happen to it. */
export interface Rehearsal {
  readonly seed: number
  readonly routers: number
  readonly tunnels: number
  readonly events: number
  /** Whether interfaces go down and come back as well, and hello intervals change. */
  readonly flaps?: boolean
}

/** What a network of re6st has: costs come from nothing but what is set, so that it is known what they should be. */
const PARAMETERS: LinkParameters = {
  helloIntervalMs: 15_000,
  updateIntervalMs: 60_000,
  rxcost: 96,
  maxRttPenalty: 0,
  rttMinMs: 10,
  rttMaxMs: 500,
  rttDecay: 125,
  splitHorizon: false,
}
/** Between two events, at most: some come while the one before is still being told. */
const PAUSE_MS = 4_000
/** After it, nothing is remembered: neighbours, sources (RFC 8966, B: 3 minutes), what was announced. */
const QUIET_MS = 600_000
const LOOK_AGAIN_MS = 5_000
const LOOKS = 12

/**
 * Makes a random network, lets things happen to it, and then leaves it alone.
 * @returns what went wrong: loops at any time, and whatever is not as it should be in the end
 */
export function rehearse({ seed, routers, tunnels, events, flaps }: Rehearsal): string[] {
  const random = seededRandom(seed)
  const faults: string[] = []
  const network: RouterNetwork = new RouterNetwork({
    ...{ random, parameters: PARAMETERS, latenessMs: 5 },
    onForward: (router, key) => {
      // RFC 8966, 1.1: where several originate one prefix, there may be loops for a moment; so where one has another router-id.
      if (key === keyOf(SHARED) || network.routers.some((one) => one.key === key && one.isSeveral)) return
      const loop = loopFrom(network, router, key)
      const way = loop?.map(({ index }) => index).join(' → ')
      if (way) faults.push(`at ${network.nowMs.toFixed(0)} ms: ${way} for ${key}`)
    },
  })
  const chaos = new Chaos(network, random, flaps)
  chaos.build(routers, tunnels)
  network.run(random.next() * PAUSE_MS)
  network.weather = STORM
  for (let event = 0; event < events; event++) {
    chaos.next()
    network.run(random.next() * PAUSE_MS)
  }
  chaos.end()
  network.weather = CALM
  network.run(QUIET_MS)
  let atRest = [...faultsAtRest(network)]
  // A question may just be on its way, as one is now and then, at some router of many: what stays is a fault.
  for (let look = 0; look < LOOKS && atRest.length > 0; look++) {
    network.run(LOOK_AGAIN_MS)
    const now = new Set(faultsAtRest(network))
    atRest = atRest.filter((fault) => now.has(fault))
  }
  return [...faults, ...atRest]
}
