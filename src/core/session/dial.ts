import { BlockList, isIP, isIPv6 } from 'node:net'
import { isPrivate } from '../tunnels/own-addresses.ts'
import { type PeerAddress, parseAddressList } from '../values/address-list.ts'

/*
 * "Can you reach me?": a node sends its addresses to another one, which tries each of them and says how it went. Ours
 * alone know these messages; others acknowledge them and do nothing. A line for each address:
 *
 *   203.0.113.3,1194,tcp ok
 *   203.0.113.3,1194,udp no answer
 */

/** How an address was reached. */
export interface DialResult {
  /** `host,port,protocol`, as it was asked for. */
  readonly address: string
  readonly reached: boolean
  /** Why not. */
  readonly reason: string | undefined
}

/** Addresses that are tried for one question. */
const MAX_DIALLED = 4
const REACHED = 'ok'
const MAX_REASON_LENGTH = 100

/** Of no single machine on the Internet: this one, many, or none. */
const NOBODY = new BlockList()
NOBODY.addSubnet('0.0.0.0', 8, 'ipv4')
NOBODY.addSubnet('224.0.0.0', 3, 'ipv4')
NOBODY.addAddress('::', 'ipv6')
NOBODY.addSubnet('ff00::', 8, 'ipv6')

/**
 * Those of the addresses in a question that are tried: of machines on the Internet, and no names. What is on our own
 * machine and LAN is not the asker's business.
 */
export const dialableAddresses = (list: string): readonly PeerAddress[] =>
  parseAddressList(list)
    .addresses.filter(
      ({ host }) =>
        isIP(host) !== 0 && !isPrivate(host) && !NOBODY.check(host, isIPv6(host) ? 'ipv6' : 'ipv4'),
    )
    .slice(0, MAX_DIALLED)

/** Writes results. */
export const formatDialResults = (results: readonly DialResult[]): string =>
  results
    .map(
      ({ address, reached, reason }) =>
        `${address} ${reached ? REACHED : (reason ?? 'no answer').replace(/\s+/g, ' ').slice(0, MAX_REASON_LENGTH)}`,
    )
    .join('\n')

/** Reads results; what is none is left out. */
export function parseDialResults(text: string): DialResult[] {
  return text.split('\n').flatMap((line): DialResult[] => {
    const [, address = '', outcome = ''] = /^(\S+) (\S.*)$/.exec(line) ?? []
    if (parseAddressList(address).addresses.length !== 1) return []
    const reached = outcome === REACHED
    // Printed for a person at a terminal.
    const reason = outcome.replace(/[^\x20-\x7e]/g, '?').slice(0, MAX_REASON_LENGTH)
    return [{ address, reached, reason: reached ? undefined : reason }]
  })
}
