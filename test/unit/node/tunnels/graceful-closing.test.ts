import { expect, it } from 'vitest'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
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
  let look = () => {}
  const clock = steppedClock()
  const stopping = new AbortController()
  const closing = new GracefulClosing({
    router: {
      setCost: async (iface, cost) => void done.push(`${iface} ${cost}`),
      leaveInterface: async (iface) => void done.push(`leave ${iface}`),
      watch(listener) {
        look = () => listener({ kind: 'restarted' })
        return {
          [Symbol.dispose]() {
            look = () => {}
          },
        }
      },
    },
    nodes: {
      hasNeighbourOn: (iface) => iface === 're6stnet1',
      sendsTo: (prefix, isOver) => routes.some(([iface, next]) => next === prefix && isOver(iface)),
    },
    clock,
    log: silentLog,
    send: (_, what) => void done.push(what),
    helloIntervalMs: () => HELLO_MS,
    isServer: (iface) => iface === 're6stnet-tcp',
    signal: stopping.signal,
  })
  return { closing, done, routes, clock, stopping, look: () => look() }
}

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

it('a server says that it uses a tunnel no more when no route goes to that client, whoever else it has', async () => {
  const { closing, done, routes, clock, look } = rig()
  routes.push(['re6stnet-tcp', PEER], ['re6stnet-tcp', OTHER], ['re6stnet3', PEER])
  closing.peerAsks(PEER)
  await clock.pass(1_000)
  expect(done).toEqual([])
  routes.shift()
  look()
  await clock.pass(0)
  expect(done).toEqual(['tunnel-drained'])
})

it('a server that goes on using it says nothing; asked twice, it answers once', async () => {
  const { closing, done, routes, clock, look } = rig()
  routes.push(['re6stnet-tcp', PEER])
  closing.peerAsks(PEER)
  await clock.pass(PATIENCE_MS)
  routes.splice(0)
  look()
  await clock.pass(0)
  expect(done).toEqual([])
  routes.push(['re6stnet-tcp', PEER])
  closing.peerAsks(PEER)
  closing.peerAsks(PEER)
  routes.splice(0)
  look()
  await clock.pass(0)
  expect(done).toEqual(['tunnel-drained'])
})
