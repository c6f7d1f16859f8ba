import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseLinkDefaults } from '../../src/core/config/link-defaults.ts'
import type { RouterKeys } from '../../src/node/routing/router.ts'
import { RemoteRouter } from '../support/remote-router.ts'
import {
  addressOf,
  hasRoute,
  KEYS,
  kernelRoute,
  prefixOf,
  type RouterName,
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

const NO_KEYS: RouterKeys = { sign: undefined, accept: undefined }
const OTHER_KEY = new Uint8Array(16).fill(9)

let pair: RoutingPair
let server: RoutingNode
let client: RoutingNode

const make = (of: { server: RouterName; client: RouterName }) => {
  pair = routingPair({ of })
  server = pair.server
  client = pair.client
}
afterEach(() => pair[Symbol.asyncDispose]())

describe.each<[server: RouterName, client: RouterName]>([
  ['re6st', 're6st'],
  ['babeld', 're6st'],
  ['re6st', 'babeld'],
])('a server with %s and a client with %s', (serverName, clientName) => {
  beforeEach(() => make({ server: serverName, client: clientName }))

  test.each([
    ['with keys', KEYS],
    ['without', NO_KEYS],
  ] as const)('find each other at a hello interval of 15 s, %s', async (_, keys) => {
    await startPair(pair, { keys, helloIntervalMs: 15_000 })
    await routed(pair)
    await until(() => kernelRoute(client, 1).includes('dev tap'), 'the route in the kernel')
    client.namespace.run('ping', '-6', '-c', '1', '-W', '2', '-I', addressOf(2), addressOf(1))
    server.namespace.run('ping', '-6', '-c', '1', '-W', '2', '-I', addressOf(1), addressOf(2))
  })

  test('with different keys do not', async () => {
    const other = { sign: OTHER_KEY, accept: undefined }
    await server.router.start(settingsOf(1, { tunnelIfaces: ['taps'] }), SIGNAL)
    await client.router.start(settingsOf(2, { keys: other }), SIGNAL)
    await client.router.addInterface('tap', 'tunnel')
    const received = (node: RoutingNode, iface: string) =>
      Number(node.namespace.run('cat', `/sys/class/net/${iface}/statistics/rx_packets`))
    await until(() => received(client, 'tap') >= 8 && received(server, 'taps') >= 8, 'packets of the other')
    expect(hasRoute(client, 1)).toBe(false)
    expect(hasRoute(server, 2)).toBe(false)
  })

  test('one that ends retracts its routes', async () => {
    await startPair(pair)
    await routed(pair)
    await client.router.stop()
    await until(() => !hasRoute(server, 2), 'the retraction', 5_000)
    expect(kernelRoute(client, 1)).toBe('')
  })
})

describe('two of ours', () => {
  beforeEach(() => make({ server: 're6st', client: 're6st' }))

  test('go from one key to another, one after the other, without a lost packet', async () => {
    await startPair(pair)
    await routed(pair)
    const both: RouterKeys = { sign: OTHER_KEY, accept: KEYS.sign }
    const { sent, lost } = await pinging(client, 1, async (more) => {
      await more(20)
      for (const keys of [both, { sign: OTHER_KEY, accept: undefined }])
        for (const { router } of [client, server]) {
          await router.setKeys(keys)
          await more(30)
        }
    })
    expect(lost, `of ${sent}`).toBe(0)
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

  test('another node address is announced at once', async () => {
    await startPair(pair)
    await routed(pair)
    client.namespace.ip(`addr add ${addressOf(3)}/64 dev lo`)
    await client.router.reconfigure(settingsOf(3))
    await until(() => hasRoute(server, 3) && !hasRoute(server, 2), 'the new prefix')
  })

  test('an interface that is removed takes its routes along at once, and comes back', async () => {
    await startPair(pair)
    await routed(pair)
    await client.router.removeInterface('tap')
    expect(kernelRoute(client, 1)).not.toContain('dev tap')
    expect(client.router.neighbours).toEqual([])
    expect(client.router.routes).toEqual([])
    await client.router.addInterface('tap', 'tunnel')
    await routed(pair)
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
    if (router instanceof RemoteRouter) process.kill(router.pid ?? 0, 'SIGKILL')
    expect(client.namespace.ip('-6 route show proto 66')).toContain(prefixOf(1))
    const again = new RemoteRouter(client.namespace.processes)
    await again.start(settingsOf(2, { tunnelIfaces: [] }), SIGNAL)
    expect(client.namespace.ip('-6 route show proto 66')).toBe('')
    await again.addInterface('tap', 'tunnel')
    await until(
      () => again.routes.some(({ prefix, installed }) => prefix === prefixOf(1) && installed),
      'a route',
    )
    await again.stop()
  })

  test('the end leaves nothing behind', async () => {
    const picture = () => client.namespace.ip('-6 route show table all') + client.namespace.ip('-6 rule show')
    await until(() => client.namespace.ip('-6 addr show dev tap').includes('fe80::'), 'a link-local address')
    const before = picture()
    await startPair(pair)
    await routed(pair)
    await client.router.stop()
    await client.router.stop()
    expect(picture()).toBe(before)
  })
})
