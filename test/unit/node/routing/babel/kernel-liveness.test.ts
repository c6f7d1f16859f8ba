import { expect, it } from 'vitest'
import type { KernelNews } from '../../../../../src/node/kernel/kernel-events.ts'
import { KernelLiveness } from '../../../../../src/node/routing/babel/kernel-liveness.ts'
import { silentLog } from '../../../../support/silent-log.ts'
import { steppedClock } from '../../../../support/stepped-clock.ts'

function rig() {
  const heard: string[] = []
  const set: string[] = []
  let tell: (news: KernelNews) => void = () => {}
  const clock = steppedClock()
  const liveness = new KernelLiveness({
    processes: {
      async run(_, args) {
        set.push(args.join(' '))
        return { stdout: '', stderr: '' }
      },
    },
    clock,
    log: silentLog,
    events: {
      watch(listener) {
        tell = listener
        return { [Symbol.dispose]() {} }
      },
    },
    onSuspect: (iface, address) => void heard.push(`suspect ${address}%${iface}`),
    onAlive: (iface, address) => void heard.push(`alive ${address}%${iface}`),
  })
  const neighbour = (state: 'reachable' | 'probe' | 'failed' | 'other', iface = 'tap', address = 'fe80::2') =>
    tell({ kind: 'neighbour', iface, address, state })
  return { liveness, heard, set, neighbour, clock }
}

it('a neighbour that the kernel cannot reach is suspected, on tunnels alone', () => {
  const { liveness, heard, neighbour } = rig()
  liveness.add('tap')
  neighbour('reachable')
  neighbour('probe')
  neighbour('failed', 'eth0')
  neighbour('failed', 'tap', '2001:db8::1')
  expect(heard).toEqual([])
  neighbour('failed')
  expect(heard).toEqual(['suspect fe80::2%tap'])
  liveness.remove('tap')
  neighbour('failed')
  expect(heard).toHaveLength(1)
})

it('one that answers again soon was a false alarm: the next one comes later', () => {
  const { liveness, heard, set, neighbour } = rig()
  liveness.add('tap')
  neighbour('failed')
  neighbour('reachable')
  expect(heard).toEqual(['suspect fe80::2%tap', 'alive fe80::2%tap'])
  expect(set).toHaveLength(2)
  expect(set[0]).toContain('dev tap base_reachable 300 retrans 60 delay_probe 20 ucast_probes 3')
  expect(set[1]).toContain('retrans 120')
  liveness.setRtt('tap', 5)
  expect(set).toHaveLength(2)
  liveness.setRtt('tap', 300)
  expect(set[2]).toContain('retrans 1920')
})
