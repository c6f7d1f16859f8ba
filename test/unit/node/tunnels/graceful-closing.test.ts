import { expect, it } from 'vitest'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import type { Neighbour } from '../../../../src/node/routing/router.ts'
import { GracefulClosing } from '../../../../src/node/tunnels/graceful-closing.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

const PEER = prefixOfBits('0000000000000001')
const OTHER = prefixOfBits('0000000000000010')
const HELLO_MS = 15_000
/** Each side has twice four hello intervals. */
const PATIENCE_MS = 8 * HELLO_MS

function rig() {
  const done: string[] = []
  /** Over which interface, and to whom, each route goes. */
  const routes: (readonly [iface: string, next: Prefix])[] = []
  const neighbours = [neighbour('re6stnet-tcp', 'fe80::1'), neighbour('re6stnet-tcp', 'fe80::2')]
  const nodesAt = new Map([
    ['fe80::1', PEER],
    ['fe80::2', OTHER],
  ])
  const has = { otherWays: true }
  /** What the router does not manage: a cost, or leaving. */
  const failing = new Set<'high' | 'leave'>()
  const listeners = new Set<() => void>()
  const clock = steppedClock()
  const stopping = new AbortController()
  const closing = new GracefulClosing({
    router: {
      neighbours,
      drainsAtOnce: true,
      async setCost(iface, cost, address) {
        if (cost === 'high' && failing.has(cost)) throw new Error('ip: no memory')
        done.push(`${iface}${address === undefined ? '' : ` ${address}`} ${cost}`)
      },
      async leaveInterface(iface) {
        if (failing.has('leave')) throw new Error('ip: no memory')
        done.push(`leave ${iface}`)
        return has.otherWays
      },
      watch(listener) {
        const tell = () => listener({ kind: 'restarted' })
        listeners.add(tell)
        return { [Symbol.dispose]: () => void listeners.delete(tell) }
      },
    },
    nodes: {
      hasNeighbourOn: (iface) => iface === 're6stnet1' || iface === 're6stnet-tcp',
      countOver: (iface) => routes.filter(([over]) => over === iface).length,
      nodeAt: ({ address }) => nodesAt.get(address),
      sendsTo: (prefix, isOver) => routes.some(([iface, next]) => next === prefix && isOver(iface)),
    },
    clock,
    log: silentLog,
    send: (_, what) => void done.push(what),
    helloIntervalMs: () => HELLO_MS,
    isServer: (iface) => iface === 're6stnet-tcp',
    signal: stopping.signal,
  })
  const look = () => {
    for (const tell of [...listeners]) tell()
  }
  return { closing, done, routes, neighbours, has, failing, clock, stopping, look }
}

const neighbour = (iface: string, address: string): Neighbour => ({
  ...{ iface, address, rxcost: 96, txcost: 96, cost: 96, rttMs: undefined },
})

it('a tunnel is expensive first, unusable when the server says that it uses it no more, and then closed', async () => {
  const { closing, done, clock } = rig()
  const outcome = closing.drain(PEER, 're6stnet1', new AbortController().signal)
  await clock.pass(1_000)
  expect(done.splice(0)).toEqual(['re6stnet1 high', 'close-tunnel'])
  closing.peerDrained(PEER)
  expect(await outcome).toBe('drained')
  expect(done).toEqual(['leave re6stnet1'])
})

it('a tunnel that the server goes on using is as before after eight hello intervals', async () => {
  const { closing, done, clock } = rig()
  const outcome = closing.drain(PEER, 're6stnet1', new AbortController().signal)
  await clock.pass(PATIENCE_MS)
  expect(await outcome).toBe('kept')
  expect(done).toEqual(['re6stnet1 high', 'close-tunnel', 're6stnet1 normal'])
  closing.peerDrained(PEER) // too late
  expect(done).toHaveLength(3)
})

it('a tunnel over which some of our own packets have their only way stays, as it was', async () => {
  const { closing, done, has, clock } = rig()
  has.otherWays = false
  const outcome = closing.drain(PEER, 're6stnet1', new AbortController().signal)
  await clock.pass(0)
  closing.peerDrained(PEER)
  expect(await outcome).toBe('kept')
  expect(done).toEqual(['re6stnet1 high', 'close-tunnel', 'leave re6stnet1', 're6stnet1 normal'])
})

