import { expect, it } from 'vitest'
import type { NeighbourView } from '../../../../../src/core/babel/engine/ports.ts'
import { engineOutput } from '../../../../../src/node/routing/babel/output.ts'
import type { RoutingChange } from '../../../../../src/node/routing/router.ts'
import { settingsOf } from '../../../../support/routing-pair.ts'
import { silentLog } from '../../../../support/silent-log.ts'

const VIEW: NeighbourView = {
  ...{ iface: 'tap', address: 'fe80::2', rxcost: 96, txcost: 96, cost: 96, rttMs: 12 },
  ...{ level: 'normal', isDoubted: false },
}

function rig() {
  const done: unknown[][] = []
  const told: RoutingChange[] = []
  const note =
    (what: string) =>
    (...words: unknown[]) =>
      void done.push([what, ...words])
  const output = engineOutput({
    log: silentLog,
    links: {
      send: note('send'),
      forget: note('forget'),
      indexOf: (iface) => (iface === 'tap' ? 7 : undefined),
    },
    liveness: { spokeTo: note('spoke'), setRtt: note('rtt') },
    table: { set: note('route') },
    settings: () => settingsOf(1),
    longestRttOn: () => 34,
    tell: (change) => told.push(change),
  })
  return { output, done, told }
}

it('what is sent to one neighbour counts as said to it, what is sent to all does not', () => {
  const { output, done } = rig()
  output.send('tap', undefined, [])
  output.send('tap', 'fe80::2', [])
  expect(done).toEqual([
    ['send', 'tap', undefined, []],
    ['spoke', 'tap', 'fe80::2'],
    ['send', 'tap', 'fe80::2', []],
  ])
})

it('a neighbour that is gone has to prove itself again; one that began anew has just done that', () => {
  const { output, done, told } = rig()
  output.neighbour('changed', VIEW, 'heard')
  output.neighbour('flushed', VIEW, 'goodbye')
  expect(done).toEqual([
    ['rtt', 'tap', 34],
    ['rtt', 'tap', 34],
  ])
  output.neighbour('flushed', VIEW, 'no answer')
  expect(done[2]).toEqual(['forget', 'tap', 'fe80::2'])
  expect(told.map((change) => change.kind === 'neighbour' && change.change)).toEqual([
    ...['changed', 'flushed', 'flushed'],
  ])
})

it('a way over a link that is gone is none; where there is none, packets may have to go nowhere', () => {
  const { output, done } = rig()
  const destination = { prefix: '2001:db8:42:2::/64', from: '::/0' }
  output.forward(destination, { ...destination, iface: 'tap', nextHop: 'fe80::2' })
  output.forward(destination, { ...destination, iface: 'gone', nextHop: 'fe80::2' })
  output.forward(destination, 'unreachable')
  const source = settingsOf(1).nodeAddress
  expect(done.map(([, , way]) => way)).toEqual([
    { iface: 'tap', index: 7, via: 'fe80::2', source },
    undefined,
    'unreachable',
  ])
})
