import { spawn } from 'node:child_process'
import { setTimeout } from 'node:timers/promises'
import { expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { LoopLag } from '../../../src/platform/loop-lag.ts'

/** Two of its looks are due meanwhile. */
const STOPPED_MS = 600

it('a loop that was busy with other things says for how long, until it has waited', () => {
  let [idleMs, nowMs] = [0, 0]
  using lag = new LoopLag(() => ({ idleMs, nowMs }))
  const pass = (idle: number, active: number) => {
    idleMs += idle
    nowMs += idle + active
  }
  pass(100, 1)
  expect(lag.busyMs()).toBe(1)
  pass(0, 80)
  expect(lag.busyMs()).toBe(81)
  // What is read next in the same turn was there no later.
  pass(0, 2)
  expect(lag.busyMs()).toBe(83)
  lag.look()
  pass(50, 2)
  expect(lag.busyMs()).toBeLessThanOrEqual(84)
  pass(50, 2)
  expect(lag.busyMs()).toBe(2)
})

it('a process that stood still while its loop waited says so until it has run again', () => {
  let nowMs = 0
  // All of it seems to be a wait.
  using lag = new LoopLag(() => ({ idleMs: nowMs, nowMs }))
  nowMs = 200
  expect(lag.busyMs()).toBe(0)
  nowMs = 400
  expect(lag.busyMs()).toBe(400)
  lag.look()
  nowMs = 402
  expect(lag.busyMs()).toBe(0)
})

it('that is seen of a real one', async () => {
  const script = `
    import { LoopLag } from ${JSON.stringify(new URL('../../../src/platform/loop-lag.ts', import.meta.url).href)}
    const lag = new LoopLag()
    process.stdin.on('data', () => process.stdout.write(lag.busyMs() + '\\n'))
    process.stdout.write('ready\\n')`
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', script])
  const lines: string[] = []
  child.stdout.on('data', (chunk: Buffer) => lines.push(...String(chunk).trim().split('\n')))
  const said = (count: number) =>
    waitFor(() => lines.length >= count, { what: `line ${count}`, deadlineMs: 60_000, intervalMs: 5 })
  try {
    await said(1)
    child.kill('SIGSTOP')
    await setTimeout(STOPPED_MS)
    child.stdin.write('how long?\n')
    child.kill('SIGCONT')
    await said(2)
    expect(Number(lines[1])).toBeGreaterThan(100)
  } finally {
    child.kill('SIGKILL')
  }
})

it('it is seen of the real one', async () => {
  using lag = new LoopLag()
  /** Until the loop has had nothing to do. */
  const idle = () => {
    const before = performance.eventLoopUtilization().idle
    return waitFor(() => performance.eventLoopUtilization().idle > before, {
      what: 'a pause of the loop',
      deadlineMs: 10_000,
      intervalMs: 5,
    })
  }
  await idle()
  lag.busyMs()
  await idle()
  const end = performance.now() + 50
  while (performance.now() < end);
  expect(lag.busyMs()).toBeGreaterThan(45)
})
