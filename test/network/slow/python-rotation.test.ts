import { expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { PingMonitor } from '../../../lab/pings.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { DEADLINE_MS, versionOf } from '../../support/networks.ts'
import { startPythonNode } from '../../support/python-node.ts'

/** Between two steps: Python nodes are in the midst of a restart. */
const STEP_MS = 4_000
/** They restart once more than among themselves alone, at most, when ours change; the machine may be busy. */
const ALLOWANCE_MS = 10_000

test('keys rotate in quick steps beside Python nodes: ours keep each other, and those are soon back', () =>
  withLab({ name: 'python-rotation' }, async (lab) => {
    const registryOn = await lab.host('registry')
    const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds: 2 })
    const own = await network.join(registryOn)
    const other = await network.join(await lab.host('n1'))
    const one = await network.enrol(await lab.host('p1'))
    const two = await network.enrol(await lab.host('p2'))
    const pythons = [startPythonNode(one, network, [own, other]), startPythonNode(two, network, [own, one])]
    await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
    const ours = new PingMonitor(own.machine, other.address)
    const theirs = new PingMonitor(one.machine, two.address)
    const mixed = [own, other].flatMap(({ machine }) =>
      [one, two].map(({ address }) => new PingMonitor(machine, address)),
    )
    const all = [ours, theirs, ...mixed]
    const areSteady = (forMs: number) => () => all.every(({ steadyMs }) => steadyMs > forMs)
    await lab.waitFor(areSteady(1_000), { what: 'all to ping', deadlineMs: DEADLINE_MS })
    for (const monitor of all) monitor.reset()

    // A whole rotation: a new key is announced, used, and the only one.
    for (let step = 0; step < 3; step++) {
      const before = performance.now()
      await network.callRegistry('updateHMAC')
      await lab.waitFor(() => performance.now() - before > STEP_MS, {
        what: 'the time of a step',
        deadlineMs: 2 * STEP_MS,
      })
    }
    const newest = await versionOf(own)
    const haveIt = () => pythons.every((node) => node.lastLines().includes(`begins with version ${newest}`))
    await lab.waitFor(() => haveIt() && areSteady(15_000)(), {
      what: 'the Python nodes to be back with the newest version',
      deadlineMs: 3 * DEADLINE_MS,
    })
    const [oursMs = 0, theirsMs = 0, ...mixedMs] = all.map(({ series }) => series.longestGapMs)
    expect(oursMs).toBeLessThan(1_000)
    for (const ms of mixedMs) expect(ms).toBeLessThan(2 * theirsMs + ALLOWANCE_MS)
  }))
