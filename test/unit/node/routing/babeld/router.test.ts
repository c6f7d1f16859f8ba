import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '../../../../../lab/wait-for.ts'
import { keyLine } from '../../../../../src/core/babeld/configuration.ts'
import type { KernelNews } from '../../../../../src/node/kernel/kernel-events.ts'
import { createBabeldRouter } from '../../../../../src/node/routing/babeld/router.ts'
import type { Router, RouterKeys, RoutingChange } from '../../../../../src/node/routing/router.ts'
import type { Clock } from '../../../../../src/platform/clock.ts'
import { FakeBabeld } from '../../../../support/fake-babeld.ts'
import { fastClock } from '../../../../support/fast-clock.ts'
import { temporaryDirectory } from '../../../../support/registry.ts'
import { SIGNAL, settingsOf } from '../../../../support/routing-pair.ts'
import { silentLog } from '../../../../support/silent-log.ts'
import { steppedClock } from '../../../../support/stepped-clock.ts'

const DEADLINE_MS = 30_000
/** Half a minute is over in a second. */
const clock = fastClock(30)
const NEW_KEY = new Uint8Array(16).fill(2)
const NEW_KEYS: RouterKeys = { sign: NEW_KEY, accept: undefined }

let babeld: FakeBabeld
let directory: string
let kernelSays: (line: string) => void
let router: Router
let routerWith: (itsClock: Clock) => Router
const changes: RoutingChange[] = []

beforeEach(() => {
  babeld = new FakeBabeld(() => clock.monotonicMs())
  changes.length = 0
  directory = temporaryDirectory()
  const listeners = new Set<(news: KernelNews) => void>()
  kernelSays = (line) => {
    for (const listener of listeners) listener({ kind: 'line', line })
  }
  const events = {
    watch(listener: (news: KernelNews) => void) {
      listeners.add(listener)
      return { [Symbol.dispose]: () => void listeners.delete(listener) }
    },
  }
  routerWith = (itsClock) =>
    createBabeldRouter({
      ...{ processes: babeld.processes, clock: itsClock, log: silentLog, events, extraArguments: [] },
      ...{ runDirectory: directory, logDirectory: directory, stateDirectory: directory },
    })
  router = routerWith(clock)
  router.watch((change) => changes.push(change))
})

afterEach(() => router.stop())

const until = (condition: () => boolean, what: string) =>
  waitFor(condition, { what, deadlineMs: DEADLINE_MS })
/** Waits for the start of babeld with this number. */
const started = (number: number) => until(() => babeld.starts.length >= number, `start ${number} of babeld`)
const commandsOf = (number: number) => babeld.starts[number - 1]?.commands ?? []
const told = (number: number, what: string) =>
  until(() => commandsOf(number).some((command) => command.includes(what)), `"${what}" to be said`)

it('babeld is replaced when its IPv4 routes went with our address, once that is back, and for nothing else', async () => {
  const address = '2: eth0    inet 10.42.1.1/32 scope global eth0'
  await router.start(settingsOf(1, { ipv4: { subnet: '10.42.1.0/24', address: '10.42.1.1' } }), SIGNAL)
  kernelSays(address)
  kernelSays('Deleted 2: eth0    inet 10.42.1.11/32 scope global eth0')
  kernelSays(address)
  kernelSays(`Deleted ${address}`)
  expect(babeld.starts).toHaveLength(1)
  kernelSays(address)
  await started(2)
  kernelSays(address)
  expect(babeld.starts).toHaveLength(2)
})

describe('what changes while babeld starts', () => {
  it('is said to it: keys', async () => {
    babeld.isListening = false
    const start = router.start(settingsOf(1), SIGNAL)
    await started(1)
    await router.setKeys(NEW_KEYS)
    babeld.listen()
    await start
    expect(commandsOf(1)).toContain(keyLine(NEW_KEY))
  })

  it('is said to it: interfaces that came, and that went', async () => {
    babeld.isListening = false
    await router.addInterface('eth1', 'lan')
    const start = router.start(settingsOf(1), SIGNAL)
    await started(1)
    await router.addInterface('re6stnet1', 'tunnel')
    await router.removeInterface('eth1')
    babeld.listen()
    await start
    expect(commandsOf(1).map((command) => command.split(' ', 3).join(' '))).toEqual(
      expect.arrayContaining(['interface re6stnet1 type', 'flush interface eth1']),
    )
  })

  it('makes another one, where babeld reads it only at its start', async () => {
    babeld.isListening = false
    const start = router.start(settingsOf(1), SIGNAL)
    await started(1)
    const changed = router.reconfigure(settingsOf(2))
    babeld.isListening = true
    babeld.listen()
    await Promise.all([start, changed])
    await started(2)
    expect(babeld.starts[1]?.configuration).toContain('2001:db8:42:2::')
  })

  it('is in the configuration of the next one, when there is none: keys and interfaces', async () => {
    await router.start(settingsOf(1), SIGNAL)
    babeld.isListening = false
    babeld.die()
    await until(() => !router.isRunning, 'the end of babeld to be seen')
    await Promise.all([router.setKeys(NEW_KEYS), router.addInterface('re6stnet1', 'tunnel')])
    await started(2)
    babeld.listen()
    await until(() => router.isRunning, 'the next babeld')
    const said = [babeld.starts[1]?.configuration ?? '', ...commandsOf(2)].join('\n')
    expect(said).toContain(keyLine(NEW_KEY))
    expect(said).toContain('interface re6stnet1 ')
  })
})

