import { expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { PingMonitor } from '../../../lab/pings.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS } from '../../support/networks.ts'
import { startPythonNode } from '../../support/python-node.ts'

/** So many tunnels of ours to Python nodes are replaced. */
const REPLACED = 2

test('a tunnel between a Python node and ours is replaced without the loss of a packet, whoever has made it', () =>
  withLab({ name: 'python-closing' }, async (lab) => {
    const registryOn = await lab.host('registry')
    const network = await Re6stNetwork.create(lab, {
      ...{ registryOn, helloSeconds: 2 },
      registryOptions: ['--tunnel-refresh', '15', '--client-count', '2'],
    })
    /** What is lost between these until something has come to pass, and for some time after it. */
    const lostUntil = async (
      pairs: readonly (readonly [Re6stNode, Re6stNode])[],
      what: () => Promise<void>,
    ) => {
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

    // One of theirs to a server of ours.
    const theirs = [
      [own, two],
      [two, own],
      [one, own],
    ] as const
    const lostOfTheirs = await lostUntil(theirs, async () => {
      process.kill(pythons[1].pid ?? 0, 'SIGUSR2')
      await pythons[1].line(new RegExp(`^tunnel to ${own.subnetName} closed`), DEADLINE_MS)
    })
    expect(lostOfTheirs).toEqual(theirs.map(() => 0))

    // Ours to the servers of Python nodes: these say when they send nothing more. Of three, it has two for neighbours:
    // there is always somebody else to connect to.
    const other = await network.join(await lab.host('n1'), { nodeOptions: ['--max-clients', '0'] })
    const ours = [
      [other, one],
      [two, other],
      [own, other],
      [one, own],
    ] as const
    const lostOfOurs = await lostUntil(ours, async () => {
      const asked = () =>
        pythons.flatMap((node) => node.lastLines().filter((line) => /wants to close/.test(line)))
      const before = asked().length
      await lab.waitFor(() => asked().length >= before + REPLACED, {
        what: `${REPLACED} tunnels of ours to Python nodes to be replaced`,
        deadlineMs: 6 * DEADLINE_MS,
      })
    })
    expect(lostOfOurs).toEqual(ours.map(() => 0))
  }))
