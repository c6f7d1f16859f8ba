import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  decodeMulticastMessage,
  digestOf,
  EMPTY_STATE,
  encodeMulticastState,
  encodeReceipt,
} from '../../../../src/core/multicast/state-message.ts'
import {
  networkOfBits,
  nodeAddress,
  type Prefix,
  prefixOfBits,
  subnetCidr,
} from '../../../../src/core/values/prefix.ts'
import { MulticastRouter } from '../../../../src/node/multicast/multicast-router.ts'
import type { Clock } from '../../../../src/platform/clock.ts'
import type { Processes } from '../../../../src/platform/processes.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

const NETWORK = networkOfBits('001000000000000100001101101110000000000001000010')
const [A, B] = ['0000000000000001', '0000000000000010'].map(prefixOfBits) as [Prefix, Prefix]
const REFRESH_MS = 30_000

/** Of a machine without smcrouted. */
const processes: Processes = {
  start: () => {
    throw new Error('nothing is started')
  },
  run: () => Promise.reject(new Error('spawn smcrouted ENOENT')),
}

let directory: string
const nodes = new Map<Prefix, MulticastRouter>()

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'multicast-'))
})
afterEach(async () => {
  for (const node of nodes.values()) await node[Symbol.asyncDispose]()
  nodes.clear()
  rmSync(directory, { recursive: true })
})

/** Two nodes that are neighbours, what they say to each other, and a link that loses all of it, or nothing. */
function neighbours() {
  const clock = steppedClock()
  const made = {
    clock,
    isLost: false,
    /** What was said, and whether it arrived. */
    said: [] as { from: Prefix; kind: string; isLost: boolean }[],
    start(own: Prefix): void {
      const other = own === A ? B : A
      const routes = [
        { prefix: subnetCidr(NETWORK, other), from: '::/0', installed: true, metric: 96, refmetric: 0 },
      ].map((route) => ({ ...route, via: 'fe80::1', iface: 'eth0', routerId: '' }))
      const node = new MulticastRouter({
        ...{ processes, clock, log: silentLog, runDirectory: directory, network: NETWORK, own },
        ...{ memberIfaces: [], lanIfaces: ['eth0'], serverIfaces: [] },
        router: { routes, watch: () => ({ [Symbol.dispose]: () => {} }) },
        send: (peer, bytes) => {
          if (nodes.get(own) !== node) return
          const message = decodeMulticastMessage(bytes)
          const isLost = made.isLost || !nodes.has(peer)
          made.said.push({ from: own, kind: message.ok ? message.value.kind : message.reason, isLost })
          if (!isLost) clock.after(5, () => nodes.get(peer)?.receive(own, bytes))
        },
      })
      nodes.set(own, node)
    },
    /** How many states of a node have arrived. */
    statesOf: (from: Prefix) =>
      made.said.filter((each) => each.from === from && each.kind === 'state' && !each.isLost).length,
  }
  return made
}

describe('two neighbours', () => {
  it('tell each other their states, and nothing more until they do so again', async () => {
    const { clock, said, start } = neighbours()
    start(A)
    start(B)
    await clock.pass(3_000)
    for (const from of [A, B])
      expect(said.filter((each) => each.from === from).map(({ kind }) => kind)).toContain('receipt')
    const before = said.length
    await clock.pass(REFRESH_MS - 4_000)
    expect(said).toHaveLength(before)
    await clock.pass(2_000)
    expect(said.slice(before).map(({ kind }) => kind)).toEqual(['state', 'state', 'receipt', 'receipt'])
  })

  it('have the states of each other soon after one can reach the other, long before they say them anew', async () => {
    const made = neighbours()
    made.isLost = true
    made.start(A)
    made.start(B)
    await made.clock.pass(6_000)
    expect([made.statesOf(A), made.statesOf(B)]).toEqual([0, 0])
    made.isLost = false
    await made.clock.pass(4_000)
    expect(made.statesOf(A)).toBeGreaterThan(0)
    expect(made.statesOf(B)).toBeGreaterThan(0)
  })

  it('have the states of each other soon after one did not listen yet', async () => {
    const { clock, start, statesOf } = neighbours()
    start(A)
    await clock.pass(6_000)
    start(B)
    await clock.pass(2_000)
    expect([statesOf(A), statesOf(B)]).not.toContain(0)
  })

  it('have the states of each other soon after one was started again', async () => {
    const { clock, start, statesOf } = neighbours()
    start(A)
    start(B)
    await clock.pass(5_000)
    const killed = nodes.get(B)
    start(B)
    const before = statesOf(A)
    await clock.pass(3_000)
    expect(statesOf(A)).toBeGreaterThan(before)
    await killed?.[Symbol.asyncDispose]()
  })
})