describe('a babeld that ends', () => {
  it('is replaced at once, and what it knew counts no more', async () => {
    await router.addInterface('eth1', 'lan')
    await router.start(settingsOf(1), SIGNAL)
    babeld.says('add interface eth1 up true ipv6 fe80::1')
    babeld.says(
      'add neighbour 55ab address fe80::2 if eth1 reach ffff ureach 0000 rxcost 96 txcost 96 rtt 0.345 rttcost 0 cost 96',
    )
    await until(() => router.neighbours.length === 1, 'a neighbour')
    babeld.die()
    await started(2)
    await until(() => router.isRunning, 'the next babeld')
    expect(router.neighbours).toEqual([])
    expect(changes.at(-1)).toEqual({ kind: 'restarted' })
    expect(babeld.starts[1]?.configuration).toContain('interface eth1 ')
  })

  it('is started again later each time, as long as it does not start', async () => {
    await router.start(settingsOf(1), SIGNAL)
    babeld.isFailing = true
    babeld.die()
    await started(5)
    const gapsMs = babeld.starts.slice(1).map(({ atMs }, index) => atMs - (babeld.starts[index]?.atMs ?? 0))
    for (const [index, leastMs] of [0, 500, 1_000, 2_000].entries())
      expect(gapsMs[index]).toBeGreaterThanOrEqual(0.9 * leastMs)
    babeld.isFailing = false
    await until(() => router.isRunning, 'one that starts')
  })
})

describe('a babeld that cannot sign', () => {
  const IN_VAIN = ['add_hmac: no link-local address.', "Couldn't add HMAC."]

  it('for a moment goes on; one that does nothing else for long is replaced, and does not fill a log with it', async () => {
    await router.start(settingsOf(1), SIGNAL)
    for (let count = 0; count < 1_000; count++) for (const line of IN_VAIN) babeld.prints(line)
    await clock.sleep(5_000)
    for (const line of IN_VAIN) babeld.prints(line)
    expect([babeld.starts.length, router.isRunning]).toEqual([1, true])
    for (let count = 0; babeld.starts.length === 1 && count < 1_000; count++) {
      for (const line of IN_VAIN) babeld.prints(line)
      await clock.sleep(300)
    }
    await started(2)
    const kept = readFileSync(join(directory, 'babeld.log'), 'utf8')
    expect(kept.split('\n').length).toBeLessThan(60)
  })
})

