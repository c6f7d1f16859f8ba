import { mayBeDialled } from '../values/address-kind.ts'
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

/**
 * Those of the addresses in a question that are tried: of machines on the Internet, and no names. What is on our own
 * machine and LAN is not the asker's business.
 */
export const dialableAddresses = (list: string): readonly PeerAddress[] =>
  parseAddressList(list)
    .addresses.filter(({ host }) => mayBeDialled(host, []))
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
