import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { systemClock } from '../../../src/platform/clock.ts'
import type { Logger } from '../../../src/platform/log.ts'
import {
  type ProcessEnd,
  type Processes,
  type RunningProcess,
  systemProcesses,
} from '../../../src/platform/processes.ts'
import { READY_AT_LATEST_MS, ServiceManager } from '../../../src/platform/service-manager.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

/** A service manager: Node.js has no datagram sockets of this kind, Python has. Prints each message as JSON. */
const LISTENER = `
import json, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
while True:
    print(json.dumps(s.recv(4096).decode()), flush=True)
`

let socket: string
let messages: string[]
let listener: ReturnType<typeof spawn>
let service: ServiceManager | undefined

beforeEach(async () => {
  socket = join(temporaryDirectory(), 'notify')
  const received: string[] = []
  messages = received
  listener = spawn('python3', ['-c', LISTENER, socket], { stdio: ['ignore', 'pipe', 'inherit'] })
  if (!listener.stdout) throw new Error('no output')
  createInterface({ input: listener.stdout }).on('line', (line) => {
    const message = String(JSON.parse(line))
    // systemd-notify waits until what it said has been read.
    if (message !== 'BARRIER=1') received.push(message)
  })
  await vi.waitFor(() => expect(existsSync(socket)).toBe(true), 20_000)
})

afterEach(() => {
  service?.[Symbol.dispose]()
  listener.kill()
})

function connect(
  environment: NodeJS.ProcessEnv,
  log: Logger = silentLog,
  clock = systemClock,
): ServiceManager {
  service = new ServiceManager({ processes: systemProcesses, clock, log }, environment)
  return service
}

test('says ready, reloading, ready and stopping, in this order', async () => {
  const manager = connect({ NOTIFY_SOCKET: socket })
  manager.ready(() => '2 tunnels')
  const before = process.hrtime.bigint()
  manager.reloading()
  const after = process.hrtime.bigint()
  manager.ready(() => '3 tunnels')
  manager.stopping()
  await vi.waitFor(() => expect(messages).toHaveLength(4), 20_000)
  expect(messages).toEqual([
    'READY=1\nSTATUS=2 tunnels',
    expect.stringMatching(/^RELOADING=1\nMONOTONIC_USEC=\d+$/),
    'READY=1\nSTATUS=3 tunnels',
    'STOPPING=1',
  ])
  // In the machine's own time: the service manager compares it with the time of its request.
  const reloadedUs = Number(/MONOTONIC_USEC=(\d+)/.exec(messages[1] ?? '')?.[1])
  expect(reloadedUs).toBeGreaterThanOrEqual(Number(before / 1000n))
  expect(reloadedUs).toBeLessThanOrEqual(Number(after / 1000n))
})

test('gives signs of life, with the present status, from ready until stopping', async () => {
  let tunnels = 0
  const manager = connect({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: '150000', WATCHDOG_PID: `${process.pid}` })
  manager.ready(() => `${tunnels++} tunnels`)
  await vi.waitFor(() => expect(messages.length).toBeGreaterThan(3), 20_000)
  manager.stopping()
  await vi.waitFor(() => expect(messages.at(-1)).toBe('STOPPING=1'), 20_000)
  expect(messages.slice(0, 3)).toEqual([
    'READY=1\nSTATUS=0 tunnels',
    'WATCHDOG=1\nSTATUS=1 tunnels',
    'WATCHDOG=1\nSTATUS=2 tunnels',
  ])
})

test('gives no signs of life that are asked of another process, or of none', () => {
  const every = vi.spyOn(systemClock, 'every')
  connect({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: '150000', WATCHDOG_PID: '1' }).ready(() => '')
  connect({ NOTIFY_SOCKET: socket, WATCHDOG_USEC: '0' }).ready(() => '')
  connect({ NOTIFY_SOCKET: socket }).ready(() => '')
  connect({ WATCHDOG_USEC: '150000' }).ready(() => '')
  expect(every).not.toHaveBeenCalled()
  every.mockRestore()
})

test('a daemon that waits while it starts, is ready after a time: nothing else waits for it', async () => {
  let pass: () => void = () => {}
  const clock = {
    ...systemClock,
    after(ms: number, action: () => void): Disposable {
      if (ms !== READY_AT_LATEST_MS) return systemClock.after(ms, action)
      pass = action
      return { [Symbol.dispose]: () => {} }
    },
  }
  connect({ NOTIFY_SOCKET: socket }, silentLog, clock)
  pass()
  await vi.waitFor(() => expect(messages).toEqual([expect.stringMatching(/^READY=1\nSTATUS=still /)]), 20_000)
})

test('no child can speak for us: the address is taken out of the environment', () => {
  const environment = { NOTIFY_SOCKET: socket, WATCHDOG_USEC: '1000000', WATCHDOG_PID: '1', PATH: '/bin' }
  connect(environment)
  expect(environment).toEqual({ PATH: '/bin' })
})

test('a service manager that cannot be reached is one line in the log', async () => {
  const warn = vi.fn()
  const started: RunningProcess[] = []
  const processes: Pick<Processes, 'start'> = {
    start(...args) {
      const child = systemProcesses.start(...args)
      started.push(child)
      return child
    },
  }
  const log = { ...silentLog, warn } as unknown as Logger
  const environment = { NOTIFY_SOCKET: '/nonexistent/socket' }
  service = new ServiceManager({ processes, clock: systemClock, log }, environment)
  service.ready(() => '')
  service.reloading()
  service.stopping()
  await vi.waitFor(() => expect(started).toHaveLength(3), 20_000)
  await Promise.all(started.map(({ ended }) => ended))
  expect(warn).toHaveBeenCalledOnce()
})

test('without a service manager nothing is started', () => {
  const start = vi.fn()
  const manager = new ServiceManager({ processes: { start }, clock: systemClock, log: silentLog }, {})
  manager.ready(() => '')
  manager.reloading()
  manager.stopping()
  expect(start).not.toHaveBeenCalled()
})

test('a systemd-notify that hangs keeps back nothing that is to be said after it', async () => {
  const clock = steppedClock()
  const said: string[] = []
  const processes: Pick<Processes, 'start'> = {
    start(_command, args) {
      said.push(args[0] ?? '')
      const isHanging = said.length === 1
      let end: (how: ProcessEnd) => void = () => {}
      const ended = new Promise<ProcessEnd>((resolve) => {
        end = resolve
      })
      if (!isHanging) end({ kind: 'exited', status: 0 })
      const signal = (name: NodeJS.Signals) => end({ kind: 'killed', signal: name })
      return { pid: 1, ended, signal, stop: () => ended, write() {}, endInput() {} }
    },
  }
  using manager = new ServiceManager({ processes, clock, log: silentLog }, { NOTIFY_SOCKET: '/run/x' })
  manager.ready(() => 'fine')
  manager.stopping()
  await clock.pass(1_000)
  expect(said).toEqual(['READY=1'])
  await clock.pass(30_000)
  expect(said).toEqual(['READY=1', 'STOPPING=1'])
})
