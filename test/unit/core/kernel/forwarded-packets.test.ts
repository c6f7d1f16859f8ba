import { expect, it } from 'vitest'
import { forwardedPackets } from '../../../../src/core/kernel/forwarded-packets.ts'

const SNMP = `Ip: Forwarding DefaultTTL InReceives InHdrErrors InAddrErrors ForwDatagrams InUnknownProtos
Ip: 1 64 3430345 0 0 7 0
Icmp: InMsgs InErrors
Icmp: 2 0
`
const SNMP6 = `Ip6InReceives                   	900
Ip6OutForwDatagrams             	35
Ip6OutRequests                  	12
`

it('packets of both families that were passed on are counted', () => {
  expect(forwardedPackets(SNMP, SNMP6)).toBe(42n)
})

it('a kernel without IPv6, or that counts something else, has passed on what it says', () => {
  expect(forwardedPackets(SNMP, '')).toBe(7n)
  expect(forwardedPackets('Ip: Forwarding\nIp: 1\n', SNMP6)).toBe(35n)
  expect(forwardedPackets('', '')).toBe(0n)
})
