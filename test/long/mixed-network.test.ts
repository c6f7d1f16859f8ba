import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import type { RouterKeys } from '../../src/node/routing/router.ts'
import { type Cable, MixedNetwork, type MixedNode, OUTSIDE } from '../support/mixed-network.ts'
import { addressOf, until } from '../support/routing-pair.ts'
import { pinging } from '../support/routing-pings.ts'

const NO_KEYS: RouterKeys = { sign: undefined, accept: undefined }
const OLD = new Uint8Array(16).fill(1)
const NEW = new Uint8Array(16).fill(2)
const OLD_ONLY: RouterKeys = { sign: OLD, accept: undefined }
const BOTH: RouterKeys = { sign: NEW, accept: OLD }
const NEW_ONLY: RouterKeys = { sign: NEW, accept: undefined }

/** Half a minute for each of many steps, and more on a machine that is busy. */
vi.setConfig({ testTimeout: 900_000 })

/** babeld notices after several hellos, of a second each; the machine may be slow. */
const DEADLINE_MS = 120_000

/** A ring in which each kind has each other for a neighbour, and at most three cables lie between two nodes. */
const KINDS = ['re6st', 'babeld', 'bird', 're6st', 'bird', 'babeld'] as const
const CABLES: readonly Cable[] = [
  [1, 2],
  [2, 3],
  [3, 4],
  [4, 5],
  [5, 6],
  [6, 1],
]

let network: MixedNetwork

beforeEach(() => {
  network = new MixedNetwork({ kinds: KINDS, cables: CABLES, gateways: [4, 6] })
})
afterEach(() => network[Symbol.asyncDispose]())

/** Waits until the metrics that each shows are those of the shortest ways. */
async function agreed(stopped: readonly number[] = []): Promise<void> {
  const running = network.nodes.filter(({ number }) => !stopped.includes(number))
  for (const node of running) {
    const expected = network.expectedMetrics(node.number, stopped)
    const isAgreed = () => {
      const metrics = node.metrics()
      return [...expected].every(([to, metric]) => metrics.get(to) === metric) && lacks(metrics, stopped)
    }
    try {
      await until(isAgreed, 'metrics', DEADLINE_MS)
    } catch {
      // Says what differs.
      expect([node.number, Object.fromEntries(node.metrics())]).toEqual([
        node.number,
        expect.objectContaining(Object.fromEntries(expected)),
      ])
      expect(lacks(node.metrics(), stopped)).toBe(true)
    }
  }
}

/** Whether nothing is left of nodes that do not run. */
const lacks = (metrics: ReadonlyMap<string, number>, stopped: readonly number[]) =>
  stopped.every((number) => !metrics.has(`2001:db8:42:${number}::/64 ::/0`))

/** Whether packets get from one address to another, and back. */
function answers({ namespace }: MixedNode, source: string, to: string): boolean {
  try {
    namespace.run('ping', '-n', '-c', '1', '-W', '2', '-I', source, to)
    return true
  } catch {
    return false
  }
}

/** Waits until all reach all, and the world outside: kernels follow soon after the tables. */
async function reachable(stopped: readonly number[] = []): Promise<void> {
  const running = network.nodes.filter(({ number }) => !stopped.includes(number))
  for (const from of running) {
    for (const to of running) {
      if (from === to) continue
      await until(
        () =>
          answers(from, addressOf(from.number), addressOf(to.number)) &&
          answers(from, `10.42.${from.number}.1`, `10.42.${to.number}.1`),
        `an answer of ${to.number} to ${from.number}`,
      )
    }
    await until(
      () => answers(from, addressOf(from.number), OUTSIDE),
      `an answer of a gateway to ${from.number}`,
    )
  }
}

/** babeld takes up its usual interval by looking anew at each link that has come up: until then its neighbours lose it once more. */
const CALM_MS = 5_000

/** Waits until no kernel has been told anything for a while. */
async function calm(): Promise<void> {
  const routes = () => network.nodes.map(({ namespace }) => namespace.ip('-6 route')).join()
  let known = routes()
  let sinceMs = performance.now()
  const isCalm = () => {
    const now = routes()
    if (now !== known) sinceMs = performance.now()
    known = now
    return performance.now() - sinceMs > CALM_MS
  }
  await until(isCalm, 'calm', DEADLINE_MS)
}

const start = (keys: RouterKeys) => Promise.all(network.nodes.map((node) => node.start(keys)))

describe.each([
  ['without keys', NO_KEYS],
  ['with a key', OLD_ONLY],
] as const)('ours, babeld and BIRD, %s', (_, keys) => {
  test('all reach all, metrics agree; also after a cut, and after its end', async () => {
    await start(keys)
    await agreed()
    await reachable()
    for (const cable of [CABLES[0], CABLES[2]] as const) {
      network.setCut(cable as Cable, true)
      await agreed()
      await reachable()
      network.setCut(cable as Cable, false)
      await agreed()
    }
    await reachable()
  })

  test('each is restarted while the others stay', async () => {
    await start(keys)
    await agreed()
    for (const number of [1, 2, 3]) {
      const node = network.node(number)
      await node.stop()
      await agreed([number])
      await node.start(keys)
      await agreed()
    }
    await reachable()
  })
})

test('the key changes, one node after the other, and no packet is lost', async () => {
  await start(OLD_ONLY)
  await agreed()
  await calm()
  const changed = async (kind: MixedNode['kind'], keys: RouterKeys) => {
    for (const node of network.nodes) if (node.kind === kind) await node.setKeys(keys)
  }
  const { sent, lost } = await pinging(network.node(1), 4, async (more) => {
    for (const [kind, keys] of [
      ['re6st', BOTH],
      ['bird', BOTH],
      // One that knows only one key: its neighbours know both.
      ['babeld', NEW_ONLY],
      ['re6st', NEW_ONLY],
      ['bird', NEW_ONLY],
    ] as const) {
      await changed(kind, keys)
      await more(100)
    }
  })
  expect(lost, `of ${sent}`).toBe(0)
  await agreed()
})
