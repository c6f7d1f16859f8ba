import { execFileSync } from 'node:child_process'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { memoryMb } from '../../lab/process-cost.ts'
import { waitFor } from '../../lab/wait-for.ts'
import { KernelEvents } from '../../src/node/kernel/kernel-events.ts'
import type { KernelHop } from '../../src/node/kernel/route-lines.ts'
import { KernelRouteTable } from '../../src/node/kernel/route-table.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { joinNamespaces, makeNamespace, type Namespace } from '../support/namespace.ts'
import { until } from '../support/routing-pair.ts'
import { silentLog } from '../support/silent-log.ts'

const ANY = '::/0'
const SOURCE = '2001:db8:42:1::1'
const indexOf = (iface: string) => Number(namespace.run('cat', `/sys/class/net/${iface}/ifindex`))
const hop = (via: string, index = indexOf('tap')): KernelHop => ({ iface: 'tap', index, via, source: SOURCE })
const to = (number: number) => ({ prefix: `2001:db8:42:${number.toString(16)}::/64`, from: ANY })

let namespace: Namespace
let other: Namespace
let events: KernelEvents
let table: KernelRouteTable

const makeTable = () => {
  const parts = { processes: namespace.processes, clock: systemClock, log: silentLog }
  return new KernelRouteTable({ ...parts, events })
}
const shown = (what = 'proto 66', family = '-6') => namespace.ip(`${family} route show ${what}`).trim()

beforeEach(async () => {
  namespace = makeNamespace('routes')
  other = makeNamespace('routes')
  joinNamespaces(namespace, 'tap', other, 'tap')
  namespace.ip(`addr add ${SOURCE}/64 dev lo`)
  events = new KernelEvents({ processes: namespace.processes, clock: systemClock, log: silentLog })
  events.start()
  table = makeTable()
})

afterEach(async () => {
  await table[Symbol.asyncDispose]()
  await events[Symbol.asyncDispose]()
  namespace[Symbol.dispose]()
  other[Symbol.dispose]()
})