it('what a neighbour says again is no news for others, whoever has said something last', async () => {
  const clock = steppedClock()
  const peers = ['01', '10', '11'].map((end) => prefixOfBits(`00000000000000${end}`))
  const [first, second, third] = peers as [Prefix, Prefix, Prefix]
  const routes = peers.map((peer, at) => ({
    ...{ prefix: subnetCidr(NETWORK, peer), from: '::/0', installed: true, metric: 96, refmetric: 0 },
    ...{ via: `fe80::${at + 1}`, iface: `re6stnet${at + 1}`, routerId: '' },
  }))
  const told: Prefix[] = []
  await using node = new MulticastRouter({
    ...{ processes, clock, log: silentLog, runDirectory: directory, network: NETWORK },
    ...{ own: prefixOfBits('0000000000000100'), memberIfaces: [], lanIfaces: [], serverIfaces: [] },
    router: { routes, watch: () => ({ [Symbol.dispose]: () => {} }) },
    send: (peer, bytes) => {
      const message = decodeMulticastMessage(bytes)
      if (!message.ok || message.value.kind !== 'state') return
      told.push(peer)
      node.receive(peer, encodeReceipt(digestOf(bytes)))
    },
  })
  const says = (peer: Prefix) =>
    node.receive(
      peer,
      encodeMulticastState({
        joins: [],
        sources: [{ source: nodeAddress(NETWORK, peer), group: 'ff0e::1' }],
      }),
    )
  for (const peer of peers) says(peer)
  await clock.pass(3_000)
  told.length = 0
  for (const peer of [first, second, first, third, second]) {
    says(peer)
    await clock.pass(1_000)
  }
  expect(told).toEqual([])
})

it('the states of the 2,000 nodes that spoke last are kept, and of no more', async () => {
  const clock = steppedClock()
  const told: string[] = []
  const routes = [
    { prefix: subnetCidr(NETWORK, B), from: '::/0', installed: true, metric: 96, refmetric: 0 },
  ].map((route) => ({ ...route, via: 'fe80::1', iface: 'eth0', routerId: '' }))
  await using node = new MulticastRouter({
    ...{ processes, clock, log: silentLog, runDirectory: directory, network: NETWORK, own: A },
    ...{ memberIfaces: [], lanIfaces: ['eth0'], serverIfaces: [] },
    router: { routes, watch: () => ({ [Symbol.dispose]: () => {} }) },
    send: (peer, bytes) => {
      const message = decodeMulticastMessage(bytes)
      if (peer !== B || !message.ok || message.value.kind !== 'state') return
      told.push(message.value.kind)
      node.receive(B, encodeReceipt(digestOf(bytes)))
    },
  })
  const strangers = (count: number) => {
    for (let number = 0; number < count; number++)
      node.receive(
        prefixOfBits((1_000 + number).toString(2).padStart(16, '0')),
        encodeMulticastState(EMPTY_STATE),
      )
  }
  /** Whether it counts as one of whom nothing was known: then it is told again what it may have missed. */
  const isNewWhenItSpeaks = async () => {
    told.length = 0
    node.receive(B, encodeMulticastState(EMPTY_STATE))
    await clock.pass(1_000)
    return told.length > 0
  }
  await clock.pass(1_000)
  expect(await isNewWhenItSpeaks()).toBe(true)
  strangers(1_999)
  expect(await isNewWhenItSpeaks()).toBe(false)
  strangers(2_000)
  expect(await isNewWhenItSpeaks()).toBe(true)
})

it('takes a tenth of the time at most, however often a neighbour says something else', async () => {
  const stepped = steppedClock()
  // As with hundreds of thousands of routes.
  const READING_MS = 200
  let reads = 0
  const clock: Clock = { ...stepped, monotonicMs: () => stepped.monotonicMs() + reads * READING_MS }
  await using node = new MulticastRouter({
    ...{ processes, clock, log: silentLog, runDirectory: directory, network: NETWORK, own: A },
    ...{ memberIfaces: [], lanIfaces: ['eth0'], serverIfaces: [], send: () => {} },
    router: {
      get routes() {
        reads++
        return []
      },
      watch: () => ({ [Symbol.dispose]: () => {} }),
    },
  })
  for (let time = 0; time < 100; time++) {
    const source = nodeAddress(NETWORK, B)
    node.receive(B, encodeMulticastState({ joins: [], sources: [{ source, group: `ff0e::${time}` }] }))
    await stepped.pass(100)
  }
  // Ten seconds, of which each reading takes one fifth, and makes it rest for nine.
  expect(reads).toBeGreaterThan(3)
  expect(reads).toBeLessThan(8)
})

it('a neighbour that says nothing is told some times, and then as often as all', async () => {
  const { clock, said, start } = neighbours()
  start(A)
  await clock.pass(2 * REFRESH_MS)
  expect(said.filter(({ kind }) => kind === 'state').length).toBeLessThan(10)
  const before = said.length
  await clock.pass(4 * REFRESH_MS)
  expect(said.slice(before).map(({ kind }) => kind)).toEqual(['state', 'state', 'state', 'state'])
})

it('one that ends tells its neighbours that it wants nothing', async () => {
  const { clock, said, start } = neighbours()
  start(A)
  await clock.pass(2_000)
  const before = said.length
  await nodes.get(A)?.[Symbol.asyncDispose]()
  expect(said.slice(before)).toEqual([{ from: A, kind: 'state', isLost: true }])
})
