import type { KeyObject } from 'node:crypto'
import { readNetworkConfig } from '../core/config/network-config.ts'
import type { Authority, NodeCertificate } from '../core/crypto/certificate.ts'
import { makeDecryptor } from '../core/crypto/rsa.ts'
import { Re6stError } from '../core/errors.ts'
import type { RegistryClient } from './registry-client.ts'

/** Who asks: what `re6st-conf` has made. */
interface Enrolled {
  readonly authority: Authority
  readonly certificate: NodeCertificate
  readonly key: KeyObject
}

/**
 * Asks the registry, as a node does, whether it accepts our certificate. Not beside a running node whose questions are
 * answered: that has a session of its own, which ends by this.
 * @returns why it does not; undefined: it does, or does not tell
 */
export async function disownedBy(
  registry: Pick<RegistryClient, 'setIdentity' | 'getNetworkConfig'>,
  { authority: { publicKey: caPublicKey }, certificate: { prefix, serial }, key }: Enrolled,
): Promise<string | undefined> {
  const decrypt = makeDecryptor(key)
  registry.setIdentity({ prefix, caPublicKey, decrypt })
  try {
    const received = readNetworkConfig(await registry.getNetworkConfig(), { decrypt, caPublicKey })
    return received.ok && received.value.crl.has(serial) ? 'it is revoked' : undefined
  } catch (error) {
    if (!(error instanceof Re6stError)) return undefined
    if (error.code === 'NOT_FOUND')
      return 'it knows none with this prefix: it was revoked, or has ended long ago'
    return error.code === 'CERTIFICATE' ? 'its prefix has been given to another machine since' : undefined
  }
}
