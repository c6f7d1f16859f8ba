import { describe, expect, it } from 'vitest'
import { parseSocketLine } from '../../../../src/core/babeld/socket-line.ts'
import { fc, test } from '../../../support/property.ts'

const value = (line: string) => {
  const parsed = parseSocketLine(line)
  if (!parsed.ok) throw new Error(parsed.reason)
  return parsed.value
}

const NEIGHBOUR =
  'add neighbour 55abc1686ad0 address fe80::ac10:1 if l12 reach c000 ureach 0000 rxcost 96 txcost 65535 rtt 0.345 rttcost 0 cost 65535'
const ROUTE =
  'change route 55abc1686cf0 prefix 2001:db8:42:3::/64 from ::/0 installed yes id 1c:6d:00:00:00:00:00:01 metric 96 refmetric 0 via fe80::1 if l12'

describe('a line of babeld', () => {
  it('may be an answer', () => {
    expect(value('ok')).toEqual({ kind: 'answer', answer: 'ok', text: '' })
    expect(value('no No such interface')).toEqual({ kind: 'answer', answer: 'no', text: 'No such interface' })
    expect(value('bad')).toEqual({ kind: 'answer', answer: 'bad', text: '' })
  })

  it('may be a part of the greeting', () => {
    expect(value('BABEL 1.0')).toEqual({ kind: 'greeting', protocol: '1.0' })
    expect(value('version babeld-1.12.1')).toEqual({ kind: 'version', version: 'babeld-1.12.1' })
    expect(value('my-id c8:20:14:18:88:95:cb:ff').kind).toBe('other')
  })

  it('may tell of an interface', () => {
    expect(value('add interface l12 up true ipv6 fe80::70bc:acff:fe12:f823 ipv4 10.0.0.1')).toEqual({
      kind: 'interface',
      change: 'added',
      entry: { iface: 'l12', up: true, address: 'fe80::70bc:acff:fe12:f823' },
    })
    expect(value('flush interface l12 up false')).toEqual({
      kind: 'interface',
      change: 'flushed',
      entry: { iface: 'l12', up: false, address: undefined },
    })
  })

  it('may tell of a neighbour, with its round-trip time if it is known', () => {
    const entry = {
      id: '55abc1686ad0',
      address: 'fe80::ac10:1',
      iface: 'l12',
      reach: 0xc000,
      rxcost: 96,
      txcost: 65535,
      rttMs: 0.345,
      cost: 65535,
    }
    expect(value(NEIGHBOUR)).toEqual({ kind: 'neighbour', change: 'added', entry })
    expect(value(NEIGHBOUR.replace(' rtt 0.345 rttcost 0', ''))).toEqual({
      kind: 'neighbour',
      change: 'added',
      entry: { ...entry, rttMs: undefined },
    })
  })

  it('may tell of a route', () => {
    expect(value(ROUTE)).toEqual({
      kind: 'route',
      change: 'changed',
      entry: {
        id: '55abc1686cf0',
        prefix: '2001:db8:42:3::/64',
        from: '::/0',
        installed: true,
        routerId: '1c:6d:00:00:00:00:00:01',
        metric: 96,
        refmetric: 0,
        via: 'fe80::1',
        iface: 'l12',
      },
    })
  })

  it('that tells of an installed route which leads nowhere tells of one that is not installed', () => {
    expect(value(ROUTE.replace('metric 96', 'metric 65535'))).toMatchObject({
      entry: { installed: false, metric: 65535 },
    })
  })

  it('of no use is passed over', () => {
    expect(value('add xroute 2001:db8::/64-::/0 prefix 2001:db8::/64 from ::/0 metric 0').kind).toBe('other')
    expect(value('').kind).toBe('other')
    expect(value('constructor neighbour x').kind).toBe('other')
  })

  it.each([
    ['add neighbour 1 address fe80::1 if l12 reach zz rxcost 96 txcost 96 cost 96'],
    ['add neighbour 1 address here if l12 reach c000 rxcost 96 txcost 96 cost 96'],
    ['add route 1 prefix here from ::/0 installed yes id 1 metric 1 refmetric 0 via fe80::1 if l12'],
    ['add route 1 prefix ::/0 from ::/0 installed maybe id 1 metric 1 refmetric 0 via fe80::1 if l12'],
    ['add interface l12 up perhaps'],
    ['add interface'],
  ])('that is incomplete is refused: %s', (line) => {
    expect(parseSocketLine(line).ok).toBe(false)
  })

  test('is read or refused, whatever it is', fc.string(), (line) => {
    parseSocketLine(line)
  })

  test(
    'is read or refused, whatever part of it is missing or changed',
    fc.constantFrom(NEIGHBOUR, ROUTE),
    fc.nat(),
    fc.string({ maxLength: 6 }),
    (line, at, text) => {
      const words = line.split(' ')
      words[at % words.length] = text
      parseSocketLine(words.join(' '))
      parseSocketLine(line.slice(0, at % line.length))
    },
  )
})
