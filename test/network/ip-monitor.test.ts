import { execFileSync } from 'node:child_process'
import { expect, test } from 'vitest'
import { IpMonitor } from '../../src/node/kernel/ip-monitor.ts'
import { fastClock } from '../support/fast-clock.ts'
import { makeNamespace } from '../support/namespace.ts'
import { until } from '../support/routing-pair.ts'
import { silentLog } from '../support/silent-log.ts'

test('an ip monitor that hangs is replaced as soon as it misses something', async () => {
  using namespace = makeNamespace('monitor')
  const lines: string[] = []
  let begun = 0
  await using _ = new IpMonitor({
    processes: namespace.processes,
    // Looks each 0.15 s.
    clock: fastClock(100),
    log: silentLog,
    objects: ['link', 'address'],
    onLine: (line) => lines.push(line),
    onBegun: () => begun++,
  })
  const pids = () =>
    execFileSync('ip', ['netns', 'pids', namespace.name], { encoding: 'utf8' }).split('\n').filter(Boolean)
  let count = 0
  const isHeard = (since: number) => {
    namespace.ip(`addr add 2001:db8::${++count}/64 dev lo nodad`)
    return lines.some((line) => Number(/ 2001:db8::(\d+)\//.exec(line)?.[1]) > since)
  }
  await until(() => isHeard(0), 'the monitor to listen')
  const [pid] = pids().map(Number)
  process.kill(pid ?? 0, 'SIGSTOP')
  // What it has said before that may not have been read yet.
  const before = count
  await until(() => isHeard(before), 'another monitor')
  expect(begun).toBe(2)
})
