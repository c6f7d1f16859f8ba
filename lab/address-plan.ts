import { Re6stError } from '../src/core/errors.ts'

/** IP version of the Internet below the network. */
export type Family = 'ipv4' | 'ipv6'

/** Where a machine is reached outside the network; one or both. */
export interface UnderlayAddresses {
  readonly ipv4: string | undefined
  readonly ipv6: string | undefined
}

/** The router's end of every link has this link-local address. */
export const ROUTER_LINK_LOCAL = 'fe80::1'
/** The Internet's own IPv4 address, the gateway of every public machine. */
export const INTERNET_GATEWAY = '203.0.113.1'

const LAST_NUMBER = 254

/** The public address of the machine with this number (from 2): documentation ranges of RFC 5737 and RFC 9637. */
export const publicAddresses = (number: number, families: readonly Family[]): UnderlayAddresses =>
  addresses(number, families, `203.0.113.${number}`, `${publicSubnet(number)}1`)

/** The address of a machine (number from 2) in the LAN with this number: RFC 1918, and a routed IPv6 prefix. */
export const lanAddresses = (lan: number, number: number, families: readonly Family[]): UnderlayAddresses =>
  addresses(number, families, `192.168.${lan}.${number}`, `${lanSubnet(lan)}${number.toString(16)}`)

/** Begin of the /64 on a public machine's link. */
export const publicSubnet = (number: number): string => `3fff:0:0:${number.toString(16)}::`
/** Begin of the /64 of a LAN. */
export const lanSubnet = (lan: number): string => `3fff:0:1:${lan.toString(16)}::`

/** Readable in a capture: LAN (0: the Internet), then number of the machine. */
export const macAddress = (lan: number, number: number): string =>
  `02:00:00:${hexByte(lan)}:00:${hexByte(number)}`

const hexByte = (value: number): string => value.toString(16).padStart(2, '0')

function addresses(
  number: number,
  families: readonly Family[],
  ipv4: string,
  ipv6: string,
): UnderlayAddresses {
  if (number > LAST_NUMBER)
    throw new Re6stError('EXHAUSTED', `the lab has ${LAST_NUMBER - 1} machines on one network at most`)
  return {
    ipv4: families.includes('ipv4') ? ipv4 : undefined,
    ipv6: families.includes('ipv6') ? ipv6 : undefined,
  }
}
