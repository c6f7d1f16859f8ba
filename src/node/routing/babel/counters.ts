import { readFileSync } from 'node:fs'
import type { Departures } from '../../../core/babel/engine/world.ts'
import { readIpv6Departures } from '../../../core/kernel/ipv6-departures.ts'
import type { TapCounters } from '../../../core/kernel/pacing.ts'

/** How many packets have come over an interface; undefined: it is gone. */
export const arrivalsAt = (iface: string): number | undefined => counterOf(iface, 'rx_packets')

/** How many packets were sent over an interface, and lost in its queue; undefined: it is gone. */
export function departuresOf(iface: string): Departures | undefined {
  const [sent, dropped] = [counterOf(iface, 'tx_packets'), counterOf(iface, 'tx_dropped')]
  return sent === undefined || dropped === undefined ? undefined : { sent, dropped }
}

/** What was sent over a tap, and lost in its queue; undefined: it is gone. */
export function tapCountersOf(iface: string): TapCounters | undefined {
  const [sentBytes, dropped] = [counterOf(iface, 'tx_bytes'), counterOf(iface, 'tx_dropped')]
  return sentBytes === undefined || dropped === undefined ? undefined : { sentBytes, dropped }
}

/** How many IPv6 packets were sent over an interface to one machine each; undefined: it is gone, or has no IPv6. */
export function ipv6DeparturesOf(iface: string): number | undefined {
  try {
    return readIpv6Departures(readFileSync(`/proc/self/net/dev_snmp6/${iface}`, 'latin1'))
  } catch {
    return undefined
  }
}

/** How many packets the queue of an interface holds; undefined: it is gone. */
export const queueLengthOf = (iface: string): number | undefined => numberIn(`${iface}/tx_queue_len`)

const counterOf = (
  iface: string,
  counter: 'rx_packets' | 'tx_packets' | 'tx_bytes' | 'tx_dropped',
): number | undefined => numberIn(`${iface}/statistics/${counter}`)

function numberIn(path: string): number | undefined {
  try {
    return Number(readFileSync(`/sys/class/net/${path}`, 'utf8'))
  } catch {
    return undefined
  }
}
