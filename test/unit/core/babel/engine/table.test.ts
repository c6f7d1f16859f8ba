import { expect } from 'vitest'
import { Levels } from '../../../../../src/core/babel/engine/levels.ts'
import { Interface, Neighbour, Route } from '../../../../../src/core/babel/engine/model.ts'
import { RouteTable } from '../../../../../src/core/babel/engine/table.ts'
import { TUNNEL } from '../../../../support/engine-network.ts'
import { fc, test } from '../../../../support/property.ts'

const DESTINATIONS = 6
const destination = (number: number) => ({ prefix: `2001:db8:${number}::/48`, from: '::/0' })

test(
  'the route of a neighbour is found in whatever order it tells of them, while some come and go',
  fc.array(
    fc.record({
      neighbour: fc.nat(1),
      number: fc.nat(DESTINATIONS - 1),
      what: fc.constantFrom('look', 'look', 'look', 'add', 'remove'),
    }),
    { maxLength: 60 },
  ),
  (steps) => {
    const table = new RouteTable()
    const iface = new Interface({ name: 'n', kind: 'lan', address: 'fe80::1' }, TUNNEL, new Levels(), 0)
    const known = ['fe80::2', 'fe80::3'].map((address) => ({
      neighbour: new Neighbour(iface, address, 0),
      routes: new Map<number, Route>(),
    }))
    for (const { neighbour: at, number, what } of steps) {
      const { neighbour, routes } = known[at] as (typeof known)[number]
      const route = routes.get(number)
      if (what === 'look') expect(table.routeOf(neighbour, destination(number))).toBe(route)
      else if (what === 'remove' && route) {
        table.remove(route)
        routes.delete(number)
      } else if (what === 'add' && !route) {
        const entry = table.obtain(destination(number))
        const numbers = { seqno: 1, refmetric: 96, nowS: 0, holdS: 210 }
        const added = new Route({ entry, neighbour, routerId: '02', nextHop: 'fe80::2', ...numbers })
        table.add(added)
        routes.set(number, added)
      }
    }
  },
)
