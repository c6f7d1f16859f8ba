import { Re6stError } from '../errors.ts'
import { ok, type Result, refuse } from '../result.ts'
import { ADDRESS_BITS, addressOfBits, bitsOfAddress, bitsOfNumber, isBits, numberOfBits } from './bits.ts'

declare const networkBrand: unique symbol
declare const prefixBrand: unique symbol

/** The network's prefix: the bits that all addresses of the network begin with. Carried by the CA's serial. */
export type Network = string & { readonly [networkBrand]: true }

/** The bits allocated to one node inside the network; its identity everywhere in the protocol. */
export type Prefix = string & { readonly [prefixBrand]: true }

/** A network given as bits. @throws Re6stError if it is not a bit string of at most 128 bits */
export const networkOfBits = (bits: string): Network => checkedBits('network', bits) as Network

/** A prefix given as bits. @throws Re6stError if it is not a bit string of at most 128 bits */
export const prefixOfBits = (bits: string): Prefix => checkedBits('prefix', bits) as Prefix

function checkedBits(what: string, bits: string): string {
  if (!isBits(bits) || bits.length > ADDRESS_BITS)
    throw new Re6stError('CERTIFICATE', `not a ${what}: ${JSON.stringify(bits)}`)
  return bits
}

/** The network in a CA certificate's serial number: the serial in binary without its leading 1. */
export function networkOfCaSerial(serial: bigint): Result<Network> {
  if (serial < 1n) return refuse('the serial number of the CA certificate carries no network prefix')
  const bits = serial.toString(2).slice(1)
  if (bits.length > ADDRESS_BITS)
    return refuse('the serial number of the CA certificate is too long for a network prefix')
  return ok(bits as Network)
}

/** The CA serial number that carries this network. */
export const caSerialOf = (network: Network): bigint => numberOfBits(`1${network}`)

/** `<decimal value>/<length>`: the common name of a node's certificate. */
export const subnetNameOf = (prefix: Prefix): string => `${numberOfBits(prefix)}/${prefix.length}`

/** The same of bits, as databases have them. */
export const subnetNameOfBits = (bits: string): string => subnetNameOf(prefixOfBits(bits))

const SUBNET_NAME = /^(\d{1,39})\/(\d{1,3})$/

/** Whether this has the form of a subnet name; its number may still not fit its length. */
export const isLikeSubnetName = (text: string): boolean => SUBNET_NAME.test(text)

/** The prefix that a subnet name stands for. */
export function prefixOfSubnetName(name: string): Result<Prefix> {
  const match = SUBNET_NAME.exec(name)
  if (!match) return refuse(`not a subnet name (like 5/16): ${JSON.stringify(name)}`)
  const length = Number(match[2])
  const bits = bitsOfNumber(BigInt(match[1] ?? ''), length)
  if (length < 1 || length > ADDRESS_BITS || bits.length !== length)
    return refuse(`not a subnet name, the number does not fit the length: ${JSON.stringify(name)}`)
  return ok(bits as Prefix)
}

/** The network in CIDR notation, e.g. `2001:db8:42::/48`. */
export const networkCidr = (network: Network): string => cidrOfBits(network)

/** The node's subnet in CIDR notation, e.g. `2001:db8:42:5::/64`. @throws Re6stError beyond 128 bits */
export const subnetCidr = (network: Network, prefix: Prefix): string =>
  cidrOfBits(subnetBits(network, prefix))

/** The address of the node itself: its subnet, zeros, and a final 1 bit, unless nothing is left for it. */
export function nodeAddress(network: Network, prefix: Prefix): string {
  const bits = subnetBits(network, prefix)
  return addressOfBits(bits.length === ADDRESS_BITS ? bits : `${bits.padEnd(ADDRESS_BITS - 1, '0')}1`)
}

/** The first address of the node's subnet (the subnet-router anycast address, RFC 4291, 2.6.1): where it is spoken to. */
export const firstAddress = (network: Network, prefix: Prefix): string =>
  addressOfBits(subnetBits(network, prefix).padEnd(ADDRESS_BITS, '0'))

/** The bits after the network of an address inside it: a node's prefix is a prefix of them. */
export function bitsInside(network: Network, address: string): Result<string> {
  const bits = bitsOfAddress(address)
  if (!bits.ok) return bits
  if (!bits.value.startsWith(network)) return refuse(`${address} is outside the network`)
  return ok(bits.value.slice(network.length))
}

/** Whether an address is one of the network: no way to reach a machine from outside, nor to make a tunnel to it. */
export const isInside = (network: Network, address: string): boolean => bitsInside(network, address).ok

/** The prefix of a subnet in CIDR notation (as routers write it), if it lies inside the network. */
export function prefixOfCidr(network: Network, cidr: string): Result<Prefix> {
  const [address = '', length = ''] = cidr.split('/')
  const inside = bitsInside(network, address)
  if (!inside.ok) return inside
  const own = Number(length) - network.length
  if (!/^\d{1,3}$/.test(length) || own < 0 || Number(length) > ADDRESS_BITS)
    return refuse(`${cidr} is not a subnet of the network`)
  return ok(inside.value.slice(0, own) as Prefix)
}

function subnetBits(network: Network, prefix: Prefix): string {
  const bits = network + prefix
  if (bits.length > ADDRESS_BITS)
    throw new Re6stError(
      'CERTIFICATE',
      `network (${network.length} bits) and prefix (${prefix.length} bits) are more than ${ADDRESS_BITS} bits`,
    )
  return bits
}

const cidrOfBits = (bits: string): string => `${addressOfBits(bits.padEnd(ADDRESS_BITS, '0'))}/${bits.length}`
