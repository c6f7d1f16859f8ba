import { expect, it } from 'vitest'
import { readIpv6Departures } from '../../../../src/core/kernel/ipv6-departures.ts'
import { fc, test } from '../../../support/property.ts'

/** As Linux 6.18 prints it, cut short: two packets of this machine and five that it passed on, all else is of the link itself. */
const COUNTERS = `ifIndex                         	2
Ip6InReceives                   	40
Ip6OutForwDatagrams             	5
Ip6OutRequests                  	12
Ip6OutNoRoutes                  	3
Ip6OutMcastPkts                 	6
Ip6OutOctets                    	1800
Ip6OutTransmits                 	17
Icmp6OutMsgs                    	4
Icmp6OutNeighborSolicits        	3
Icmp6OutNeighborAdvertisements  	1
`

it('what is sent to one other machine each is what is sent, and passed on, without what keeps a link together', () => {
  expect(readIpv6Departures(COUNTERS)).toBe(12 + 5 - 6 - 3 - 1)
})

it('is not known where a counter is missing', () => {
  expect(readIpv6Departures('')).toBeUndefined()
  expect(readIpv6Departures(COUNTERS.replace('Ip6OutMcastPkts', 'Ip6OutGroups'))).toBeUndefined()
})

test('whatever is read, nothing is thrown', fc.oneof(fc.string(), fc.string({ unit: 'binary' })), (text) => {
  readIpv6Departures(text)
  readIpv6Departures(COUNTERS.replace('17', text).replace('12', text))
})
