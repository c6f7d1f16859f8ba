import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createBabeldRouter } from '../../src/node/routing/babeld-router.ts'
import type { Router, RouterKeys, RouterSettings, RoutingChange } from '../../src/node/routing/router.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { silentLog } from '../../src/platform/log.ts'
import type { Processes } from '../../src/platform/processes.ts'
import { joinNamespaces, makeNamespace, type Namespace } from '../support/namespace.ts'

/** Two nodes and a cable: for `server` it is a server's interface, for `client` a tunnel of its own. */
const HELLO_MS = 1_000
const DEADLINE_MS = 30_000
const KEYS: RouterKeys = { sign: new Uint8Array(16).fill(1), accept: undefined }
const NO_KEYS: RouterKeys = { sign: undefined, accept: undefined }
const SIGNAL = new AbortController().signal

interface Node {
  readonly number: number
  readonly namespace: Namespace
  readonly directory: string
  readonly router: Router
  readonly changes: RoutingChange[]
}

let root: string
let server: Node
let client: Node

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 're6st-babeld-'))
  server = makeNode(1)
  client = makeNode(2)
  joinNamespaces(server.namespace, 'taps', client.namespace, 'tap')
})

afterEach(async () => {
  await Promise.all([server, client].map(({ router }) => router.stop()))
  for (const { namespace } of [server, client]) namespace[Symbol.dispose]()
  rmSync(root, { recursive: true })
})

function makeNode(number: number, processes?: Processes): Node {
  const namespace = makeNamespace('babeld')
  namespace.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
  namespace.ip(`addr add ${addressOf(number)}/64 dev lo`)
  namespace.ip('-6 route add unreachable 2001:db8:42::/48')
  const directory = join(root, String(number))
  mkdirSync(directory)
  const router = makeRouter(processes ?? namespace.processes, directory)
  const changes: RoutingChange[] = []
  router.watch((change) => changes.push(change))
  return { number, namespace, directory, router, changes }
}

const makeRouter = (processes: Processes, directory: string): Router =>
  createBabeldRouter({
    processes,
    clock: systemClock,
    log: silentLog,
    runDirectory: directory,
    logDirectory: directory,
    stateDirectory: directory,
    extraArguments: [],
  })

const addressOf = (number: number) => `2001:db8:42:${number}::1`
const prefixOf = (number: number) => `2001:db8:42:${number}::/64`

const settingsOf = (number: number, more: Partial<RouterSettings> = {}): RouterSettings => ({
  nodeCidr: `${addressOf(number)}/64`,
  networkCidr: '2001:db8:42::/48',
  nodeAddress: addressOf(number),
  ipv4: undefined,
  defaultRoute: 'take-for-network',
  helloIntervalMs: HELLO_MS,
  interfaceDefaults: 'type tunnel max-rtt-penalty 5000 rtt-max 500 rtt-decay 125',
  keys: KEYS,
  sourceSpecific: true,
  tunnelIfaces: [],
  lanIfaces: [],
  ...more,
})

async function start(more: Partial<RouterSettings> = {}): Promise<void> {
  await server.router.start(settingsOf(1, { ...more, tunnelIfaces: ['taps'] }), SIGNAL)
  await client.router.start(settingsOf(2, more), SIGNAL)
  await client.router.addInterface('tap', 'tunnel')
}

const hasRoute = ({ router }: Node, number: number): boolean =>
  router.routes.some(
    ({ prefix, installed, refmetric }) => prefix === prefixOf(number) && installed && refmetric === 0,
  )

const kernelRoute = ({ namespace }: Node, number: number): string =>
  namespace.ip(`-6 route show ${prefixOf(number)}`)

