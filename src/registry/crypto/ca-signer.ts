import { createPrivateKey, type KeyObject } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { signInThreadPool } from '../../core/crypto/rsa.ts'
import { Re6stError } from '../../core/errors.ts'

/** The authority's private key, in a file or in a token: this is all that anybody does with it. */
export interface CaSigner {
  /** How many signatures may be made at the same time. */
  readonly atOnce: number
  /** RSASSA-PKCS1-v1_5 with SHA-512. @throws when the key cannot be used now */
  readonly sign: (data: Uint8Array) => Promise<Buffer>
}

/** Signs with a key in PEM, by Node's own threads. @throws Re6stError `CERTIFICATE` when it is none */
export function pemSigner(keyPem: string): CaSigner {
  let key: KeyObject
  try {
    key = createPrivateKey(keyPem)
  } catch (error) {
    throw new Re6stError(
      'CERTIFICATE',
      '--key: not a private key without password, in PEM: name that of the certificate of --ca',
      { cause: error },
    )
  }
  if (key.asymmetricKeyType !== 'rsa')
    throw new Re6stError('CERTIFICATE', '--key: it is not an RSA key, as that of every network is')
  return { atOnce: availableParallelism(), sign: (data) => signInThreadPool(key, data) }
}
