import { expect, test } from 'vitest'
import { DEADLINE_MS, statusOf, tunnelsOf, withNetwork } from '../../support/networks.ts'

const CLIENT_COUNT = 5
const AWAY_MS = 60_000
/** On a machine that does nothing else it takes a third of the ten seconds that are promised. */
const BACK_MS = 30_000

test(
  'after a minute without its uplink a node has all its tunnels again, not one, long before a hello interval is over',
  { timeout: 900_000 },
  () =>
    withNetwork(
      'away',
      {
        nodeCount: 7,
        registryOptions: ['--hello', '15', '--client-count', String(CLIENT_COUNT)],
        // Forming is not what this is about.
        formedWithinMs: 4 * DEADLINE_MS,
      },
      async ({ lab, nodes }) => {
        const node = nodes[3] ?? nodes[0]
        const peersNow = async () => new Set((await tunnelsOf(node)).map(({ peer }) => peer)).size
        await lab.waitFor(async () => (await peersNow()) >= CLIENT_COUNT, {
          what: 'as many tunnels as a node makes',
          deadlineMs: 2 * DEADLINE_MS,
        })
        const beganMs = performance.now()
        await node.machine.unplug()
        // Longer than OpenVPN waits at this hello interval: none of them can go on as it was.
        await lab.waitFor(async () => performance.now() - beganMs >= AWAY_MS && (await peersNow()) === 0, {
          what: 'a minute without any tunnel',
          deadlineMs: AWAY_MS + DEADLINE_MS,
        })
        const backMs = performance.now()
        await node.machine.plugIn()
        await lab.waitFor(async () => (await peersNow()) >= CLIENT_COUNT, {
          what: 'all tunnels again',
          deadlineMs: DEADLINE_MS,
        })
        const tookMs = performance.now() - backMs
        console.log(`all ${CLIENT_COUNT} tunnels were back after ${(tookMs / 1000).toFixed(1)} s`)
        expect(tookMs).toBeLessThan(BACK_MS)
        await lab.waitFor(async () => (await statusOf(node)).connected, {
          what: 'a way to the registry again',
          deadlineMs: 2 * DEADLINE_MS,
        })
      },
    ),
)