async function until(condition: () => boolean, what: string, deadlineMs = DEADLINE_MS): Promise<void> {
  const end = Date.now() + deadlineMs
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not in ${deadlineMs} ms: ${what}`)
    await systemClock.sleep(20)
  }
}

const routed = () => until(() => hasRoute(client, 1) && hasRoute(server, 2), 'routes on both sides')

/** Sends a packet each 50 ms while something happens; how many were sent and how many answered. */
async function pinging(
  from: Node,
  to: number,
  happens: () => Promise<void>,
): Promise<{ sent: number; lost: number }> {
  let output = ''
  const ping = from.namespace.processes.start('ping', ['-6', '-n', '-i', '0.05', addressOf(to)], {
    onLine: (line) => {
      output += `${line}\n`
    },
  })
  await until(() => output.includes('bytes from'), 'an answer')
  await happens()
  ping.signal('SIGINT')
  await ping.ended
  const [, sent = '', received = ''] = /(\d+) packets transmitted, (\d+) received/.exec(output) ?? []
  return { sent: Number(sent), lost: Number(sent) - Number(received) }
}

const babeldsOf = ({ namespace }: Node): readonly number[] =>
  execFileSync('ip', ['netns', 'pids', namespace.name], { encoding: 'utf8' })
    .split('\n')
    .filter((pid) => pid !== '' && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'babeld')
    .map(Number)

describe('two nodes', () => {
  test('find each other, and packets flow', async () => {
    await start()
    await routed()
    await until(() => kernelRoute(client, 1).includes('dev tap proto babel'), 'the route in the kernel')
    expect(client.router.neighbours).toMatchObject([{ iface: 'tap', rxcost: 96 }])
    client.namespace.run('ping', '-6', '-c', '1', '-W', '2', addressOf(1))
    server.namespace.run('ping', '-6', '-c', '1', '-W', '2', '-I', addressOf(1), addressOf(2))
    expect(client.changes.map(({ kind }) => kind)).toContain('neighbour')
    expect(client.changes).toContainEqual(
      expect.objectContaining({ kind: 'route', route: expect.objectContaining({ prefix: prefixOf(1) }) }),
    )
  })

  test('lose no packet, and no route, after they have found each other', async () => {
    await start({ helloIntervalMs: 4_000 })
    await routed()
    const { sent, lost } = await pinging(client, 1, async () => {
      const end = Date.now() + 10_000
      while (Date.now() < end) {
        expect(hasRoute(client, 1), 'route of the client').toBe(true)
        expect(hasRoute(server, 2), 'route of the server').toBe(true)
        await systemClock.sleep(20)
      }
    })
    expect(lost, `of ${sent}`).toBe(0)
  })

  test('keep the key from the eyes of other users', async () => {
    await start()
    const [babeld] = babeldsOf(client)
    expect(readFileSync(`/proc/${babeld}/cmdline`, 'utf8')).not.toContain('0101')
    expect(readFileSync(join(client.directory, 'babeld.conf'), 'utf8')).toContain('0101')
    expect(statSync(join(client.directory, 'babeld.conf')).mode & 0o777).toBe(0o600)
  })

  test('with different keys do not find each other', async () => {
    await server.router.start(settingsOf(1, { tunnelIfaces: ['taps'] }), SIGNAL)
    await client.router.start(
      settingsOf(2, { keys: { sign: new Uint8Array(16).fill(2), accept: undefined } }),
      SIGNAL,
    )
    await client.router.addInterface('tap', 'tunnel')
    await systemClock.sleep(4_000)
    expect(client.router.neighbours).toEqual([])
    expect(server.router.neighbours).toEqual([])
  })
})

describe('while it runs', () => {
  test('a key changes on both sides without a lost packet', async () => {
    await start()
    await routed()
    await systemClock.sleep(4_000) // the new link has settled
    const next: RouterKeys = { sign: new Uint8Array(16).fill(9), accept: KEYS.sign }
    const { sent, lost } = await pinging(client, 1, async () => {
      await client.router.setKeys(next)
      await systemClock.sleep(300)
      await server.router.setKeys(next)
      await systemClock.sleep(3_500)
    })
    expect(sent).toBeGreaterThan(50)
    expect(lost).toBe(0)
  })

  test('an interface that is removed takes its routes along at once', async () => {
    await start()
    await routed()
    await client.router.removeInterface('tap')
    expect(kernelRoute(client, 1)).toBe('')
    expect(client.router.neighbours).toEqual([])
    expect(client.router.routes).toEqual([])
    client.namespace.ip('link set tap up')
    await client.router.addInterface('tap', 'tunnel')
    await routed()
  })

  test('authentication and the hello interval change one interface after the other', async () => {
    await start({ keys: NO_KEYS })
    await routed()
    const settings = { keys: KEYS, helloIntervalMs: 500 }
    await Promise.all([
      server.router.reconfigure(settingsOf(1, { ...settings, tunnelIfaces: ['taps'] })),
      client.router.reconfigure(settingsOf(2, settings)),
    ])
    await routed()
    expect(babeldsOf(client)).toHaveLength(1)
    // A babeld that signs hears nothing of one that does not.
    await server.router.reconfigure(settingsOf(1, { keys: NO_KEYS, tunnelIfaces: ['taps'] }))
    await until(() => !hasRoute(client, 1), 'no route without a key')
  })

  test('another node address needs another babeld', async () => {
    await start()
    await routed()
    const [before] = babeldsOf(client)
    client.namespace.ip(`addr add ${addressOf(3)}/64 dev lo`)
    await client.router.reconfigure(settingsOf(3))
    expect(babeldsOf(client)).not.toContain(before)
    await until(() => hasRoute(server, 3), 'the new prefix')
  })
})

describe('a babeld that dies', () => {
  test('is started again, with its routes and tunnels', async () => {
    await start()
    await routed()
    const [babeld = 0] = babeldsOf(client)
    process.kill(babeld, 'SIGKILL')
    await until(() => client.changes.some(({ kind }) => kind === 'restarted'), 'the news of its death')
    await routed()
    const kernelRoutes = () => kernelRoute(client, 1).trim().split('\n')
    await until(() => kernelRoutes().length === 1, 'nothing but the route of the new babeld')
  })

  test('knows what was added and removed while it was away', async () => {
    await start()
    await routed()
    const [babeld = 0] = babeldsOf(client)
    process.kill(babeld, 'SIGKILL')
    await until(() => client.changes.some(({ kind }) => kind === 'restarted'), 'the news of its death')
    await client.router.removeInterface('tap')
    client.namespace.ip('link set tap up')
    await client.router.addInterface('tap', 'tunnel')
    await routed()
  })

  test('has its old routes removed from the kernel', async () => {
    client.namespace.ip('-6 route add 2001:db8:42:7::/64 dev tap proto babel')
    client.namespace.ip('-6 route add unreachable 2001:db8:42:8::/64 proto babel')
    client.namespace.ip('-6 route add default from 2001:db8:42::/48 dev tap proto babel')
    client.namespace.ip('-6 route add 2001:db8:43::/64 dev tap proto static')
    await client.router.start(settingsOf(2, { tunnelIfaces: ['tap'] }), SIGNAL)
    expect(client.namespace.ip('-6 route show proto babel')).toBe('')
    expect(client.namespace.ip('-6 route show proto static')).toContain('2001:db8:43::/64')
  })
})

test('the end retracts the routes and leaves nothing behind', async () => {
  const picture = () => client.namespace.ip('-6 route show table all') + client.namespace.ip('-6 rule show')
  client.namespace.ip('link set tap up')
  await until(() => client.namespace.ip('-6 addr show dev tap').includes('fe80::'), 'a link-local address')
  const before = picture()
  await start()
  await routed()
  await client.router.stop()
  await client.router.stop()
  expect(picture()).toBe(before)
  expect(babeldsOf(client)).toEqual([])
  expect(readdirSync(client.directory).sort()).toEqual(
    ['babeld.log', 'babeld.state'].filter((name) => readdirSync(client.directory).includes(name)),
  )
  await until(() => !hasRoute(server, 2), 'the retraction', 2_000)
})

test('the end of one that hangs leaves no routes behind', async () => {
  await start()
  await routed()
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
    const settings = settingsOf(2, { interfaceDefaults: 'no such option', tunnelIfaces: ['tap'] })
    await expect(client.router.start(settings, SIGNAL)).rejects.toMatchObject({
      code: 'DAEMON',
      message: expect.stringMatching(/parse configuration/),
    })
  })
})
