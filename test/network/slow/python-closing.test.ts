import { describe, expect, test } from 'vitest'
import { type Lab, withLab } from '../../../lab/lab.ts'
import type { LabProcess } from '../../../lab/lab-process.ts'
import { PingMonitor } from '../../../lab/pings.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS } from '../../support/networks.ts'
import { ownRouterOnly } from '../../support/own-router.ts'
import { startPythonNode } from '../../support/python-node.ts'

/** So many tunnels of ours to Python nodes are replaced. */
const REPLACED = 2

/** What is lost between these until something has come to pass, and for some time after it. */
type LostUntil = (
  pairs: readonly (readonly [Re6stNode, Re6stNode])[],
  what: () => Promise<void>,
) => Promise<readonly number[]>

/** A node of ours, and two Python nodes that have tunnels to it and one to each other. */
const withPythonNodes = (
  scenario: (made: {
    readonly lab: Lab
    readonly network: Re6stNetwork
    readonly own: Re6stNode
    readonly nodes: readonly [Re6stNode, Re6stNode]
    readonly pythons: readonly [LabProcess, LabProcess]
    readonly lostUntil: LostUntil
  }) => Promise<void>,
): Promise<void> =>
  withLab({ name: 'python-closing' }, async (lab) => {
    const registryOn = await lab.host('registry')
    const network = await Re6stNetwork.create(lab, {
      ...{ registryOn, helloSeconds: 2 },
      registryOptions: ['--tunnel-refresh', '15', '--client-count', '2'],
    })
    const lostUntil: LostUntil = async (pairs, what) => {
      const monitors = pairs.map(([from, to]) => new PingMonitor(from.machine, to.address))
      const steady = (forMs: number) => () => monitors.every(({ steadyMs }) => steadyMs > forMs)
      await lab.waitFor(steady(10_000), { what: 'steady pings', deadlineMs: 2 * DEADLINE_MS })
      for (const monitor of monitors) monitor.reset()
      await what()
      await lab.waitFor(steady(10_000), { what: 'steady pings', deadlineMs: DEADLINE_MS })
      const series = await Promise.all(monitors.map((monitor) => monitor.stop()))
      return series.map(({ sent, received }) => sent - received)
    }
    const own = await network.join(registryOn)
    const one = await network.enrol(await lab.host('p1'))
    const two = await network.enrol(await lab.host('p2'))
    const pythons = [startPythonNode(one, network, [own]), startPythonNode(two, network, [one, own])] as const
    await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
    await scenario({ lab, network, own, nodes: [one, two], pythons, lostUntil })
  })

describe('a tunnel between a Python node and ours is replaced without the loss of a packet', () => {
  const theirs = ownRouterOnly('it cannot make the way to one of several clients of a server expensive')

  test.skipIf(theirs.skipped)(`where the Python node has made it${theirs.note}`, () =>
    withPythonNodes(async ({ own, nodes: [one, two], pythons, lostUntil }) => {
      const pairs = [
        [own, two],
        [two, own],
        [one, own],
      ] as const
      const lost = await lostUntil(pairs, async () => {
        process.kill(pythons[1].pid ?? 0, 'SIGUSR2')
        await pythons[1].line(new RegExp(`^tunnel to ${own.subnetName} closed`), DEADLINE_MS)
      })
      expect(lost).toEqual(pairs.map(() => 0))
    }),
  )

  // The Python nodes say when they send nothing more. Of three, it has two for neighbours: there is always somebody else to
  // connect to.
  test('where ours has made it', () =>
    withPythonNodes(async ({ lab, network, own, nodes: [one, two], pythons, lostUntil }) => {
      const other = await network.join(await lab.host('n1'), { nodeOptions: ['--max-clients', '0'] })
      const pairs = [
        [other, one],
        [two, other],
        [own, other],
        [one, own],
      ] as const
      const lost = await lostUntil(pairs, async () => {
        const asked = () =>
          pythons.flatMap((node) => node.lastLines().filter((line) => /wants to close/.test(line)))
        const before = asked().length
        await lab.waitFor(() => asked().length >= before + REPLACED, {
          what: `${REPLACED} tunnels of ours to Python nodes to be replaced`,
          deadlineMs: 6 * DEADLINE_MS,
        })
      })
      expect(lost).toEqual(pairs.map(() => 0))
    }))
})