describe('routes', () => {
  beforeEach(() => table.start())

  test('come, change without a gap, and go', async () => {
    table.set(to(2), hop('fe80::2'))
    await table.settled()
    expect(shown(to(2).prefix)).toBe(
      `2001:db8:42:2::/64 via fe80::2 dev tap proto 66 src ${SOURCE} metric 1020 pref medium`,
    )
    table.set(to(2), hop('fe80::3'))
    await table.settled()
    expect(shown()).toContain('via fe80::3')
    expect(shown().split('\n')).toHaveLength(1)
    table.set(to(2), undefined)
    await table.settled()
    expect(shown()).toBe('')
  })

  test('become unreachable in their place, of either family, and reachable again', async () => {
    const toIpv4 = { prefix: '10.42.7.0/24', from: '0.0.0.0/0' }
    for (const [destination, family] of [
      [to(2), '-6'],
      [toIpv4, '-4'],
    ] as const) {
      const lines = () => shown('proto 66', family).split('\n')
      const via = { ...hop('fe80::2'), source: undefined }
      for (const [hop, expected] of [
        [via, 'via '],
        ['unreachable', 'unreachable'],
        [via, 'via '],
        ['unreachable', 'unreachable'],
        [undefined, ''],
      ] as const) {
        table.set(destination, hop)
        await table.settled()
        expect(lines()).toEqual([expect.stringContaining(expected)])
        expect(lines()[0]?.startsWith('unreachable')).toBe(hop === 'unreachable')
        expect(lines()[0] === '').toBe(hop === undefined)
        expect(table.leadsOver('tap')).toBe(hop === via)
      }
    }
  })

  test('for one source, and IPv4 by an IPv6 next hop', async () => {
    table.set({ prefix: ANY, from: '2001:db8:42::/48' }, hop('fe80::2'))
    table.set({ prefix: '10.42.2.0/24', from: '0.0.0.0/0' }, { ...hop('fe80::2'), source: undefined })
    await table.settled()
    expect(shown()).toContain('default from 2001:db8:42::/48 via fe80::2')
    expect(shown('proto 66', '-4')).toContain('10.42.2.0/24 via inet6 fe80::2 dev tap')
    table.set({ prefix: ANY, from: '2001:db8:42::/48' }, undefined)
    await table.settled()
    expect(shown()).toBe('')
  })

  test('of another metric stand beside those of the machine, and are set right like others', async () => {
    namespace.ip('-6 route add default via fe80::7 dev tap')
    const last = { prefix: ANY, from: ANY, metric: 1_000_000 }
    table.set(last, hop('fe80::2'))
    await table.settled()
    expect(namespace.ip('-6 route get 2001:db8:9::1')).toContain('via fe80::7')
    namespace.ip('-6 route del default metric 1000000')
    await until(() => shown().includes('via fe80::2'), 'the route')
    table.set(last, undefined)
    await table.settled()
    expect(shown()).toBe('')
    expect(shown('default')).toContain('via fe80::7')
  })

  test('that the kernel does not take keep none of the others, and are taken later', async () => {
    joinNamespaces(namespace, 'later', other, 'later')
    namespace.ip('link set later down')
    table.set(to(2), { ...hop('fe80::2'), iface: 'later', index: indexOf('later') })
    table.set(to(3), hop('fe80::3'))
    await table.settled()
    expect(shown()).toContain(to(3).prefix)
    expect(shown()).not.toContain(to(2).prefix)
    namespace.ip('link set later up')
    await until(() => shown().includes(to(2).prefix), 'the route through the interface that came up')
  })

  test('through an interface that went are taken through the next one of that name', async () => {
    table.set(to(2), hop('fe80::2'))
    await table.settled()
    namespace.ip('link del tap')
    await until(() => shown() === '', 'no route')
    joinNamespaces(namespace, 'tap', other, 'tap')
    table.set(to(2), hop('fe80::3'))
    await table.settled()
    expect(shown()).toContain(`${to(2).prefix} via fe80::3 dev tap`)
  })

  test('that others remove or replace are set right', async () => {
    table.set(to(2), hop('fe80::2'))
    table.set(to(3), hop('fe80::2'))
    await table.settled()
    namespace.ip(`-6 route del ${to(2).prefix} proto 66`)
    namespace.ip(`-6 route replace ${to(3).prefix} via fe80::9 dev tap metric 1020 proto static`)
    await until(
      () => shown().includes(to(2).prefix) && shown().includes(`${to(3).prefix} via fe80::2`),
      'both routes as they were',
    )
    expect(shown(to(3).prefix).split('\n')).toHaveLength(1)
  })

  test('are as they are wanted also when ip was killed', async () => {
    table.set(to(2), hop('fe80::2'))
    table.set(to(3), hop('fe80::2'))
    await table.settled()
    const ips = execFileSync('ip', ['netns', 'pids', namespace.name], { encoding: 'utf8' }).split('\n')
    for (const pid of ips.filter((each) => each !== '')) process.kill(Number(pid), 'SIGKILL')
    table.set(to(2), undefined)
    table.set(to(4), hop('fe80::2'))
    await until(() => !shown().includes(to(2).prefix) && shown().includes(to(4).prefix), 'what was wanted')
    expect(shown()).toContain(to(3).prefix)
  })

  test('that the kernel refuses to change do not stay as they were', async () => {
    joinNamespaces(namespace, 'idle', other, 'idle')
    namespace.ip('link set idle down')
    table.set(to(2), hop('fe80::2'))
    await table.settled()
    table.set(to(2), { ...hop('fe80::2'), iface: 'idle', index: indexOf('idle') })
    await until(() => shown() === '', 'the old route is gone')
    namespace.ip('link set idle up')
    await until(() => shown().includes('dev idle'), 'the new route')
  })

  test('are taken without our address while that is gone, and with it when it comes back', async () => {
    namespace.ip('addr add 10.42.1.1/24 dev lo')
    const ipv4 = { prefix: '10.42.2.0/24', from: '0.0.0.0/0' }
    table.set(to(2), hop('fe80::2'))
    table.set(ipv4, { ...hop('fe80::2'), source: '10.42.1.1' })
    await table.settled()
    const sources = () => [
      shown().includes(`src ${SOURCE}`),
      shown('proto 66', '-4').includes('src 10.42.1.1'),
    ]
    expect(sources()).toEqual([true, true])
    namespace.ip(`addr del ${SOURCE}/64 dev lo`)
    namespace.ip('addr del 10.42.1.1/24 dev lo')
    expect(sources()).toEqual([false, false])
    table.set(to(3), hop('fe80::2'))
    await until(() => shown().includes(to(3).prefix), 'a route for others')
    namespace.ip(`addr add ${SOURCE}/64 dev lo`)
    namespace.ip('addr add 10.42.1.1/24 dev lo')
    await until(() => sources().every((is) => is), 'routes with our addresses')
  })

  test('of both families come back with an interface that went down for a moment', async () => {
    await table[Symbol.asyncDispose]()
    // That something may have been missed would have all routes looked at.
    const watch: KernelEvents['watch'] = (hear) => events.watch((news) => news.kind !== 'begun' && hear(news))
    table = new KernelRouteTable({
      ...{ processes: namespace.processes, clock: systemClock, log: silentLog },
      events: { watch },
    })
    await table.start()
    const ipv4 = { prefix: '10.42.2.0/24', from: '0.0.0.0/0' }
    table.set(to(2), hop('fe80::2'))
    table.set(ipv4, { ...hop('fe80::2'), source: undefined })
    await table.settled()
    namespace.ip('link set tap down')
    namespace.ip('link set tap up')
    expect(shown('proto 66', '-4')).toBe('')
    await until(() => shown().includes(to(2).prefix) && shown('proto 66', '-4') !== '', 'both routes')
  })

  test('are waited for also when ip is killed meanwhile', async () => {
    const clock = {
      ...systemClock,
      after: (ms: number, act: () => void) => systemClock.after(ms < 10_000 ? ms : 1e8, act),
    }
    await table[Symbol.asyncDispose]()
    table = new KernelRouteTable({ processes: namespace.processes, clock, log: silentLog, events })
    await table.start()
    await table.settled()
    const pids = execFileSync('ip', ['netns', 'pids', namespace.name], { encoding: 'utf8' }).split('\n')
    const ips = pids.filter((each) => each !== '').map(Number)
    for (const pid of ips) process.kill(pid, 'SIGSTOP')
    table.set(to(2), hop('fe80::2'))
    const settled = table.settled()
    // So many that the next `ip` comes to a mark of its own where the first one had that of who waits.
    for (const number of [3, 4]) table.set(to(number), hop('fe80::2'))
    for (const pid of ips) process.kill(pid, 'SIGKILL')
    await settled
    expect(shown()).toContain(to(2).prefix)
  })

  test('are many in a moment', async () => {
    const index = indexOf('tap')
    for (let number = 2; number < 10_002; number++) table.set(to(number), hop('fe80::2', index))
    const startedMs = systemClock.monotonicMs()
    await table.settled()
    const tookMs = systemClock.monotonicMs() - startedMs
    expect(shown().split('\n')).toHaveLength(10_000)
    expect(tookMs).toBeLessThan(10_000)
  })

  test('that change for months do not make ip ever larger', async () => {
    const index = indexOf('tap')
    const largest = async () => {
      const pids = execFileSync('ip', ['netns', 'pids', namespace.name], { encoding: 'utf8' }).split('\n')
      return Math.max(...pids.filter((each) => each !== '').map((pid) => memoryMb(Number(pid), 'Anonymous')))
    }
    for (let round = 0; round < 20; round++) {
      for (let number = 2; number < 252; number++) table.set(to(number), hop(`fe80::${round + 2}`, index))
      await table.settled()
      const routes = shown()
      expect(routes.split('\n')).toHaveLength(250)
      expect(routes.split(`via fe80::${round + 2} `)).toHaveLength(251)
      expect(await largest()).toBeLessThan(12)
    }
    // After what was much, another one takes its place.
    await waitFor(async () => (await largest()) < 4, { what: 'a small ip', deadlineMs: 20_000 })
  })
})

test('what a killed predecessor left is removed, and nothing else', async () => {
  namespace.ip(`-6 route add ${to(7).prefix} via fe80::7 dev tap proto 66 metric 1020`)
  namespace.ip('-6 route add 2001:db8:43::/64 dev tap proto static')
  await table.start()
  expect(shown()).toBe('')
  expect(shown('proto static')).toContain('2001:db8:43::/64')
})

test('at the end, none is left', async () => {
  await table.start()
  table.set(to(2), hop('fe80::2'))
  await table.settled()
  await table[Symbol.asyncDispose]()
  expect(shown()).toBe('')
})
