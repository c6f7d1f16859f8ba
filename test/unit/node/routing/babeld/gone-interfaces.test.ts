import { pino } from 'pino'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { waitFor } from '../../../../../lab/wait-for.ts'
import type { KernelNews } from '../../../../../src/node/kernel/kernel-events.ts'
import { createBabeldRouter } from '../../../../../src/node/routing/babeld/router.ts'
import type { Router } from '../../../../../src/node/routing/router.ts'
import { FakeBabeld } from '../../../../support/fake-babeld.ts'
import { fastClock } from '../../../../support/fast-clock.ts'
import { temporaryDirectory } from '../../../../support/registry.ts'
import { SIGNAL, settingsOf } from '../../../../support/routing-pair.ts'

const LINK_LOCAL = { family: 'inet6', scope: 'link' }
const GLOBAL = { family: 'inet6', scope: 'global' }
const DOWN = 'link set dev re6stnet1 down'
const UP = 'addr replace fe80::1/64 dev re6stnet1 nodad\nlink set dev re6stnet1 up'

const isUp = (command: string) => command.includes(UP)

let babeld: FakeBabeld
let router: Router
let complaints: string[]
let kernelSays: (line: string) => void

beforeEach(async () => {
  const clock = fastClock(30)
  const directory = temporaryDirectory()
  babeld = new FakeBabeld(() => clock.monotonicMs())
  complaints = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void complaints.push(line) })
  const events = {
    watch(listener: (news: KernelNews) => void) {
      kernelSays = (line) => listener({ kind: 'line', line })
      return { [Symbol.dispose]() {} }
    },
  }
  router = createBabeldRouter({
    ...{ processes: babeld.processes, clock, log, events, extraArguments: [] },
    ...{ runDirectory: directory, logDirectory: directory, stateDirectory: directory },
  })
  babeld.interfaces = [{ ifname: 're6stnet1', addr_info: [GLOBAL, LINK_LOCAL] }]
  await router.addInterface('re6stnet1', 'server')
  await router.start(settingsOf(1), SIGNAL)
  babeld.says('add interface re6stnet1 up true ipv6 fe80::1')
})

afterEach(() => router.stop())

const until = (condition: () => boolean, what: string) => waitFor(condition, { what, deadlineMs: 30_000 })

/** Its tap has ended, and all that is done with it fails. */
function vanish(): void {
  babeld.interfaces = [{ ifname: 'lo' }]
  babeld.fails = (command) => command.includes('re6stnet1')
  kernelSays('Deleted 7: re6stnet1    inet6 fe80::1/64 scope link ')
}

it('an interface that lacks its link-local address is set down, and up again with it', async () => {
  babeld.interfaces = [{ ifname: 're6stnet1', addr_info: [GLOBAL] }]
  kernelSays('Deleted 7: re6stnet1    inet6 fe80::1/64 scope link ')
  await until(() => babeld.ip.includes(DOWN), 'the link to be down')
  babeld.says('change interface re6stnet1 up false')
  await until(() => babeld.ip.some(isUp), 'the link to be up')
  expect(complaints).toEqual([])
})

it('one that is gone with its address lacks nothing, and can be removed and changed without a complaint', async () => {
  vanish()
  await router.setCost('re6stnet1', 'high')
  await router.setCost('re6stnet1', 'normal')
  expect(await router.leaveInterface('re6stnet1', 1_000)).toBe(true)
  await router.removeInterface('re6stnet1')
  expect(babeld.ip.some(isUp)).toBe(false)
  expect(complaints).toEqual([])
})

it('one that goes while it is about to be set down is no failure', async () => {
  babeld.interfaces = [{ ifname: 're6stnet1', addr_info: [GLOBAL] }]
  let isGone = false
  babeld.fails = (command) => {
    if (command !== DOWN) return false
    babeld.interfaces = []
    isGone = true
    return true
  }
  kernelSays('Deleted 7: re6stnet1    inet6 fe80::1/64 scope link ')
  await until(() => isGone, 'the link to be set down')
  await router.removeInterface('re6stnet1')
  expect(babeld.ip.some(isUp)).toBe(false)
  expect(complaints).toEqual([])
})

it.each([
  ['set down', (command: string) => command === DOWN],
  ['set up', isUp],
])('where one that is there cannot be %s, that is said once, and tried until it can', async (_, isIt) => {
  babeld.interfaces = [{ ifname: 're6stnet1', addr_info: [GLOBAL] }]
  let failures = 0
  babeld.fails = (command) => {
    if (!isIt(command) || failures === 2) {
      if (command === DOWN) setImmediate(() => babeld.says('change interface re6stnet1 up false'))
      return false
    }
    failures++
    // As it is when it was set down.
    if (isUp(command)) babeld.interfaces = [{ ifname: 're6stnet1' }]
    return true
  }
  kernelSays('Deleted 7: re6stnet1    inet6 fe80::1/64 scope link ')
  await until(() => babeld.ip.filter(isUp).length > (isIt === isUp ? 2 : 0), 'the link to be up')
  expect(failures).toBe(2)
  expect(babeld.ip.filter((command) => command === DOWN)).toHaveLength(isIt === isUp ? 1 : 3)
  expect(complaints).toHaveLength(1)
  expect(complaints.join('')).toContain('out of memory')
})
