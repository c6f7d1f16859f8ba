import { describe, expect, test } from 'vitest'
import { type Lab, withLab } from '../../../lab/lab.ts'
import { PingMonitor } from '../../../lab/pings.ts'
import { programOf } from '../../../lab/programs.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { type Re6stNode, TEST_ROUTER } from '../../../lab/re6st-node.ts'
import type { ExplanationReply } from '../../../src/core/control/routing-replies.ts'
import { DEADLINE_MS, nextHop, pings, statusOf } from '../../support/networks.ts'
import { ownRouterOnly } from '../../support/own-router.ts'

const PING_MS = 10
const STEADY_MS = 1_000
/** Draining, the farewell, and a busy machine. */
const STOP_MS = 30_000
/** babeld's hysteresis lets go of a way within some seconds at a hello interval of one. */
const BABELD_GAP_MS = 5_000

interface OnTheWay {
  readonly lab: Lab
  /** Pings of one node to another. */
  readonly monitor: PingMonitor
  readonly ends: readonly [Re6stNode, Re6stNode]
  /** Who passes them on. */
  readonly passing: () => Promise<Re6stNode>
}

/** Neighbours that a node could send packets to another to. */
async function waysBetween(from: Re6stNode, to: Re6stNode): Promise<number> {
  const command = ['routes', to.subnetName, '--json', '--run', from.runDirectory]
  const { stdout } = await from.machine.run(...programOf('re6st'), ...command)
  const [destination] = (JSON.parse(stdout) as ExplanationReply).destinations
  const usable = destination?.candidates.filter(
    ({ linkCost, feasible }) => linkCost !== null && feasible !== false,
  )
  return new Set(usable?.map(({ nextHop }) => nextHop)).size
}

/** A network of five nodes, two of which cannot have a tunnel with each other: one of the others, by chance, is between them. */
const withSomebodyBetween = (
  routerOfEnds: 're6st' | 'babeld',
  scenario: (made: OnTheWay) => Promise<void>,
): Promise<void> =>
  withLab({ name: 'leaving' }, async (lab) => {
    const registryOn = await lab.host('registry')
    const network = await Re6stNetwork.create(lab, { registryOn })
    const join = async (name: string, router: string) =>
      network.join(name === 'registry' ? registryOn : await lab.host(name), {
        nodeOptions: ['--router', router],
      })
    const own = await join('registry', 're6st')
    const ends = [await join('n1', routerOfEnds), await join('n2', routerOfEnds)] as const
    const nodes = [own, ...ends, await join('n3', 're6st'), await join('n4', 're6st')]
    await lab.cut(ends[0].machine, ends[1].machine)
    await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
    // Where only one node is between them yet, they would have to wait for a new tunnel.
    for (const [from, to] of [
      [ends[0], ends[1]],
      [ends[1], ends[0]],
    ] as const)
      await lab.waitFor(async () => (await waysBetween(from, to)) >= 2, {
        what: `${from.name} to have two ways to ${to.name}`,
        deadlineMs: 2 * DEADLINE_MS,
      })
    const monitor = new PingMonitor(ends[0].machine, ends[1].address, PING_MS)
    const passing = () =>
      lab.waitFor(
        async () => {
          const hop = await nextHop(ends[0], ends[1], nodes)
          return hop === ends[1] ? undefined : hop
        },
        { what: 'packets to go through another', deadlineMs: DEADLINE_MS },
      )
    await lab.waitFor(() => monitor.steadyMs > STEADY_MS, { what: 'steady pings', deadlineMs: DEADLINE_MS })
    await scenario({ lab, monitor, ends, passing })
  })

/** How many pings were lost since they were counted, and for how long at most. */
async function ended({ lab, monitor }: OnTheWay) {
  await lab.waitFor(() => monitor.steadyMs > STEADY_MS, { what: 'steady pings', deadlineMs: DEADLINE_MS })
  const { sent, received, longestGapMs } = await monitor.stop()
  expect(sent).toBeGreaterThan(STEADY_MS / PING_MS)
  return { lost: sent - received, longestGapMs }
}

describe('a node on the way of others', () => {
  const lossless = ownRouterOnly('it would need a hello interval for each link to drain, and stops without')

  test.skipIf(lossless.skipped)(`is stopped: not a packet of theirs is lost${lossless.note}`, () =>
    withSomebodyBetween('re6st', async (made) => {
      const passing = await made.passing()
      made.monitor.reset()
      expect(await passing.stop(STOP_MS)).toEqual({ kind: 'exited', status: 0 })
      expect((await ended(made)).lost).toBe(0)
    }),
  )

  test.skipIf(lossless.skipped)(
    `drains for its operator: they take another way, it goes on itself, and they may come back${lossless.note}`,
    () =>
      withSomebodyBetween('re6st', async (made) => {
        const { lab, monitor, ends } = made
        const passing = await made.passing()
        const drain = (...options: string[]) =>
          passing.machine.run(...programOf('re6st'), 'drain', '--run', passing.runDirectory, ...options)
        monitor.reset()
        await drain()
        expect(await made.passing()).not.toBe(passing)
        expect((await statusOf(passing)).draining).not.toBeNull()
        await pings(lab, passing.machine, ends[1].address)
        await pings(lab, ends[0].machine, passing.address)
        await drain('--undo')
        expect((await statusOf(passing)).draining).toBeNull()
        expect((await ended(made)).lost).toBe(0)
      }),
  )

  // Minutes on a machine of which babeld does not get much: with all that is run with babeld.
  if (TEST_ROUTER === 'babeld')
    test('is stopped between nodes with babeld: they leave it as soon as their hysteresis allows', () =>
      withSomebodyBetween('babeld', async (made) => {
        const passing = await made.passing()
        made.monitor.reset()
        expect(await passing.stop(STOP_MS)).toEqual({ kind: 'exited', status: 0 })
        const { lost, longestGapMs } = await ended(made)
        expect(longestGapMs, `${lost} pings lost`).toBeLessThan(BABELD_GAP_MS)
      }))
})