describe('an interface', () => {
  const UP = 'add interface re6stnet1 up true ipv6 fe80::1'
  const NEIGHBOUR =
    'neighbour 55ab address fe80::2 if re6stnet1 reach ffff ureach 0000 rxcost 96 txcost 96 rtt 0.345 rttcost 0 cost 96'

  it('of a former name is none that a new one may have while babeld remembers who was behind that', async () => {
    await router.start(settingsOf(1), SIGNAL)
    expect(router.isNameFree('re6stnet1')).toBe(true)
    await router.addInterface('re6stnet1', 'tunnel')
    expect(router.isNameFree('re6stnet1')).toBe(false)
    babeld.says(UP)
    babeld.says(`add ${NEIGHBOUR}`)
    await until(() => router.neighbours.length === 1, 'a neighbour')
    await router.removeInterface('re6stnet1')
    expect([router.isNameFree('re6stnet1'), router.isNameFree('re6stnet2')]).toEqual([false, true])
    babeld.says(`flush ${NEIGHBOUR}`)
    await until(() => router.isNameFree('re6stnet1'), 'babeld to have forgotten')
  })

  it.each([
    ['set down', 'link set dev re6stnet1 down', () => router.removeInterface('re6stnet1')],
    ['taken from babeld', 'link set dev re6stnet1 state dormant', () => router.setCost('re6stnet1', 'high')],
  ])(
    'is %s only when nothing was heard there for a moment: what babeld would answer it could not sign',
    async (_, command, change) => {
      // Time stands still unless told: where it runs, what is measured here begins later than what the router measures.
      const held = steppedClock()
      router = routerWith(held)
      let isStarted = false
      const start = router.start(settingsOf(1), SIGNAL).then(() => {
        isStarted = true
      })
      await waitFor(() => held.pass(20).then(() => isStarted), { what: 'babeld', deadlineMs: DEADLINE_MS })
      await start
      await router.addInterface('re6stnet1', 'tunnel')
      babeld.says(UP)
      let changed: Promise<void> | undefined
      router.watch(({ kind }) => {
        if (kind === 'neighbour') changed ??= change()
      })
      babeld.says(`add ${NEIGHBOUR}`)
      await until(() => changed !== undefined, 'a neighbour')
      await held.pass(149)
      expect(babeld.ip).not.toContain(command)
      await held.pass(1)
      await until(() => babeld.ip.includes(command), command)
      babeld.says('change interface re6stnet1 up false')
      babeld.says('change interface re6stnet1 up true ipv6 fe80::1')
      await changed
    },
  )

  it('does not stay dormant where the machine cannot run ip for a while, and what failed is done by the next change', async () => {
    await router.addInterface('re6stnet-tcp', 'server')
    await router.start(settingsOf(1), SIGNAL)
    babeld.says('add interface re6stnet-tcp up true ipv6 fe80::1')
    await until(() => babeld.ip.length >= 0 && router.isRunning, 'babeld')
    const state = 'link set dev re6stnet-tcp state'
    const count = (word: string) => babeld.ip.filter((command) => command === `${state} ${word}`).length
    babeld.interfaces = [{ ifname: 're6stnet-tcp' }]
    babeld.fails = (command) => command === `${state} dormant`
    const settings = settingsOf(1, { helloIntervalMs: 4_000 })
    await expect(router.reconfigure(settings)).rejects.toThrow('out of memory')
    const dormant = count('dormant')
    babeld.fails = (command) => command === `${state} up`
    // The same settings: babeld has not read them yet.
    const changed = router.reconfigure(settings)
    await until(() => count('dormant') > dormant, 'another try')
    babeld.says('change interface re6stnet-tcp up false')
    await until(() => count('up') >= 3, 'tries in vain')
    babeld.fails = () => false
    const before = count('up')
    await until(() => count('up') > before, 'the link to be operational')
    babeld.says('change interface re6stnet-tcp up true ipv6 fe80::1')
    await changed
    const { length } = babeld.ip
    await router.reconfigure(settings)
    expect(babeld.ip).toHaveLength(length)
  })

  it('that others are to leave alone is said to be expensive, and cheap again', async () => {
    await router.addInterface('re6stnet-tcp', 'server')
    await router.start(settingsOf(1), SIGNAL)
    await router.setCost('re6stnet-tcp', 'high')
    await told(1, 'rxcost 30000')
    const before = commandsOf(1).length
    await router.setCost('re6stnet-tcp', 'normal')
    await until(() => commandsOf(1).length > before, 'another word of it')
    expect(commandsOf(1).at(-1)).not.toContain('30000')
  })

  it('that babeld does not see come up again is shown to it once more', async () => {
    await router.start(settingsOf(1), SIGNAL)
    await router.addInterface('re6stnet1', 'tunnel')
    babeld.says('add interface re6stnet1 up true ipv6 fe80::1')
    babeld.says(
      'add neighbour 55ab address fe80::2 if re6stnet1 reach ffff ureach 0000 rxcost 96 txcost 96 rtt 0.345 rttcost 0 cost 96',
    )
    const shown = (state: string) =>
      babeld.ip.filter((command) => command === `link set dev re6stnet1 state ${state}`).length
    await until(() => shown('dormant') === 1, 'the link to be dormant')
    babeld.says('change interface re6stnet1 up false')
    await until(() => shown('up') === 2, 'the link to be shown once more')
    babeld.says('change interface re6stnet1 up true ipv6 fe80::1')
    // What comes next waits for its turn.
    await until(() => shown('dormant') >= 2, 'an event that makes it look')
  })

  it('that is a LAN is forgotten with its removal; a tunnel, which comes back, is set down', async () => {
    await router.addInterface('eth1', 'lan')
    await router.start(settingsOf(1), SIGNAL)
    await router.addInterface('re6stnet1', 'tunnel')
    await told(1, 'interface re6stnet1')
    await router.removeInterface('eth1')
    await router.removeInterface('re6stnet1')
    expect(commandsOf(1)).toContain('flush interface eth1')
    expect(commandsOf(1)).not.toContain('flush interface re6stnet1')
    expect(babeld.ip).toContain('link set dev re6stnet1 down')
  })
})
