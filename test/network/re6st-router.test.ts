import { readFileSync } from 'node:fs'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import { parseLinkDefaults } from '../../src/core/config/link-defaults.ts'
import { RemoteRouter } from '../support/remote-router.ts'
import {
  hasRoute,
  KEYS,
  NO_KEYS,
  prefixOf,
  type RoutingNode,
  type RoutingPair,
  routed,
  routingPair,
  SIGNAL,
  settingsOf,
  startPair,
  until,
} from '../support/routing-pair.ts'
import { pinging } from '../support/routing-pings.ts'

let pair: RoutingPair
let server: RoutingNode
let client: RoutingNode

beforeEach(() => {
  pair = routingPair({ of: { server: 're6st', client: 're6st' } })
  server = pair.server
  client = pair.client
})
afterEach(() => pair[Symbol.asyncDispose]())

/** Sends garbage to the others on the link, as fast as it can, from the port of Babel and from another one. */
const GARBAGE = `
const { createSocket } = require('node:dgram')
const sockets = [6696, 16696].map((port) => {
  const socket = createSocket({ type: 'udp6', reuseAddr: true })
  socket.bind({ port, address: process.argv[1] + '%taps' }, () => socket.setMulticastInterface('::%taps'))
  return socket
})
const packets = [
  [], [42], [42, 2, 0, 0], [42, 2, 0, 200, 8, 1], [1, 2, 0, 0], Array.from({ length: 1000 }, (_, at) => (at * 7919) & 255),
  [42, 2, 0, 8, 4, 6, 0, 0, 0, 1, 3, 232],
].map((octets) => Uint8Array.from(octets))
let sent = 0
const more = () => {
  for (let each = 0; each < 50; each++, sent++)
    sockets[sent & 1].send(packets[sent % packets.length], 6696, 'ff02::1:6%taps', () => {})
  if (sent < 20000) setTimeout(more, 5)
  else { console.log('sent'); for (const socket of sockets) socket.close() }
}
setTimeout(more, 100)`

/** Says hello, as a router does, from an address that is not of the link. */
const GLOBAL = '2001:db8:9::1'
const STRANGER = `
const socket = require('node:dgram').createSocket({ type: 'udp6', reuseAddr: true })
const hello = Uint8Array.of(42, 2, 0, 8, 4, 6, 0, 0, 0, 1, 3, 232)
socket.bind({ port: 6696, address: '${GLOBAL}' }, () => {
  socket.setMulticastInterface('::%taps')
  setInterval(() => socket.send(hello, 6696, 'ff02::1:6%taps', () => {}), 50)
})`

const linkLocalOf = ({ namespace }: RoutingNode, iface: string): string =>
  /inet6 (fe80::[0-9a-f:]+)\/64/.exec(namespace.ip(`addr show dev ${iface}`))?.[1] ?? ''

const memoryMb = (pid: number | undefined): number =>
  Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024

