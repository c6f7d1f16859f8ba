import { expect, it } from 'vitest'
import { IpMonitor } from '../../../../src/node/kernel/ip-monitor.ts'
import type { ProcessEnd, ProcessOptions, RunningProcess } from '../../../../src/platform/processes.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

/** A monitor whose `ip` the test speaks for, and ends. */
function monitor({ leavesUnread = false } = {}) {
  const signals: string[] = []
  const trouble = { leavesUnread }
  const clock = steppedClock()
  const startsMs: number[] = []
  const events: string[] = []
  let options: ProcessOptions = {}
  let end: (how: ProcessEnd) => void = () => {}
  const start = (_command: string, _args: readonly string[], given: ProcessOptions = {}): RunningProcess => {
    startsMs.push(clock.monotonicMs())
    options = given
    const ended = new Promise<ProcessEnd>((resolve) => {
      end = resolve
    })
    const stop = () => {
      end({ kind: 'killed', signal: 'SIGTERM' })
      return ended
    }
    const signal = (name: NodeJS.Signals) => {
      signals.push(name)
      end({ kind: 'killed', signal: name })
    }
    return { pid: 1, ended, stop, signal, write: () => {}, endInput: () => {} }
  }
  const watched = new IpMonitor({
    processes: { start },
    clock,
    log: silentLog,
    objects: ['route'],
    onLine: (line) => events.push(line),
    onBegun: () => events.push('begun'),
    leavesUnread: async () => trouble.leavesUnread,
  })
  const says = (line: string, stream: 'stdout' | 'stderr' = 'stdout') => options.onLine?.(line, stream)
  const dies = () => end({ kind: 'exited', status: 1 })
  return { clock, startsMs, events, watched, says, dies, signals, trouble }
}

it('tells that it begins, and what it says; complaints are no news', async () => {
  const { events, says, watched } = monitor()
  says('default via fe80::1')
  says('cannot bind', 'stderr')
  expect(events).toEqual(['begun', 'default via fe80::1'])
  await watched[Symbol.asyncDispose]()
  says('default via fe80::2')
  expect(events).toHaveLength(2)
})

it('tells, ever more rarely, that it has lost events', async () => {
  const { clock, events, says, watched } = monitor()
  for (let second = 0; second < 100; second++) {
    says('netlink receive error No buffer space available (105)', 'stderr')
    await clock.pass(1_000)
  }
  expect(events.length).toBeGreaterThan(4)
  expect(events.length).toBeLessThan(10)
  await clock.pass(200_000)
  const before = events.length
  says('netlink receive error No buffer space available (105)', 'stderr')
  await clock.pass(1_000)
  expect(events.length).toBe(before + 1)
  says('netlink receive error No buffer space available (105)', 'stderr')
  await watched[Symbol.asyncDispose]()
  await clock.pass(200_000)
  expect(events.length).toBe(before + 1)
})

it('is started again when it ends: later each time, until it works', async () => {
  const { clock, startsMs, events, dies, says, watched } = monitor()
  for (const waitMs of [100, 200, 400]) {
    dies()
    await clock.pass(waitMs)
  }
  expect(startsMs).toEqual([0, 100, 300, 700])
  says('something')
  dies()
  await clock.pass(100)
  expect(startsMs.at(-1)).toBe(800)
  expect(events.filter((event) => event === 'begun')).toHaveLength(5)
  await watched[Symbol.asyncDispose]()
  await clock.pass(60_000)
  expect(startsMs).toHaveLength(5)
})

it('that hangs, and leaves unread what the kernel tells, is ended, and another one begins', async () => {
  const { clock, startsMs, events, watched, signals, trouble } = monitor({ leavesUnread: true })
  await clock.pass(29_000)
  expect(signals).toEqual([])
  await clock.pass(2_000)
  expect(signals).toEqual(['SIGKILL'])
  trouble.leavesUnread = false
  await clock.pass(1_000)
  expect(startsMs).toHaveLength(2)
  expect(events).toEqual(['begun', 'begun'])
  await clock.pass(300_000)
  expect(startsMs).toHaveLength(2)
  await watched[Symbol.asyncDispose]()
  trouble.leavesUnread = true
  await clock.pass(300_000)
  expect(startsMs).toHaveLength(2)
})

it('that has much to read, and reads, goes on', async () => {
  const { clock, watched, says, signals } = monitor({ leavesUnread: true })
  for (let second = 0; second < 120; second++) {
    says('2001:db8::/64 dev eth0 proto 43')
    await clock.pass(1_000)
  }
  expect(signals).toEqual([])
  await watched[Symbol.asyncDispose]()
})