it('a tunnel that goes down meanwhile is left alone, and one without a neighbour needs nothing', async () => {
  const { closing, done, clock } = rig()
  const down = new AbortController()
  const outcome = closing.drain(PEER, 're6stnet1', down.signal)
  await clock.pass(0)
  down.abort()
  expect(await outcome).toBe('kept')
  expect(done).toEqual(['re6stnet1 high', 'close-tunnel'])
  expect(await closing.drain(PEER, 're6stnet2', new AbortController().signal)).toBe('drained')
})

it('a tunnel is as before when something fails on the way, at either end', async () => {
  const { closing, done, failing, clock } = rig()
  failing.add('leave')
  const outcome = closing.drain(PEER, 're6stnet1', new AbortController().signal)
  await clock.pass(0)
  closing.peerDrained(PEER)
  await expect(outcome).rejects.toThrow('no memory')
  expect(done.splice(0)).toEqual(['re6stnet1 high', 'close-tunnel', 're6stnet1 normal'])
  failing.add('high')
  await expect(closing.drain(PEER, 're6stnet1', new AbortController().signal)).rejects.toThrow('no memory')
  expect(done.splice(0)).toEqual(['re6stnet1 normal'])
  // Nobody waits for the outcome at the server.
  closing.peerAsks(PEER)
  await clock.pass(0)
  expect(done.splice(0)).toEqual(['re6stnet-tcp fe80::1 normal'])
  failing.clear()
  closing.peerAsks(PEER)
  await clock.pass(0)
  expect(done).toEqual(['re6stnet-tcp fe80::1 high', 'tunnel-drained'])
})

it('a server makes the way to that client expensive, and says when no route goes there, whoever else it has', async () => {
  const { closing, done, routes, neighbours, clock, look } = rig()
  routes.push(['re6stnet-tcp', PEER], ['re6stnet-tcp', OTHER], ['re6stnet3', PEER])
  closing.peerAsks(PEER)
  await clock.pass(1_000)
  expect(done).toEqual(['re6stnet-tcp fe80::1 high'])
  routes.shift()
  look()
  await clock.pass(1_000)
  expect(done.splice(0)).toEqual(['re6stnet-tcp fe80::1 high', 'tunnel-drained'])
  neighbours.shift()
  look()
  await clock.pass(0)
  expect(done).toEqual(['re6stnet-tcp fe80::1 normal'])
})

it('a client that does not close its tunnel is as cheap as before in the end', async () => {
  const { closing, done, clock } = rig()
  closing.peerAsks(PEER)
  await clock.pass(PATIENCE_MS)
  expect(done).toEqual(['re6stnet-tcp fe80::1 high', 'tunnel-drained', 're6stnet-tcp fe80::1 normal'])
})

it('a server that goes on using it says nothing; asked twice, it answers once', async () => {
  const { closing, done, routes, clock, look } = rig()
  routes.push(['re6stnet-tcp', PEER])
  closing.peerAsks(PEER)
  await clock.pass(PATIENCE_MS)
  routes.splice(0)
  look()
  await clock.pass(0)
  expect(done.splice(0)).toEqual(['re6stnet-tcp fe80::1 high', 're6stnet-tcp fe80::1 normal'])
  routes.push(['re6stnet-tcp', PEER])
  closing.peerAsks(PEER)
  closing.peerAsks(PEER)
  await clock.pass(0)
  routes.splice(0)
  look()
  await clock.pass(0)
  expect(done).toEqual(['re6stnet-tcp fe80::1 high', 're6stnet-tcp fe80::1 high', 'tunnel-drained'])
})

it('a server is out of use when nothing goes over it, or what does has had its time, and in use again after that', async () => {
  const { closing, done, routes, clock, look } = rig()
  routes.push(['re6stnet-tcp', PEER], ['re6stnet-tcp', OTHER])
  let isDrained = false
  const drained = closing.drainServer('re6stnet-tcp').then((drain) => {
    isDrained = true
    return drain
  })
  await clock.pass(1_000)
  routes.shift()
  look()
  await clock.pass(0)
  expect([done.splice(0), isDrained]).toEqual([['re6stnet-tcp high'], false])
  routes.shift()
  look()
  await clock.pass(0)
  expect(isDrained).toBe(true)
  await (await drained)[Symbol.asyncDispose]()
  expect(done.splice(0)).toEqual(['re6stnet-tcp normal'])
  routes.push(['re6stnet-tcp', PEER])
  isDrained = false
  void closing.drainServer('re6stnet-tcp').then(() => {
    isDrained = true
  })
  await clock.pass(5_000)
  expect(isDrained).toBe(true)
})
