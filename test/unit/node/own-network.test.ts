import { describe, expect, it } from 'vitest'
import { KernelEvents } from '../../../src/node/kernel/kernel-events.ts'
import { OwnNetworkWatch } from '../../../src/node/own-network.ts'
import type { ProcessEnd, Processes } from '../../../src/platform/processes.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const UP = ['BROADCAST', 'MULTICAST', 'UP', 'LOWER_UP']
const eth0 = (...addresses: readonly string[]) => ({
  ifname: 'eth0',
  flags: UP,
  addr_info: addresses.map((local) => ({ family: 'inet', local, prefixlen: 24, scope: 'global' })),
})
const WAY = {
  type: 'unicast',
  dst: 'default',
  gateway: '192.0.2.254',
  dev: 'eth0',
  protocol: 'dhcp',
  flags: [],
}
const LINK_LINE = '2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc noqueue state UP group default'

/** A machine whose `ip` prints what the test says. */
async function watched() {
  const machine = {
    links: [eth0('192.0.2.1')] as object[],
    routes: [WAY] as object[],
    looks: 0,
    monitors: 0,
    told: 0,
    hasMemory: true,
    say: (_line: string) => {},
    endMonitor: () => {},
  }
  const processes: Processes = {
    start(_command, _args, { onLine = () => {} } = {}) {
      machine.monitors++
      machine.say = (line) => onLine(line, 'stdout')
      const promise = new Promise<ProcessEnd>((resolve) => {
        machine.endMonitor = () => resolve({ kind: 'exited', status: 1 })
      })
      return {
        pid: 1,
        ended: promise,
        signal: () => {},
        write: () => {},
        endInput: () => {},
        stop: () => {
          machine.endMonitor()
          return promise
        },
      }
    },
    async run(_command, args) {
      machine.looks++
      if (!machine.hasMemory) throw new Error('spawn ip ENOMEM')
      const printed = args.includes('address') ? machine.links : args.includes('-4') ? machine.routes : []
      return { stdout: JSON.stringify(printed), stderr: '' }
    },
  }
  const clock = steppedClock()
  const events = new KernelEvents({ processes, clock, log: silentLog })
  const watch = new OwnNetworkWatch({ processes, clock, log: silentLog, events, isInside: () => false })
  watch.watch(() => machine.told++)
  events.start()
  await clock.pass(1_000)
  return { machine, clock, watch }
}

describe('the watch on the own network of the machine', () => {
  it('says nothing at its start, nor when the kernel speaks of what stays as it is', async () => {
    const { machine, clock } = await watched()
    const before = machine.looks
    machine.say(LINK_LINE)
    await clock.pass(1_000)
    expect(machine.looks).toBe(before + 3)
    expect(machine.told).toBe(0)
  })

  it('says once that the machine has another address and gateway', async () => {
    const { machine, clock } = await watched()
    machine.links = [eth0('198.51.100.7')]
    machine.say('Deleted 2: eth0    inet 192.0.2.1/24 scope global eth0')
    machine.say('2: eth0    inet 198.51.100.7/24 scope global eth0')
    machine.routes = [{ ...WAY, gateway: '198.51.100.1' }]
    machine.say('default via 198.51.100.1 dev eth0')
    await clock.pass(1_000)
    expect(machine.told).toBe(1)
  })

  it('says nothing while there is no way out, and that there is one again, although it is the one from before', async () => {
    const { machine, clock } = await watched()
    ;[machine.links, machine.routes] = [[], []]
    machine.say('2: eth0: <NO-CARRIER,BROADCAST,MULTICAST,UP> mtu 1500 qdisc noqueue state DOWN')
    await clock.pass(60_000)
    expect(machine.told).toBe(0)
    ;[machine.links, machine.routes] = [[eth0('192.0.2.1')], [WAY]]
    machine.say(LINK_LINE)
    await clock.pass(1_000)
    expect(machine.told).toBe(1)
  })

  it('looks once for many lines, and not at all for routes of babeld, tunnels and neighbours of the loopback', async () => {
    const { machine, clock } = await watched()
    const before = machine.looks
    for (let route = 0; route < 1_000; route++)
      machine.say(`2001:db8:42:${route}::/64 via fe80::1 dev re6stnet1 proto babel metric 1024 pref medium`)
    machine.say('7: re6stnet3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500 qdisc fq_codel state UNKNOWN')
    machine.say('Deleted 7: re6stnet3: <BROADCAST,MULTICAST> mtu 1500 qdisc noop state DOWN group default')
    machine.say('default from 2001:db8:42::/48 via fe80::1 dev re6stnet1 proto babel metric 1024')
    await clock.pass(1_000)
    expect(machine.looks).toBe(before)
    for (let line = 0; line < 100; line++) machine.say(LINK_LINE)
    await clock.pass(1_000)
    expect(machine.looks).toBe(before + 3)
  })

  it('starts a monitor again that ended, and sees what happened meanwhile', async () => {
    const { machine, clock } = await watched()
    machine.endMonitor()
    machine.links = [eth0('192.0.2.9')]
    await clock.pass(2_000)
    expect(machine.monitors).toBe(2)
    expect(machine.told).toBe(1)
  })

  it('looks again where it could not, as without memory for a process: nobody says again what has changed', async () => {
    const { machine, clock } = await watched()
    machine.hasMemory = false
    machine.links = [eth0('198.51.100.7')]
    machine.say(LINK_LINE)
    await clock.pass(60_000)
    expect(machine.told).toBe(0)
    expect(machine.looks).toBeLessThan(50)
    machine.hasMemory = true
    await clock.pass(15_000)
    expect(machine.told).toBe(1)
  })

  it('looks soon at what changes while it waits to look again', async () => {
    const { machine, clock } = await watched()
    machine.hasMemory = false
    machine.say(LINK_LINE)
    await clock.pass(20_000)
    machine.hasMemory = true
    machine.links = [eth0('198.51.100.7')]
    machine.say('2: eth0    inet 198.51.100.7/24 scope global eth0')
    await clock.pass(1_000)
    expect(machine.told).toBe(1)
  })

  it('says of an interface that comes and goes each second only now and then that it did, and at last how it is', async () => {
    const { machine, clock } = await watched()
    const become = async (address: string) => {
      machine.links = [eth0('192.0.2.1'), { ...eth0(address), ifname: 'ppp0' }]
      machine.say('9: ppp0    inet 198.51.100.1/32 scope global ppp0')
      await clock.pass(1_000)
    }
    for (let second = 0; second < 60; second++) await become(`198.51.100.${second}`)
    // Tunnels are made in some seconds.
    expect(machine.told).toBeLessThan(15)
    const before = machine.told
    await clock.pass(8_000)
    expect(machine.told).toBe(before + 1)
    await clock.pass(60_000)
    await become('198.51.100.254')
    expect(machine.told).toBe(before + 2)
  })

  it('says that the machine slept, and nothing any more when it is disposed of', async () => {
    const { machine, clock, watch } = await watched()
    watch.slept()
    expect(machine.told).toBe(1)
    machine.links = []
    machine.say(LINK_LINE)
    watch[Symbol.dispose]()
    await clock.pass(10_000)
    expect(machine.monitors).toBe(1)
    expect(machine.told).toBe(1)
  })
})
