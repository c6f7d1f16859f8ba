import type { KeyObject } from 'node:crypto'
import { verifySignature } from '../crypto/rsa.ts'
import { ok, type Result, refuse } from '../result.ts'
import { unpackInteger } from './packed-integer.ts'

/** The version of a network configuration: a packed integer and the CA's signature over it (protocol, section 5). */
export type NetworkVersion = Buffer

/** The version of a network of which nothing is known yet: older than any other, and not signed. */
export const NO_VERSION: NetworkVersion = Buffer.from([0])

/** Negative, zero or positive, as the first version is older than, the same as, or newer than the second. */
export const compareVersions = (one: Uint8Array, other: Uint8Array): number => Buffer.compare(one, other)

/** The number of a version. */
export function numberOfVersion(version: Uint8Array): Result<bigint> {
  const number = unpackInteger(version)
  return number.ok ? ok(number.value.value) : number
}

/** Checks the CA's signature. */
export function verifyVersion(version: Uint8Array, caPublicKey: KeyObject): Result<NetworkVersion> {
  const number = unpackInteger(version)
  if (!number.ok) return refuse(`the network version is not readable: ${number.reason}`)
  const { consumed } = number.value
  if (!verifySignature(caPublicKey, version.subarray(0, consumed), version.subarray(consumed)))
    return refuse('the network version is not signed by the CA')
  return ok(Buffer.from(version))
}
