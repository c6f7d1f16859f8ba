import { expect, it } from 'vitest'
import { parsePingLine } from '../../../../src/core/kernel/ping-output.ts'

it.each([
  [
    '64 bytes from 2001:db8:42:5::1: icmp_seq=1 ttl=62 time=12.3 ms',
    { kind: 'answer', from: '2001:db8:42:5::1', rttMs: 12.3 },
  ],
  [
    '64 bytes from 2001:db8:42:5::1: icmp_seq=2 ttl=62 time=1234 ms (DUP!)',
    { kind: 'answer', from: '2001:db8:42:5::1', rttMs: 1234 },
  ],
  [
    'From 2001:db8:42:3::1 icmp_seq=1 Time exceeded: Hop limit',
    { kind: 'exceeded', from: '2001:db8:42:3::1' },
  ],
  [
    'From 2001:db8:42:3::1: icmp_seq=1 Time exceeded: Hop limit',
    { kind: 'exceeded', from: '2001:db8:42:3::1' },
  ],
])('%s', (line, said) => {
  expect(parsePingLine(line)).toEqual(said)
})

it.each([
  '',
  'PING 2001:db8:42:5::1(2001:db8:42:5::1) 56 data bytes',
  'From 2001:db8:42:3::1 icmp_seq=1 Destination unreachable: No route',
  '64 bytes from somebody: icmp_seq=1 ttl=62 time=12.3 ms',
  '64 bytes from 2001:db8:42:5::1: icmp_seq=1 ttl=62',
  'rtt min/avg/max/mdev = 0.046/0.046/0.046/0.000 ms',
])('%j says neither', (line) => {
  expect(parsePingLine(line)).toBeUndefined()
})
