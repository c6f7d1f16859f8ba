import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { Re6stError } from '../../../src/core/errors.ts'
import { createKernel, type Kernel } from '../../../src/node/kernel/kernel.ts'
import { KernelEvents } from '../../../src/node/kernel/kernel-events.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import type { Logger } from '../../../src/platform/log.ts'
import { joinNamespaces, makeNamespace, type Namespace } from '../../support/namespace.ts'
import { until } from '../../support/routing-pair.ts'
import { silentLog } from '../../support/silent-log.ts'

const NODE = {
  mainInterface: 'lo',
  address: '2001:db8:42:1::1',
  length: 64,
  network: '2001:db8:42::/48',
} as const
const IPV4 = {
  mainInterface: 'lo',
  range: '10.42.0.0/16',
  own: { address: '10.42.1.1', length: 24, subnet: '10.42.1.0/24' },
} as const

let namespace: Namespace
let other: Namespace
let directory: string
let events: KernelEvents

beforeEach(() => {
  namespace = makeNamespace('kernel')
  other = makeNamespace('kernel')
  joinNamespaces(namespace, 'eth0', other, 'eth0')
  directory = mkdtempSync(join(tmpdir(), 're6st-kernel-'))
  events = new KernelEvents({ processes: namespace.processes, clock: systemClock, log: silentLog })
})

afterEach(async () => {
  await events[Symbol.asyncDispose]()
  namespace[Symbol.dispose]()
  other[Symbol.dispose]()
  rmSync(directory, { recursive: true })
})

const kernel = (log: Logger = silentLog, processes = namespace.processes): Kernel =>
  createKernel({
    ...{ processes, clock: systemClock, log, events },
    stateFile: join(directory, 'kernel.json'),
    sysctls: namespace.sysctls,
  })

/** All that a node may change. */
const picture = () => ({
  addresses: namespace.ip('addr show'),
  routes: namespace.ip('-6 route show table all') + namespace.ip('-4 route show table all'),
  rules: namespace.ip('-6 rule show') + namespace.ip('-4 rule show'),
  settings: namespace.run(
    'sh',
    '-c',
    'cd /proc/sys/net && grep -r . ipv4/conf ipv6/conf ipv4/ip_forward 2>/dev/null | grep -v stable_secret | sort',
  ),
})

describe('what a kernel is given', () => {
  test('is there, and all of it is gone after the stop', async () => {
    const before = picture()
    const it = kernel()
    expect(await it.prepare([])).toEqual({ sourceSpecificRoutes: true })
    await it.assign(NODE)
    await it.assignIpv4(IPV4)
    expect(namespace.ip('addr show dev lo')).toContain('2001:db8:42:1::1/64')
    expect(namespace.ip('addr show dev lo')).toContain('10.42.1.1/32')
    expect(namespace.ip('-6 route show type unreachable')).toContain('2001:db8:42::/48')
    const unreachable = namespace.ip('-4 route show type unreachable')
    for (const range of ['10.42.0.0/16', '10.42.1.0/24']) expect(unreachable).toContain(range)
    for (const path of ['ipv6/conf/all', 'ipv6/conf/default', 'ipv6/conf/eth0', 'ipv4/conf/all'])
      expect(await namespace.sysctls.read(`net/${path}/forwarding`), path).toBe('1')
    await it.stop()
    await it.stop()
    expect(picture()).toEqual(before)
    expect(readdirSync(directory)).toEqual([])
  })

  test('is on the main interface that was asked for', async () => {
    const before = picture()
    const it = kernel()
    await it.prepare([])
    await it.assign({ ...NODE, mainInterface: 'eth0' })
    expect(namespace.ip('addr show dev eth0')).toContain('2001:db8:42:1::1/64')
    await it.stop()
    expect(picture()).toEqual(before)
  })

  test('is removed by the next start after kill -9', async () => {
    const before = picture()
    const killed = kernel()
    await killed.prepare([])
    await killed.assign(NODE)
    await killed.assignIpv4(IPV4)
    const next = kernel()
    await next.prepare([])
    expect(namespace.ip('addr show dev lo')).not.toContain('2001:db8')
    await next.assign(NODE)
    await next.stop()
    expect(picture()).toEqual(before)
    expect(readdirSync(directory)).toEqual([])
  })

  test('is removed by the next start wherever the killed one was killed', async () => {
    const before = picture()
    let left = 0
    const killedAfter = (commands: number): Kernel => {
      left = commands
      return kernel(silentLog, {
        ...namespace.processes,
        run: async (command, args, options) => {
          if (!args.includes('show') && left-- <= 0) await new Promise(() => {})
          return await namespace.processes.run(command, args, options)
        },
      })
    }
    for (let commands = 0; commands < 6; commands++) {
      const killed = killedAfter(commands)
      const life = (async () => {
        await killed.prepare([])
        await killed.assign(NODE)
        await killed.assignIpv4(IPV4)
      })()
      while (left >= 0) {
        const done = await Promise.race([
          life.then(() => true),
          new Promise((resolve) => setTimeout(resolve, 5)),
        ])
        if (done) break
      }
      const next = kernel()
      await next.prepare([])
      await next.stop()
      expect(picture(), `${commands} commands`).toEqual(before)
    }
  })
})

