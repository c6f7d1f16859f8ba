import { afterEach, beforeEach, describe, expect, test } from 'vitest'
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

describe('two of ours', () => {
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
    await again.start(settingsOf(2, { tunnelIfaces: [] }), SIGNAL)
    expect(inKernel()).toBe('')
    await again.addInterface('tap', 'tunnel')
    await until(
      () => again.routes.some(({ prefix, installed }) => prefix === prefixOf(1) && installed),
      'a route',
    )
    await again.stop()
  })
})
