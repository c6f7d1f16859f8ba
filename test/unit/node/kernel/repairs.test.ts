import { expect, it } from 'vitest'
import type { KernelNews } from '../../../../src/node/kernel/kernel-events.ts'
import { Repairs } from '../../../../src/node/kernel/repairs.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

/** Repairs of one address, by a kernel that the test speaks for. */
function rig() {
  const clock = steppedClock()
  const repairsMs: number[] = []
  const kept = new Set(['2001:db8:42:1::1/64', '2001:db8:42::/48'])
  let works = true
  let tell: (news: KernelNews) => void = () => {}
  const repairs = new Repairs({
    clock,
    log: silentLog,
    events: {
      watch(listener) {
        tell = listener
        return { [Symbol.dispose]: () => (tell = () => {}) }
      },
    },
    kept: () => kept,
    async repair() {
      repairsMs.push(clock.monotonicMs())
      return works
    },
  })
  return {
    ...{ clock, repairs, repairsMs, kept },
    tell: (news: KernelNews) => tell(news),
    says: (line: string) => tell({ kind: 'line', line }),
    fails: (does: boolean) => {
      works = !does
    },
  }
}

const TAKEN = 'Deleted 2: eth0    inet6 2001:db8:42:1::1/64 scope global \\       valid_lft forever'

it('what is taken away is put back, several things together; what is not ours is nothing', async () => {
  const { clock, repairsMs, says } = rig()
  for (const line of [
    TAKEN.replace('42:1::1', '43:1::1'),
    TAKEN.replace('Deleted ', ''),
    'Deleted default from 2001:db8:42::/48 via fe80::1 dev re6stnet1 proto 66 metric 1020 pref medium',
    'Deleted default from 2001:db8:42::/48 via fe80::1 dev re6stnet1 proto babel metric 1024 pref medium',
  ])
    says(line)
  await clock.pass(60_000)
  expect(repairsMs).toEqual([])
  says(TAKEN)
  says('Deleted unreachable 2001:db8:42::/48 dev lo metric 1024 pref medium')
  await clock.pass(1_000)
  expect(repairsMs).toEqual([60_100])
})

it('whoever insists is answered ever more rarely', async () => {
  const { clock, repairsMs, says } = rig()
  for (let time = 0; time < 600; time++) {
    says(TAKEN)
    await clock.pass(100)
  }
  expect(repairsMs.length).toBeLessThan(12)
  const before = repairsMs.length
  await clock.pass(100_000)
  says(TAKEN)
  await clock.pass(100)
  expect(repairsMs.length).toBeGreaterThan(before)
})

it('what cannot be put back is tried again, at once when an interface comes', async () => {
  const { clock, repairsMs, says, fails, tell } = rig()
  fails(true)
  says(TAKEN)
  await clock.pass(60_000)
  const before = repairsMs.length
  expect(before).toBeGreaterThan(5)
  fails(false)
  tell({ kind: 'interface', iface: 'eth0' })
  await clock.pass(1_000)
  expect(repairsMs.length).toBe(before + 1)
  await clock.pass(60_000)
  tell({ kind: 'interface', iface: 'eth0' })
  await clock.pass(60_000)
  expect(repairsMs.length).toBe(before + 1)
})

it('what may have been missed is looked at, if there is anything; and nothing any more at the end', async () => {
  const { clock, repairsMs, tell, says, kept, repairs } = rig()
  tell({ kind: 'begun' })
  await clock.pass(1_000)
  expect(repairsMs).toHaveLength(1)
  kept.clear()
  tell({ kind: 'begun' })
  await clock.pass(1_000)
  expect(repairsMs).toHaveLength(1)
  kept.add('2001:db8:42:1::1/64')
  says(TAKEN)
  repairs[Symbol.dispose]()
  says(TAKEN)
  await clock.pass(60_000)
  expect(repairsMs).toHaveLength(1)
})
