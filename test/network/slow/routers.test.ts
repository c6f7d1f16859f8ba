import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { RouterKeys } from '../../../src/node/routing/router.ts'
import {
  addressOf,
  hasRoute,
  KEYS,
  kernelRoute,
  NO_KEYS,
  OTHER_KEY,
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
} from '../../support/routing-pair.ts'
import { pinging } from '../../support/routing-pings.ts'

/*
 * What any router does, whichever it is, and whichever its neighbour is. What is particular to one stands in
 * babeld.test.ts and re6st-router.test.ts.
 */

const ROUTERS: readonly RouterName[] = ['babeld', 're6st']

let pair: RoutingPair
let server: RoutingNode
let client: RoutingNode

const make = (of: { server: RouterName; client: RouterName }) => {
  pair = routingPair({ of })
  server = pair.server
  client = pair.client
}
afterEach(() => pair[Symbol.asyncDispose]())

/** Packets that an interface has received so far. */
const received = ({ namespace }: RoutingNode, iface: string): number =>
  Number(namespace.run('cat', `/sys/class/net/${iface}/statistics/rx_packets`))

/** Changes after which a node has no direct route to another, from a place in its changes on. */
const lossesOf = ({ changes }: RoutingNode, number: number, from: number) =>
  changes.slice(from).filter((change) => {
    if (change.kind !== 'route') return change.kind === 'restarted'
    const { prefix, refmetric, installed } = change.route
    return prefix === prefixOf(number) && refmetric === 0 && (change.change === 'flushed' || !installed)
  })

/** The usual interval: no hello may be waited for. */
const HELLO_MS = 15_000
/** Alone on a machine it takes two seconds; with babeld that tries to sign in vain, up to half a minute. */
const SOON_MS = 14_000

const PAIRS = ROUTERS.flatMap((name) => ROUTERS.map((other) => [name, other] as const))

describe.each(PAIRS)('a server with %s and a client with %s', (serverName, clientName) => {
  /** Two babelds need half a minute at the usual interval. */
  const helloIntervalMs = [serverName, clientName].includes('re6st') ? HELLO_MS : 1_000
  beforeEach(() => make({ server: serverName, client: clientName }))

  const withoutKeys = [serverName, clientName].includes('re6st') ? ([['without', NO_KEYS]] as const) : []
  test.each([['with keys', KEYS] as const, ...withoutKeys])(
    'find each other, %s, and packets flow',
    async (_, keys) => {
      await startPair(pair, { keys, helloIntervalMs })
      await routed(pair, helloIntervalMs === HELLO_MS ? SOON_MS : undefined)
      await until(() => kernelRoute(client, 1).includes('dev tap'), 'the route in the kernel')
      client.namespace.run('ping', '-6', '-c', '1', '-W', '2', '-I', addressOf(2), addressOf(1))
      server.namespace.run('ping', '-6', '-c', '1', '-W', '2', '-I', addressOf(1), addressOf(2))
      // babeld may be reading other intervals: it has no neighbour for that moment.
      await expect.poll(() => client.router.neighbours).toMatchObject([{ iface: 'tap', rxcost: 96 }])
      expect(client.changes.map(({ kind }) => kind)).toContain('neighbour')
      expect(client.changes).toContainEqual(
        expect.objectContaining({ kind: 'route', route: expect.objectContaining({ prefix: prefixOf(1) }) }),
      )
      await expect
        .poll(async () => (await client.router.explain(prefixOf(1))).candidates)
        .toMatchObject([{ iface: 'tap', reason: 'selected', feasible: true }])
      expect(await client.router.explain(prefixOf(9))).toMatchObject({ candidates: [] })
    },
  )

  test('with different keys do not', async () => {
    await server.router.addInterface('taps', 'server')
    await server.router.start(settingsOf(1), SIGNAL)
    await client.router.start(settingsOf(2, { keys: { sign: OTHER_KEY, accept: undefined } }), SIGNAL)
    await client.router.addInterface('tap', 'tunnel')
    // More than any two that agree on a key need.
    await until(() => received(client, 'tap') >= 8 && received(server, 'taps') >= 8, 'packets of the other')
    expect([hasRoute(client, 1), hasRoute(server, 2)]).toEqual([false, false])
  })

  test('one that ends retracts its routes, and leaves nothing behind', async () => {
    const picture = () => client.namespace.ip('-6 route show table all') + client.namespace.ip('-6 rule show')
    client.namespace.ip('link set tap up')
    await until(() => client.namespace.ip('-6 addr show dev tap').includes('fe80::'), 'a link-local address')
    const before = picture()
    await startPair(pair)
    await routed(pair)
    await client.router.stop()
    await client.router.stop()
    expect(picture()).toBe(before)
    await until(() => !hasRoute(server, 2), 'the retraction', 5_000)
  })
})

describe.each(ROUTERS)('two with %s', (name) => {
  beforeEach(() => make({ server: name, client: name }))

  test('lose no packet, and no route, after they have found each other', async () => {
    await startPair(pair, { helloIntervalMs: 4_000 })
    await routed(pair)
    const [atServer, atClient] = [server.changes.length, client.changes.length]
    const { sent, lost } = await pinging(client, 1, (more) => more(200))
    expect(lost, `of ${sent}`).toBe(0)
    expect(lossesOf(client, 1, atClient)).toEqual([])
    expect(lossesOf(server, 2, atServer)).toEqual([])
  })

  test('go from one key to another, one after the other, without a lost packet', async () => {
    await startPair(pair)
    await routed(pair)
    const next: RouterKeys = { sign: OTHER_KEY, accept: KEYS.sign }
    const { sent, lost } = await pinging(client, 1, async (more) => {
      await more(80) // some hellos: the new link has settled
      await client.router.setKeys(next)
      await more(6)
      await server.router.setKeys(next)
      await more(70) // three hellos, and the one after which a neighbour would be given up
    })
    expect(lost, `of ${sent}`).toBe(0)
  })

  test('that had no keys, and another hello interval, change both and go on', async () => {
    await startPair(pair, { keys: NO_KEYS })
    await routed(pair)
    const settings = { keys: KEYS, helloIntervalMs: 500 }
    await Promise.all([
      server.router.reconfigure(settingsOf(1, settings)),
      client.router.reconfigure(settingsOf(2, settings)),
    ])
    await routed(pair)
    // Whoever signs hears nothing of one that does not.
    await server.router.reconfigure(settingsOf(1, { keys: NO_KEYS }))
    await until(() => !hasRoute(client, 1), 'no route without a key')
  })

  test('another node address is announced, and the old one no more', async () => {
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
    client.namespace.ip('link set tap up')
    await client.router.addInterface('tap', 'tunnel')
    await routed(pair)
  })

  test('what was left in the kernel by one that was killed is removed at the start, and nothing else', async () => {
    const protocol = name === 'babeld' ? 'babel' : '66'
    client.namespace.ip(`-6 route add 2001:db8:42:7::/64 dev tap metric 1020 proto ${protocol}`)
    client.namespace.ip('-6 route add 2001:db8:43::/64 dev tap proto static')
    await client.router.addInterface('tap', 'server')
    await client.router.start(settingsOf(2), SIGNAL)
    expect(client.namespace.ip(`-6 route show proto ${protocol}`)).not.toContain('2001:db8:42:7::/64')
    expect(client.namespace.ip('-6 route show proto static')).toContain('2001:db8:43::/64')
  })
})
