import { expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { DEADLINE_MS, statusOf } from '../../support/networks.ts'
import { vectors } from '../../support/vectors.ts'

type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP' | 'SIGUSR2'
const recorded = vectors<{ signals: { signal: Signal; exit: number }[] }>('commands.json').signals

/** Where ours is better. */
const BETTER: { readonly [Name in Signal]?: string } = {
  SIGHUP: 'the node begins anew by itself, in the same process: nobody needs to start it again',
  SIGUSR2: 'the same',
}

test('a node ends or begins anew by signals, as recorded', () =>
  withLab({ name: 'signals' }, async (lab) => {
    const machine = await lab.host('registry')
    const network = await Re6stNetwork.create(lab, { registryOn: machine })
    const node = await network.join(machine)
    const uptime = () => statusOf(node).then(({ uptimeSeconds }) => uptimeSeconds)
    const isRunning = () => lab.waitFor(uptime, { what: 'the node to answer', deadlineMs: DEADLINE_MS })
    for (const { signal, exit } of recorded) {
      await isRunning()
      const { daemon } = node
      if (daemon?.pid === undefined) throw new Error('the node has no process')
      if (BETTER[signal] === undefined) {
        process.kill(daemon.pid, signal)
        expect(await daemon.ended).toEqual({ kind: 'exited', status: exit })
        node.start()
        continue
      }
      // Long before the signal: what it says is in whole seconds.
      await lab.waitFor(async () => (await uptime()) >= 3, { what: 'some seconds', deadlineMs: DEADLINE_MS })
      const signalMs = performance.now()
      process.kill(daemon.pid, signal)
      await lab.waitFor(async () => performance.now() - 1000 * (await uptime()) > signalMs - 1_500, {
        what: `a new beginning by ${signal}`,
        deadlineMs: DEADLINE_MS,
      })
      expect(daemon.end).toBeUndefined()
    }
  }))