describe('what was there before', () => {
  test('is not touched: an address, a route, forwarding', async () => {
    namespace.ip('addr add 2001:db8:42:1::1/64 dev lo')
    namespace.ip('-6 route add unreachable 2001:db8:42::/48')
    await namespace.sysctls.write('net/ipv6/conf/all/forwarding', '1')
    const before = picture()
    const it = kernel()
    await it.prepare([])
    await it.assign(NODE)
    await it.stop()
    expect(picture()).toEqual(before)
  })

  test('is set back: one interface that forwarded, one that took router advertisements', async () => {
    await namespace.sysctls.write('net/ipv6/conf/eth0/forwarding', '1')
    await namespace.sysctls.write('net/ipv6/conf/eth0/accept_ra', '1')
    const before = picture()
    const it = kernel()
    await it.prepare(['eth0'])
    expect(await namespace.sysctls.read('net/ipv6/conf/eth0/accept_ra')).toBe('2')
    await it.stop()
    expect(picture()).toEqual(before)
  })

  test('stays as another program changed it meanwhile', async () => {
    const it = kernel()
    await it.prepare(['eth0'])
    await namespace.sysctls.write('net/ipv6/conf/eth0/accept_ra', '0')
    namespace.ip('addr add 2001:db8:9::1/64 dev lo')
    await it.stop()
    expect(await namespace.sysctls.read('net/ipv6/conf/eth0/accept_ra')).toBe('0')
    expect(namespace.ip('addr show dev lo')).toContain('2001:db8:9::1/64')
  })
})

describe('what others take away', () => {
  const shown = () =>
    namespace.ip('addr show') + namespace.ip('-4 route show') + namespace.ip('-6 route show')
  const isThere =
    (...words: string[]) =>
    () =>
      words.every((word) => shown().includes(word))

  test('is put back: addresses, and routes to nowhere; and all of it is gone after the stop', async () => {
    const before = picture()
    events.start()
    const it = kernel()
    await it.prepare([])
    await it.assign({ ...NODE, mainInterface: 'eth0' })
    await it.keepInside(NODE.network)
    const ipv4 = await it.assignIpv4(IPV4)
    const ofIpv6 = ['2001:db8:42:1::1/64', 'unreachable 2001:db8:42::/48']
    const outside = `unreachable default from ${NODE.network}`
    const ofIpv4 = ['10.42.1.1/32', 'unreachable 10.42.0.0/16', 'unreachable 10.42.1.0/24']
    const all = [...ofIpv6, outside, ...ofIpv4]
    for (const words of [
      'addr del 2001:db8:42:1::1/64 dev eth0',
      'addr flush dev eth0',
      'link set eth0 down',
      '-6 route del unreachable 2001:db8:42::/48',
      `-6 route del ${outside}`,
      'addr del 10.42.1.1/32 dev lo',
      '-4 route flush proto static',
    ]) {
      namespace.ip(words)
      await until(isThere(...all), words)
      namespace.ip('link set eth0 up')
    }
    await ipv4[Symbol.asyncDispose]()
    expect(isThere(...ofIpv6, outside)()).toBe(true)
    for (const word of ofIpv4) expect(shown()).not.toContain(word)
    // What is not to be there any more is not put back.
    namespace.ip('addr del 2001:db8:42:1::1/64 dev eth0')
    await until(isThere(...ofIpv6), 'the address')
    for (const word of ofIpv4) expect(shown()).not.toContain(word)
    await it.stop()
    await until(() => picture().addresses === before.addresses, 'the addresses from before')
    expect(picture()).toEqual(before)
  })

  test('is put back once its interface is there again, also what was there before us, which then goes with us', async () => {
    namespace.ip('link add later type veth peer name earlier')
    namespace.ip('addr add 2001:db8:42:1::1/64 dev later')
    events.start()
    const it = kernel()
    await it.prepare([])
    await it.assign({ ...NODE, mainInterface: 'later' })
    namespace.ip('link del later')
    await until(() => !isThere('2001:db8:42:1::1/64')(), 'the address to go')
    namespace.ip('link add later type veth peer name earlier')
    await until(isThere('2001:db8:42:1::1/64'), 'the address')
    await it.stop()
    expect(isThere('2001:db8:42:1::1/64')()).toBe(false)
  })
})

test('a main interface that does not exist is an error that names it', async () => {
  const it = kernel()
  await it.prepare([])
  await expect(it.assign({ ...NODE, mainInterface: 'eth7' })).rejects.toThrow(
    new Re6stError('SYSTEM', '--main-interface eth7: there is no such interface'),
  )
  await it.stop()
})

test('a LAN interface that does not exist, but may come, is no obstacle: others are set up as if it were there', async () => {
  const settings = () =>
    namespace.run(
      'sysctl',
      ...['ipv6/conf/eth0/accept_ra', 'ipv6/conf/eth0/forwarding'].map((name) => `net/${name}`),
    )
  const setBy = async (lanIfaces: readonly string[]) => {
    const it = kernel()
    await it.prepare(lanIfaces)
    const set = settings()
    await it.stop()
    return set
  }
  const before = settings()
  const alone = await setBy(['eth0'])
  expect(alone).not.toBe(before)
  expect(await setBy(['eth7', 'eth0'])).toBe(alone)
  expect(settings()).toBe(before)
})
