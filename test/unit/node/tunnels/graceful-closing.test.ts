import { expect, it } from 'vitest'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'
import type { Route } from '../../../../src/node/routing/router.ts'
import { GracefulClosing } from '../../../../src/node/tunnels/graceful-closing.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'
import { neighboursOn, routerWith } from '../../../support/tunnels.ts'

const PEER = prefixOfBits('0000000000000001')
const HELLO_MS = 15_000
/** Each side has twice four hello intervals. */
const PATIENCE_MS = 8 * HELLO_MS

function rig() {
  const done: string[] = []
  const routes: Route[] = []
  let look = () => {}
  const clock = steppedClock()
  const stopping = new AbortController()
  const closing = new GracefulClosing({
    router: {
      ...routerWith(neighboursOn('re6stnet1')),
      routes,
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
    nodes: { nodeAt: ({ address }) => (address === 'fe80::1' ? PEER : undefined) },
    clock,
    log: silentLog,
    send: (_, what) => void done.push(what),
    helloIntervalMs: () => HELLO_MS,
    isServer: (iface) => iface === 're6stnet-tcp',
    signal: stopping.signal,
  })
  const sendOver = (iface: string, via: string) =>
    routes.push({
      ...{ prefix: '2001:db8:42:7::/64', from: '::/0', installed: true, metric: 192, refmetric: 96 },
      ...{ via, iface, routerId: '00:00:00:00:00:00:00:01' },
    })
  return { closing, done, routes, clock, stopping, sendOver, look: () => look() }
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
  const { closing, done, routes, clock, sendOver, look } = rig()
  sendOver('re6stnet-tcp', 'fe80::1')
  sendOver('re6stnet-tcp', 'fe80::2')
  sendOver('re6stnet3', 'fe80::1')
  closing.peerAsks(PEER)
  await clock.pass(1_000)
  expect(done).toEqual([])
  routes.shift()
  look()
  await clock.pass(0)
  expect(done).toEqual(['tunnel-drained'])
})

it('a server that goes on using it says nothing; asked twice, it answers once', async () => {
  const { closing, done, routes, clock, sendOver, look } = rig()
  sendOver('re6stnet-tcp', 'fe80::1')
  closing.peerAsks(PEER)
  await clock.pass(PATIENCE_MS)
  routes.splice(0)
  look()
  await clock.pass(0)
  expect(done).toEqual([])
  sendOver('re6stnet-tcp', 'fe80::1')
  closing.peerAsks(PEER)
  closing.peerAsks(PEER)
  routes.splice(0)
  look()
  await clock.pass(0)
  expect(done).toEqual(['tunnel-drained'])
})
