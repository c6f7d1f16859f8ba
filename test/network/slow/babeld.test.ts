import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { parseLinkDefaults } from '../../../src/core/config/link-defaults.ts'
import type { Processes } from '../../../src/platform/processes.ts'
import { DamagedConversation } from '../../support/damaged-conversation.ts'
import { seededRandom } from '../../support/random.ts'
import {
  addressOf,
  babeldsOf,
  hasRoute,
  KEYS,
  kernelRoute,
  makeRouter,
  NO_KEYS,
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

let pair: RoutingPair
let server: RoutingNode
let client: RoutingNode

beforeEach(() => {
  pair = routingPair()
  server = pair.server
  client = pair.client
})
afterEach(() => pair[Symbol.asyncDispose]())

describe('babeld', () => {
  test('keeps the key from the eyes of other users', async () => {
    await startPair(pair)
    const [babeld] = babeldsOf(client)
    expect(readFileSync(`/proc/${babeld}/cmdline`, 'utf8')).not.toContain('0101')
    expect(readFileSync(join(client.directory, 'babeld.conf'), 'utf8')).toContain('0101')
    expect(statSync(join(client.directory, 'babeld.conf')).mode & 0o777).toBe(0o600)
  })

  test('goes on while keys and the hello interval change', async () => {
    await startPair(pair, { keys: NO_KEYS })
    await routed(pair)
    const before = babeldsOf(client)
    await client.router.reconfigure(settingsOf(2, { keys: KEYS, helloIntervalMs: 500 }))
    expect(babeldsOf(client)).toEqual(before)
  })

  test('routes again when somebody takes the link-local address of a tunnel away', async () => {
    await startPair(pair)
    await routed(pair)
    const linkLocal = () => client.namespace.ip('-6 addr show dev tap scope link')
    // As a tap of a tunnel is: the kernel gives it no address.
    client.namespace.ip('link set dev tap addrgenmode none')
    client.namespace.ip('-6 addr flush dev tap scope link')
    expect(linkLocal()).toBe('')
    await until(() => linkLocal().includes('fe80::'), 'another address')
    await until(() => kernelRoute(client, 1).includes('dev tap'), 'the route in the kernel')
    // One that went on speaking without an address would abort within some hellos.
    await pinging(client, 1, (more) => more(160))
    await until(() => kernelRoute(client, 1).includes('dev tap'), 'the route in the kernel, still')
  })

  test('is another one for another node address', async () => {
    await startPair(pair)
    await routed(pair)
    const [before] = babeldsOf(client)
    client.namespace.ip(`addr add ${addressOf(3)}/64 dev lo`)
    await client.router.reconfigure(settingsOf(3))
    expect(babeldsOf(client)).not.toContain(before)
    await until(() => hasRoute(server, 3), 'the new prefix')
  })
})

describe('a babeld that lives, but whose conversation', () => {
  let conversation: DamagedConversation
  beforeEach(async () => {
    conversation = new DamagedConversation()
    await pair[Symbol.asyncDispose]()
    pair = routingPair({ clientProcesses: (own) => conversation.between(own) })
    server = pair.server
    client = pair.client
    await startPair(pair)
    await routed(pair)
  })
  afterEach(() => conversation[Symbol.dispose]())

  const restarts = () => client.changes.filter(({ kind }) => kind === 'restarted').length

  test.each<[what: string, damage: () => void]>([
    ['is broken off', () => conversation.hangUp()],
    ['has an answer that nobody asked for', () => conversation.say('ok\n')],
    ['has a line without an end', () => conversation.say('x'.repeat(100_000))],
  ])('%s is begun anew, and babeld routes on', async (_, damage) => {
    const [before] = babeldsOf(client)
    const begun = conversation.count
    damage()
    await until(() => conversation.count > begun, 'another conversation')
    // What is asked of it meanwhile is not lost, and what it tells is heard.
    await client.router.setCost('tap', 'high')
    await routed(pair)
    expect(restarts()).toBe(0)
    expect(babeldsOf(client)).toEqual([before])
  })

  test('has no answers is ended, and another takes its place', async () => {
    conversation.mute()
    await client.router.setCost('tap', 'high')
    await until(() => restarts() === 1, 'the news of its end')
    await routed(pair)
    expect(babeldsOf(client)).toHaveLength(1)
  })

  test('has lines without a sense goes on', async () => {
    const [before] = babeldsOf(client)
    const random = seededRandom(1)
    for (let count = 0; count < 100; count++)
      conversation.say(`${Buffer.from(Array.from({ length: 100 }, () => 128 + random.next() * 128))}\n`)
    conversation.say('add route\nchange neighbour if\nflush interface\nadd interface x up maybe\n')
    await client.router.setCost('tap', 'high')
    await until(() => hasRoute(client, 1), 'the route')
    expect(restarts()).toBe(0)
    expect(babeldsOf(client)).toEqual([before])
  })
})

describe('a babeld that dies', () => {
  test('is started again, with its routes and tunnels', async () => {
    await startPair(pair)
    await routed(pair)
    const [babeld = 0] = babeldsOf(client)
    process.kill(babeld, 'SIGKILL')
    await until(() => client.changes.some(({ kind }) => kind === 'restarted'), 'the news of its death')
    await routed(pair)
    const kernelRoutes = () => kernelRoute(client, 1).trim().split('\n')
    await until(() => kernelRoutes().length === 1, 'nothing but the route of the new babeld')
  })

  test('knows what was added and removed while it was away', async () => {
    await startPair(pair)
    await routed(pair)
    const [babeld = 0] = babeldsOf(client)
    process.kill(babeld, 'SIGKILL')
    await until(() => client.changes.some(({ kind }) => kind === 'restarted'), 'the news of its death')
    await client.router.removeInterface('tap')
    client.namespace.ip('link set tap up')
    await client.router.addInterface('tap', 'tunnel')
    await routed(pair)
  })

  test('has its old routes removed from the kernel', async () => {
    client.namespace.ip('-6 route add 2001:db8:42:7::/64 dev tap proto babel')
    client.namespace.ip('-6 route add unreachable 2001:db8:42:8::/64 proto babel')
    client.namespace.ip('-6 route add default from 2001:db8:42::/48 dev tap proto babel')
    client.namespace.ip('-6 route add 2001:db8:43::/64 dev tap proto static')
    await client.router.addInterface('tap', 'server')
    await client.router.start(settingsOf(2), SIGNAL)
    expect(client.namespace.ip('-6 route show proto babel')).toBe('')
    expect(client.namespace.ip('-6 route show proto static')).toContain('2001:db8:43::/64')
  })
})

test('the end leaves no babeld, and no files but its log and its state', async () => {
  await startPair(pair)
  await routed(pair)
  await client.router.stop()
  expect(babeldsOf(client)).toEqual([])
  expect(readdirSync(client.directory).sort()).toEqual(
    ['babeld.log', 'babeld.state'].filter((name) => readdirSync(client.directory).includes(name)),
  )
})

test('the end of one that hangs leaves no routes behind', async () => {
  await startPair(pair)
  await routed(pair)
  for (const babeld of babeldsOf(client)) process.kill(babeld, 'SIGSTOP')
  await client.router.stop()
  expect(babeldsOf(client)).toEqual([])
  expect(client.namespace.ip('-6 route show table all proto babel')).toBe('')
})

describe('at the start', () => {
  const failing = (processes: Partial<Processes>) =>
    makeRouter({ ...client.namespace.processes, ...processes }, client.directory).start(settingsOf(2), SIGNAL)

  test('a babeld that is missing is an error that says so', async () => {
    const run: Processes['run'] = (_, args, options) =>
      client.namespace.processes.run('no-such-babeld', args, options)
    await expect(failing({ run })).rejects.toMatchObject({
      code: 'DAEMON',
      message: expect.stringContaining('is it installed?'),
    })
  })

  test('a babeld that is too old is an error that says so', async () => {
    const run: Processes['run'] = async () => ({ stdout: '', stderr: 'babeld-1.8.5\n' })
    await expect(failing({ run })).rejects.toMatchObject({
      code: 'DAEMON',
      message: 'babeld 1.8.5 is too old: 1.12 or later is needed',
    })
  })

  test('a babeld that ends at once is an error with its last words', async () => {
    const settings = settingsOf(2, { linkDefaults: parseLinkDefaults('no such option') })
    await client.router.addInterface('tap', 'server')
    await expect(client.router.start(settings, SIGNAL)).rejects.toMatchObject({
      code: 'DAEMON',
      message: expect.stringMatching(/parse configuration/),
    })
  })
})
