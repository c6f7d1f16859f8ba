import { expect, it } from 'vitest'
import type { NeighbourState } from '../../../../../src/core/kernel/monitor-line.ts'
import type { KernelNews } from '../../../../../src/node/kernel/kernel-events.ts'
import { KernelLiveness } from '../../../../../src/node/routing/babel/kernel-liveness.ts'
import { silentLog } from '../../../../support/silent-log.ts'
import { steppedClock } from '../../../../support/stepped-clock.ts'

function rig() {
  const heard: string[] = []
  const set: string[] = []
  const lookedAgain: string[] = []
  /** Those that the kernel knows. */
  const known: { readonly dst: string; readonly lladdr?: string; readonly state: readonly string[] }[] = []
  let tell: (news: KernelNews) => void = () => {}
  const trouble = { canRun: true }
  const clock = steppedClock()
  const liveness = new KernelLiveness({
    processes: {
      async run(_, args) {
        if (!trouble.canRun) throw new Error('spawn ip EAGAIN')
        const isQuestion = args.includes('show')
        if (!isQuestion) (args[0] === 'neigh' ? lookedAgain : set).push(args.join(' '))
        return { stdout: isQuestion ? JSON.stringify(known) : '', stderr: '' }
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
    onSuspect: (iface, address, sinceMs) =>
      void heard.push(`suspect ${address}%${iface} for ${Math.round(clock.monotonicMs() - sinceMs)} ms`),
    onAlive: (iface, address) => void heard.push(`alive ${address}%${iface}`),
  })
  const neighbour = (state: NeighbourState, iface = 'tap', address = 'fe80::2') =>
    tell({ kind: 'neighbour', iface, address, state })
  return { liveness, heard, set, known, lookedAgain, neighbour, clock, trouble }
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
  expect(heard).toEqual(['suspect fe80::2%tap for 0 ms'])
  liveness.remove('tap')
  neighbour('failed')
  expect(heard).toHaveLength(1)
})

it('one that does not answer the first question is suspected long before the kernel gives it up', async () => {
  const { liveness, heard, neighbour, clock } = rig()
  liveness.add('tap')
  neighbour('probe')
  await clock.pass(30)
  neighbour('reachable')
  await clock.pass(100)
  expect(heard).toEqual([])
  neighbour('probe')
  await clock.pass(50)
  expect(heard[0]).toBe('suspect fe80::2%tap for 45 ms')
  neighbour('reachable')
  expect(heard[1]).toBe('alive fe80::2%tap')
})

it('one that answers others, but not the kernel, is suspected again and again: it may be gone since that answer', async () => {
  const { liveness, heard, neighbour, clock } = rig()
  liveness.add('tap')
  neighbour('probe')
  await clock.pass(50)
  expect(heard).toHaveLength(1)
  // The answer came by another way: the kernel's questions are lost in a full queue, and it goes on with them for long.
  await clock.pass(300)
  expect(heard.length).toBeGreaterThan(1)
  // What was answered meanwhile is not held against it.
  expect(heard.at(-1)).toBe('suspect fe80::2%tap for 0 ms')
  neighbour('reachable')
  const until = heard.length
  await clock.pass(10_000)
  expect(heard).toHaveLength(until)
})

it('that is less often each time, and not any more when the kernel should have given it up', async () => {
  const { liveness, heard, neighbour, clock } = rig()
  liveness.add('tap')
  neighbour('probe')
  const atMs: number[] = []
  for (let ms = 0; ms < 10_000; ms += 10) {
    const before = heard.length
    await clock.pass(10)
    if (heard.length > before) atMs.push(clock.monotonicMs())
  }
  expect(atMs).toEqual([40, 240, 640])
})

it('how long its answers took lately is known: of the last few, if they are not too old', async () => {
  const { liveness, neighbour, clock } = rig()
  liveness.add('tap')
  const usualMs = () => liveness.usualAnswerMs('tap', 'fe80::2')
  const answersAfter = async (ms: number) => {
    neighbour('probe')
    await clock.pass(ms)
    neighbour('reachable')
  }
  expect(usualMs()).toBeUndefined()
  await answersAfter(30)
  for (let time = 0; time < 5; time++) await answersAfter(10)
  expect(usualMs()).toBeGreaterThan(9)
  expect(usualMs()).toBeLessThan(15)
  await clock.pass(20_000)
  expect(usualMs()).toBeUndefined()
})

it('one that takes its time has more of it from then on, in the kernel, too', async () => {
  const { liveness, heard, set, neighbour, clock } = rig()
  liveness.add('tap')
  neighbour('probe')
  await clock.pass(200)
  neighbour('reachable')
  expect(set[1]).toContain('retrans 240 delay_probe 10 ucast_probes 10')
  heard.length = 0
  neighbour('probe')
  await clock.pass(250)
  expect(heard).toEqual([])
})

it('one to which nothing goes any more is asked once whether what went there has arrived', async () => {
  const { liveness, heard, neighbour, clock } = rig()
  liveness.add('tap')
  // In use, the kernel asks again at once.
  neighbour('reachable')
  neighbour('stale')
  await clock.pass(20)
  neighbour('probe')
  neighbour('reachable')
  await clock.pass(1_000)
  expect(heard).toEqual([])
  neighbour('stale')
  await clock.pass(40)
  expect(heard).toEqual(['suspect fe80::2%tap for 0 ms'])
  // The question itself, and the answer to one of the other side, are no use.
  liveness.spokeTo('tap', 'fe80::2')
  neighbour('reachable')
  neighbour('stale')
  await clock.pass(5_000)
  expect(heard).toHaveLength(2)
})

it('one to which we alone have said something is not asked after that', async () => {
  const { liveness, heard, neighbour, clock } = rig()
  liveness.add('tap')
  await clock.pass(10_000)
  neighbour('reachable')
  liveness.spokeTo('tap', 'fe80::2')
  neighbour('stale')
  await clock.pass(900)
  expect(heard).toEqual([])
  neighbour('reachable')
  await clock.pass(200)
  neighbour('stale')
  await clock.pass(40)
  expect(heard).toEqual(['suspect fe80::2%tap for 0 ms'])
})

it('one that answers again soon was a false alarm: the next one comes later', async () => {
  const { liveness, heard, set, neighbour, clock } = rig()
  liveness.add('tap')
  neighbour('failed')
  neighbour('reachable')
  expect(heard).toEqual(['suspect fe80::2%tap for 0 ms', 'alive fe80::2%tap'])
  expect(set).toHaveLength(2)
  expect(set[0]).toContain('dev tap base_reachable 120 retrans 60 delay_probe 10 ucast_probes 10')
  expect(set[1]).toContain('retrans 120')
  liveness.setRtt('tap', 5)
  expect(set).toHaveLength(2)
  liveness.setRtt('tap', 600)
  expect(set[2]).toContain('retrans 240 delay_probe 10 ucast_probes 80')
  // It was gone for long: that was none.
  neighbour('failed')
  await clock.pass(5_000)
  neighbour('reachable')
  expect(set).toHaveLength(3)
})

it('a false alarm is known when the interface is opened anew, not on another one of its name, nor after ten minutes', async () => {
  const { liveness, set, neighbour, clock } = rig()
  liveness.add('tap')
  neighbour('failed')
  neighbour('reachable')
  liveness.add('tap')
  expect(set.at(-1)).toContain('retrans 120')
  await clock.pass(599_000)
  liveness.setRtt('tap', 5)
  expect(set.at(-1)).toContain('retrans 120')
  await clock.pass(2_000)
  liveness.setRtt('tap', 5)
  expect(set.at(-1)).toContain('retrans 60')
  neighbour('failed')
  neighbour('reachable')
  expect(set.at(-1)).toContain('retrans 120')
  liveness.remove('tap')
  liveness.add('tap')
  expect(set.at(-1)).toContain('retrans 60')
})

it('times are shorter again some time after answers are', async () => {
  const { liveness, set, neighbour, clock } = rig()
  liveness.add('tap')
  liveness.setRtt('tap', 100)
  liveness.setRtt('tap', 10)
  expect(set).toHaveLength(2)
  await clock.pass(31_000)
  neighbour('probe')
  neighbour('reachable')
  expect(set[2]).toContain('retrans 60')
})

it('where answers are slow again and again, times are set ever more rarely', async () => {
  const { liveness, set, clock } = rig()
  liveness.add('tap')
  for (let seconds = 0; seconds < 3_600; seconds += 10) {
    liveness.setRtt('tap', 100)
    liveness.setRtt('tap', 10)
    await clock.pass(10_000)
  }
  // Each 40 s, two each time, it would be 180.
  expect(set.length).toBeLessThan(30)
  await clock.pass(1_000_000)
  liveness.setRtt('tap', 10)
  expect(set.at(-1)).toContain('retrans 60')
  await clock.pass(601_000)
  liveness.setRtt('tap', 100)
  await clock.pass(31_000)
  liveness.setRtt('tap', 10)
  expect(set.at(-1)).toContain('retrans 60')
})

it('one that the kernel met before it had its times is looked at again, though we have not spoken to it', async () => {
  const { liveness, set, known, lookedAgain, clock } = rig()
  known.push({ dst: 'fe80::2', lladdr: '02:00:00:00:00:02', state: ['DELAY'] })
  known.push({ dst: 'fe80::3', state: ['INCOMPLETE'] })
  liveness.add('tap')
  await clock.pass(1)
  expect(lookedAgain).toEqual(['neigh change to fe80::2 dev tap nud stale'])
  liveness.setRtt('tap', 600)
  await clock.pass(1)
  expect(set).toHaveLength(2)
  expect(lookedAgain).toHaveLength(1)
})

it('one that could not be reached for a while was not slow', async () => {
  const { liveness, heard, set, neighbour, clock } = rig()
  liveness.add('tap')
  neighbour('probe')
  await clock.pass(8_000)
  neighbour('reachable')
  await clock.pass(1)
  expect(set).toHaveLength(1)
  expect(heard.at(-1)).toBe('alive fe80::2%tap')
})

it('a slow client of a server makes nobody wait for the others', async () => {
  const { liveness, heard, set, neighbour, clock } = rig()
  liveness.add('tap')
  neighbour('probe')
  await clock.pass(600)
  neighbour('reachable')
  expect(set.at(-1)).toContain('base_reachable 120 retrans 240 delay_probe 10 ucast_probes 40')
  heard.length = 0
  neighbour('probe', 'tap', 'fe80::3')
  await clock.pass(60)
  expect(heard).toHaveLength(1)
})

it('a client of a server that feigns false alarms, and slow answers, makes nobody wait for the others, and costs few commands', async () => {
  const { liveness, heard, set, neighbour, clock } = rig()
  liveness.add('tap')
  const BAD = 'fe80::bad'
  for (let time = 0; time < 60; time++) {
    neighbour('probe', 'tap', BAD)
    await clock.pass(500)
    neighbour('failed', 'tap', BAD)
    await clock.pass(400)
    neighbour('reachable', 'tap', BAD)
    await clock.pass(5_000)
  }
  expect(set.at(-1)).toContain('base_reachable 120 retrans 240 delay_probe 10')
  expect(set.length).toBeLessThan(10)
  heard.length = 0
  neighbour('probe')
  await clock.pass(50)
  expect(heard).toEqual(['suspect fe80::2%tap for 40 ms'])
})

it('one that is being asked is suspected in time, however many addresses another one has', async () => {
  const { liveness, heard, neighbour, clock } = rig()
  liveness.add('tap')
  const address = (number: number) => `fe80::bad:${number.toString(16)}`
  neighbour('probe')
  for (let number = 0; number < 1_100; number++) liveness.spokeTo('tap', address(number))
  for (let number = 0; number < 1_100; number++) neighbour('reachable', 'tap', address(number))
  await clock.pass(45)
  expect(heard).toEqual(['suspect fe80::2%tap for 40 ms'])
})

it('one whose answer may be there and not be read yet, because we were stopped, is not suspected', async () => {
  const { liveness, heard, neighbour, clock } = rig()
  liveness.add('tap')
  neighbour('probe')
  await clock.stall(150)
  neighbour('reachable')
  await clock.pass(500)
  expect(heard).toEqual([])
  neighbour('probe')
  await clock.stall(150)
  await clock.pass(120)
  expect(heard).toHaveLength(1)
})

it('times that could not be set are set later', async () => {
  const { liveness, set, lookedAgain, known, clock, trouble } = rig()
  known.push({ dst: 'fe80::2', lladdr: '02:00:00:00:00:02', state: ['REACHABLE'] })
  trouble.canRun = false
  liveness.add('tap')
  await clock.pass(1_000)
  trouble.canRun = true
  liveness.setRtt('tap', 1)
  expect(set).toEqual([])
  await clock.pass(5_000)
  liveness.setRtt('tap', 1)
  await clock.pass(10)
  expect(set).toHaveLength(1)
  expect(lookedAgain).toHaveLength(1)
})

it('where other times could not be set, those from before count on, and nobody is looked at again', async () => {
  const { liveness, set, lookedAgain, known, clock, trouble } = rig()
  known.push({ dst: 'fe80::2', lladdr: '02:00:00:00:00:02', state: ['REACHABLE'] })
  liveness.add('tap')
  await clock.pass(10)
  trouble.canRun = false
  liveness.setRtt('tap', 400)
  await clock.pass(5_000)
  trouble.canRun = true
  liveness.setRtt('tap', 400)
  await clock.pass(10)
  expect(set).toHaveLength(2)
  expect(lookedAgain).toHaveLength(1)
})

it('where times could not be set, one is suspected again for as long as the kernel asks by itself', async () => {
  const { liveness, heard, neighbour, clock, trouble } = rig()
  trouble.canRun = false
  liveness.add('tap')
  await clock.pass(100)
  neighbour('probe')
  await clock.pass(2_000)
  expect(heard.length).toBeGreaterThan(2)
  await clock.pass(10_000)
  const count = heard.length
  expect(count).toBeLessThan(7)
  await clock.pass(60_000)
  expect(heard).toHaveLength(count)
})