describe('two of ours', () => {
  test('speak to the link alone, and hear nobody who is not on it (RFC 8966, 4)', async () => {
    server.namespace.ip(`addr add ${GLOBAL}/64 dev taps nodad`)
    for (const line of [
      'add table inet heard',
      'add chain inet heard arriving { type filter hook prerouting priority raw; }',
      'add rule inet heard arriving udp dport 6696 ip6 saddr fe80::/10 ip6 hoplimit 1 counter comment "near"',
      'add rule inet heard arriving udp dport 6696 ip6 saddr fe80::/10 ip6 hoplimit != 1 counter comment "far"',
      `add rule inet heard arriving udp dport 6696 ip6 saddr ${GLOBAL} counter comment "stranger"`,
    ])
      client.namespace.run('nft', line)
    const heard = (what: string) => {
      const rules = client.namespace.run('nft', 'list', 'chain', 'inet', 'heard', 'arriving')
      return Number(new RegExp(`packets (\\d+) .*"${what}"`).exec(rules)?.[1])
    }
    await startPair(pair, { keys: NO_KEYS })
    server.namespace.processes.start(process.execPath, ['-e', STRANGER])
    await routed(pair)
    // To all, and to one alone, who is asked for routes and acknowledges them.
    await until(() => heard('stranger') >= 5 && heard('near') >= 5, 'packets of both')
    expect(client.router.neighbours.map(({ address }) => address)).toEqual([linkLocalOf(server, 'taps')])
    expect(heard('far')).toBe(0)
  })

  test('know how long their link takes, though the loop of one is busy half of the time', async () => {
    await startPair(pair, { helloIntervalMs: 200 })
    await routed(pair)
    const router = client.router as RemoteRouter
    await router.occupy(100)
    const looked: number[] = []
    const look = () => {
      for (const { rttMs } of [...server.router.neighbours, ...client.router.neighbours])
        if (rttMs !== undefined) looked.push(rttMs)
      return looked.length > 500
    }
    await waitFor(look, { what: 'many hellos', deadlineMs: 60_000, intervalMs: 20 })
    // Busy for 100 ms, an average that took it in would be some 50 ms.
    expect(Math.max(...looked)).toBeLessThan(20)
    expect(server.router.neighbours).toHaveLength(1)
  })

  test('do not lose each other over 20,000 packets of garbage, of which one line is written for each kind', async () => {
    await startPair(pair)
    await routed(pair)
    const router = client.router as RemoteRouter
    const before = memoryMb(router.pid)
    const lines: string[] = []
    server.namespace.processes.start(process.execPath, ['-e', GARBAGE, linkLocalOf(server, 'taps')], {
      onLine: (line) => lines.push(line),
    })
    const { lost } = await pinging(client, 1, async (more) => {
      await until(() => lines.includes('sent'), 'all of it')
      await more(20)
    })
    expect(lost).toBe(0)
    const ignored = router.lines.filter((line) => line.includes('a packet of Babel is ignored'))
    expect(ignored.length).toBeGreaterThan(0)
    const reasons = new Set(ignored.map((line) => /reason=("[^"]*"|\S+)/.exec(line)?.[1]))
    expect(ignored.length, ignored.join('\n')).toBe(reasons.size)
    expect(reasons.size).toBeLessThan(10)
    expect(
      client.changes.filter(
        ({ kind, ...of }) => kind === 'neighbour' && 'change' in of && of.change === 'flushed',
      ),
    ).toEqual([])
    expect(memoryMb(router.pid) - before).toBeLessThan(40)
  })

  test('stop within a second, also when the other one does not answer any more', async () => {
    await startPair(pair)
    await routed(pair)
    const { pid = 0 } = server.router as RemoteRouter
    process.kill(pid, 'SIGSTOP')
    const beganMs = performance.now()
    await client.router.stop()
    const tookMs = performance.now() - beganMs
    process.kill(pid, 'SIGCONT')
    expect(tookMs).toBeGreaterThan(500)
    expect(tookMs).toBeLessThan(2_000)
  })

  test('that had no keys get them, and go on', async () => {
    await startPair(pair, { keys: NO_KEYS })
    await routed(pair)
    for (const keys of [{ ...KEYS, accept: 'anything' as const }, KEYS])
      for (const { router } of [client, server]) await router.setKeys(keys)
    await client.router.reconfigure(settingsOf(3))
    await until(() => hasRoute(server, 3), 'what was said with a MAC')
  })

  test('change the hello interval and costs without a lost packet', async () => {
    await startPair(pair)
    await routed(pair)
    const { sent, lost } = await pinging(client, 1, async (more) => {
      await more(10)
      const linkDefaults = parseLinkDefaults('rxcost 200')
      await client.router.reconfigure(settingsOf(2, { helloIntervalMs: 500, linkDefaults }))
      await until(() => server.router.neighbours[0]?.txcost === 200, 'the new cost')
      await more(20)
    })
    expect(lost, `of ${sent}`).toBe(0)
  })

  test('one that gets an IPv4 address sends from it also to whom it knew before', async () => {
    const ipv4Of = (number: number) => ({
      subnet: `10.42.${number}.0/24`,
      address: `10.42.${number}.1`,
    })
    await startPair(pair)
    await routed(pair)
    await server.router.reconfigure(settingsOf(1, { ipv4: ipv4Of(1) }))
    const route = () => client.namespace.ip('-4 route show 10.42.1.0/24')
    await until(() => route().includes('dev tap'), 'a route to the other')
    expect(route()).not.toContain('src')
    client.namespace.ip('addr add 10.42.2.1/24 dev lo')
    await client.router.reconfigure(settingsOf(2, { ipv4: ipv4Of(2) }))
    await until(() => route().includes('src 10.42.2.1'), 'our address as source')
  })

  test('an interface that goes down and comes back is used again', async () => {
    await startPair(pair)
    await routed(pair)
    client.namespace.ip('link set tap down')
    await until(() => !hasRoute(client, 1), 'the end of the route')
    client.namespace.ip('link set tap up')
    await routed(pair)
  })

  test('one that was killed comes back, and what it left in the kernel is gone', async () => {
    await startPair(pair)
    await routed(pair)
    const { router } = client
    const inKernel = () => client.namespace.ip('-6 route show proto 66')
    await until(() => inKernel().includes(prefixOf(1)), 'a route in the kernel')
    if (router instanceof RemoteRouter) process.kill(router.pid ?? 0, 'SIGKILL')
    expect(inKernel()).toContain(prefixOf(1))
    const again = new RemoteRouter(client.namespace.processes)
    await again.start(settingsOf(2), SIGNAL)
    expect(inKernel()).toBe('')
    await again.addInterface('tap', 'tunnel')
    await until(
      () => again.routes.some(({ prefix, installed }) => prefix === prefixOf(1) && installed),
      'a route',
    )
    await again.stop()
  })
})
