import { expect, it } from 'vitest'
import { parseSocketLine } from '../../../../src/core/babeld/socket-line.ts'
import { BabelTables } from '../../../../src/core/babeld/tables.ts'

const apply = (tables: BabelTables, line: string) => {
  const parsed = parseSocketLine(line)
  if (!parsed.ok) throw new Error(parsed.reason)
  return tables.apply(parsed.value)?.change
}
const NEIGHBOUR = 'neighbour 1 address fe80::1 if l12 reach c000 ureach 0000 rxcost 96 txcost 96 cost 96'
const ROUTE =
  'route 2 prefix 2001:db8::/64 from ::/0 installed yes id 1:2 metric 96 refmetric 0 via fe80::1 if l12'

it('tables follow what babeld tells', () => {
  const tables = new BabelTables()
  expect(apply(tables, `add ${NEIGHBOUR}`)).toBe('added')
  expect(apply(tables, `add ${ROUTE}`)).toBe('added')
  expect(apply(tables, 'add interface l12 up true ipv6 fe80::2')).toBe('added')
  expect(tables.neighbours).toHaveLength(1)
  expect(tables.routes).toHaveLength(1)
  expect(tables.interface('l12')).toEqual({ iface: 'l12', up: true, address: 'fe80::2' })
  expect(tables.interfaces).toHaveLength(1)

  expect(apply(tables, `change ${ROUTE.replace('metric 96', 'metric 192')}`)).toBe('changed')
  expect(tables.routes[0]?.metric).toBe(192)

  expect(apply(tables, `flush ${ROUTE}`)).toBe('flushed')
  expect(tables.routes).toEqual([])
})

it('what babeld repeats is no change', () => {
  const tables = new BabelTables()
  apply(tables, `add ${NEIGHBOUR}`)
  expect(apply(tables, `add ${NEIGHBOUR}`)).toBeUndefined()
  expect(apply(tables, `change ${NEIGHBOUR}`)).toBeUndefined()
  expect(apply(tables, `flush ${ROUTE}`)).toBeUndefined()
  expect(apply(tables, 'ok')).toBeUndefined()
})

it('what babeld changed before it told of it is added', () => {
  expect(apply(new BabelTables(), `change ${NEIGHBOUR}`)).toBe('added')
})

it('what babeld does not tell again, when it tells all to somebody who has missed some, is flushed', () => {
  const tables = new BabelTables()
  apply(tables, `add ${NEIGHBOUR}`)
  apply(tables, `add ${ROUTE}`)
  const endRetelling = tables.beginRetelling()
  expect(apply(tables, `add ${NEIGHBOUR}`)).toBeUndefined()
  expect(endRetelling()).toMatchObject([{ kind: 'route', change: 'flushed', entry: { via: 'fe80::1' } }])
  expect(tables.routes).toEqual([])
  expect(tables.neighbours).toHaveLength(1)
})
