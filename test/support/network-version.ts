import type { KeyObject } from 'node:crypto'
import { sign } from '../../src/core/crypto/rsa.ts'
import type { NetworkVersion } from '../../src/core/values/network-version.ts'
import { packInteger } from '../../src/core/values/packed-integer.ts'

/** Makes the version with this number. @throws Re6stError for a number that cannot be encoded */
export function makeVersion(number: bigint, caPrivateKey: KeyObject): NetworkVersion {
  const packed = packInteger(number)
  return Buffer.concat([packed, sign(caPrivateKey, packed)])
}
