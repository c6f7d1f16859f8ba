import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { waitFor } from '../../lab/wait-for.ts'
import { parseLinkDefaults } from '../../src/core/config/link-defaults.ts'
import { KernelEvents } from '../../src/node/kernel/kernel-events.ts'
import { createBabeldRouter } from '../../src/node/routing/babeld/router.ts'
import type { Router, RouterKeys, RouterSettings, RoutingChange } from '../../src/node/routing/router.ts'
import { systemClock } from '../../src/platform/clock.ts'
import type { Processes } from '../../src/platform/processes.ts'
import { joinNamespaces, makeNamespace, type Namespace } from './namespace.ts'
import { RemoteRouter } from './remote-router.ts'
import { silentEvents } from './silent-events.ts'
import { silentLog } from './silent-log.ts'

const HELLO_MS = 1_000
/** A first hello that is lost is followed by the next after 15 s, and routes by some more: with a machine that others use. */
const DEADLINE_MS = 60_000
export const KEYS: RouterKeys = { sign: new Uint8Array(16).fill(1), accept: undefined }
export const OTHER_KEY = new Uint8Array(16).fill(9)
export const NO_KEYS: RouterKeys = { sign: undefined, accept: undefined }
export const SIGNAL = new AbortController().signal

/** A node of which there is only the routing. */
export interface RoutingNode {
  readonly number: number
  readonly namespace: Namespace
  readonly directory: string
  readonly router: Router
  /** What the adapter of babeld hears of the kernel. */
  readonly events: KernelEvents
  readonly changes: RoutingChange[]
}

/** Two nodes and a cable: for `server` it is a server's interface (`taps`), for `client` a tunnel of its own (`tap`). */
export interface RoutingPair extends AsyncDisposable {
  readonly server: RoutingNode
  readonly client: RoutingNode
}

/** Which router: babeld by its adapter, or our own. */
export type RouterName = 'babeld' | 're6st'

interface PairInit {
  readonly of?: { readonly server: RouterName; readonly client: RouterName }
  /** What runs the client's babeld, given what runs programs there. */
  readonly clientProcesses?: (own: Processes) => Processes
}

/** Makes both; nothing runs yet. */
export function routingPair({
  of = { server: 'babeld', client: 'babeld' },
  clientProcesses = (own) => own,
}: PairInit = {}): RoutingPair {
  const root = mkdtempSync(join(tmpdir(), 're6st-babeld-'))
  const server = makeNode(root, 1, of.server)
  const client = makeNode(root, 2, of.client, clientProcesses)
  joinNamespaces(server.namespace, 'taps', client.namespace, 'tap')
  return {
    server,
    client,
    async [Symbol.asyncDispose]() {
      await Promise.all([server, client].map(({ router }) => router.stop()))
      await Promise.all([server, client].map(({ events }) => events[Symbol.asyncDispose]()))
      for (const { namespace } of [server, client]) namespace[Symbol.dispose]()
      rmSync(root, { recursive: true })
    },
  }
}

function makeNode(
  root: string,
  number: number,
  name: RouterName,
  processesOf = (own: Processes) => own,
): RoutingNode {
  const namespace = makeNamespace('babeld')
  namespace.run('sysctl', '-qw', 'net.ipv6.conf.all.forwarding=1')
  namespace.ip(`addr add ${addressOf(number)}/64 dev lo`)
  namespace.ip('-6 route add unreachable 2001:db8:42::/48')
  const directory = join(root, String(number))
  mkdirSync(directory)
  const processes = processesOf(namespace.processes)
  const events = new KernelEvents({ processes: namespace.processes, clock: systemClock, log: silentLog })
  if (name === 'babeld') events.start()
  const router = name === 'babeld' ? makeRouter(processes, directory, events) : new RemoteRouter(processes)
  const changes: RoutingChange[] = []
  router.watch((change) => changes.push(change))
  return { number, namespace, directory, router, events, changes }
}

/** A router whose babeld runs like this. */
export const makeRouter = (
  processes: Processes,
  directory: string,
  events: Pick<KernelEvents, 'watch'> = silentEvents,
): Router =>
  createBabeldRouter({
    processes,
    clock: systemClock,
    log: silentLog,
    events,
    runDirectory: directory,
    logDirectory: directory,
    stateDirectory: directory,
    extraArguments: [],
  })

/** Address of the node with this number. */
export const addressOf = (number: number) => `2001:db8:42:${number}::1`
/** Subnet of the node with this number. */
export const prefixOf = (number: number) => `2001:db8:42:${number}::/64`

/** What its router is started with. */
export const settingsOf = (number: number, more: Partial<RouterSettings> = {}): RouterSettings => ({
  nodeCidr: `${addressOf(number)}/64`,
  networkCidr: '2001:db8:42::/48',
  nodeAddress: addressOf(number),
  ipv4: undefined,
  defaultRoute: 'take-for-network',
  helloIntervalMs: HELLO_MS,
  linkDefaults: parseLinkDefaults('type tunnel max-rtt-penalty 5000 rtt-max 500 rtt-decay 125'),
  keys: KEYS,
  sourceSpecific: true,
  ...more,
})

/** Starts both, with the client's tunnel. */
export async function startPair(
  { server, client }: RoutingPair,
  more: Partial<RouterSettings> = {},
): Promise<void> {
  await server.router.addInterface('taps', 'server')
  await server.router.start(settingsOf(1, more), SIGNAL)
  await client.router.start(settingsOf(2, more), SIGNAL)
  await client.router.addInterface('tap', 'tunnel')
}

/** Whether a node has a direct route to the subnet of another. */
export const hasRoute = ({ router }: RoutingNode, number: number): boolean =>
  router.routes.some(
    ({ prefix, installed, refmetric }) => prefix === prefixOf(number) && installed && refmetric === 0,
  )

/** What the kernel has for the subnet of a node. */
export const kernelRoute = ({ namespace }: RoutingNode, number: number): string =>
  namespace.ip(`-6 route show ${prefixOf(number)}`)

/** Waits for a condition. Some start a program for each look, while what is waited for needs this very process. */
export async function until(condition: () => boolean, what: string, deadlineMs = DEADLINE_MS): Promise<void> {
  await waitFor(condition, { what, deadlineMs })
}

/** Waits until each has a route to the other. */
export const routed = ({ server, client }: RoutingPair, deadlineMs?: number): Promise<void> =>
  until(() => hasRoute(client, 1) && hasRoute(server, 2), 'routes on both sides', deadlineMs)

/** Process ids of the babelds of a node. */
export const babeldsOf = ({ namespace }: RoutingNode): readonly number[] =>
  execFileSync('ip', ['netns', 'pids', namespace.name], { encoding: 'utf8' })
    .split('\n')
    .filter((pid) => pid !== '' && readFileSync(`/proc/${pid}/comm`, 'utf8').trim() === 'babeld')
    .map(Number)
