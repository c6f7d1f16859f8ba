import { type Authority, readNodeCertificate } from '../core/crypto/certificate.ts'
import { DAY_MS, dayOf } from '../core/day.ts'
import { Re6stError } from '../core/errors.ts'
import { isPossibleNetwork } from '../core/values/network-range.ts'
import { networkCidr } from '../core/values/prefix.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from './database/store.ts'

/** Longer ones leave no subnet of 64 bits for a node. */
const LONGEST_NETWORK = 64

/** More zeros at the end than this were not meant as a part of the network. */
const MANY_ZEROS = 16

/**
 * Refuses what is no authority, or not that of this network: the certificate of a node, a serial that carries no prefix
 * that a network can have, the database of another network. Of a network that exists, an odd prefix is only told of.
 * @throws Re6stError `CERTIFICATE`, `FILE`
 */
export async function checkAuthority(store: Store, authority: Authority, log: Logger): Promise<void> {
  const isNew = !(await hasCertificates(store, authority))
  const { network } = authority
  if (network.length > LONGEST_NETWORK && network.endsWith('0'.repeat(MANY_ZEROS)))
    log.warn(
      `--ca: its serial number carries ${networkCidr(network)}, which ends in zeros: was a shorter one meant?`,
    )
  const problem = problemOf(authority)
  if (problem === undefined) return
  if (isNew) throw new Re6stError('CERTIFICATE', `--ca: ${problem}`)
  log.warn(`--ca: ${problem}`)
}

/** Nodes ask for the next certificate in its last 30 days: the operator should know before. */
const END_IS_NEAR_MS = 60 * DAY_MS

/** Warns of an authority whose certificate ends soon, or has ended. */
export function warnOfEnd({ notAfterMs }: Authority, nowMs: number, log: Logger): void {
  if (notAfterMs - nowMs > END_IS_NEAR_MS) return
  log.warn(
    `--ca: the certificate of the authority ${notAfterMs > nowMs ? 'ends' : 'has ended'} on ${dayOf(notAfterMs)}: "re6st-registry ca renew" makes it anew`,
  )
}

function problemOf({ x509, network }: Authority): string | undefined {
  if (!x509.verify(x509.publicKey))
    return 'it is not signed by itself, so not the certificate of an authority: is it that of a node?'
  const what = `its serial number 0x${x509.serialNumber} carries`
  const remedy = 'it must be a 1 and then the bits of the prefix, like 0x120010db80042 for 2001:db8:42::/48'
  if (!isPossibleNetwork(network)) return `${what} no prefix in 2000::/3 or fd00::/8: ${remedy}`
  return undefined
}

/**
 * Whether somebody is in this network already. That of the registry's own node counts, else the first that can be read; a
 * renewed CA has the same key.
 */
async function hasCertificates(store: Store, { publicKey }: Authority): Promise<boolean> {
  const own = await store.config('prefix')
  const rows = typeof own === 'string' ? [await store.certificate(own)] : []
  for (const row of [...rows, ...(await store.someCertificates())]) {
    const certificate = readNodeCertificate(row?.cert ?? '')
    if (!certificate.ok) continue
    if (certificate.value.x509.verify(publicKey)) return true
    throw new Re6stError(
      'FILE',
      '--db: its certificates were signed by another authority than --ca: give the one of this network, or another file',
    )
  }
  return false
}
