import { randomBytes } from 'node:crypto'
import { type Authority, readAuthority } from '../core/crypto/certificate.ts'
import { verifySignature } from '../core/crypto/rsa.ts'
import { Re6stError } from '../core/errors.ts'
import { ADDRESS_BITS } from '../core/values/bits.ts'
import type { Logger } from '../platform/log.ts'
import type { Store } from './database/store.ts'
import type { RegistryComponents, RegistrySettings } from './registry-settings.ts'
import { keyHash } from './standby/pair.ts'
import { Primary } from './standby/primary.ts'
import { readReplication } from './standby/replication-row.ts'

/**
 * The side of a pair that this registry is; undefined: there is no pair.
 * @throws Re6stError `CONFLICT` when the other one serves, or a standby is registered that could not be told anything
 */
export async function primaryOf(
  { pair }: RegistrySettings,
  store: Store,
  { publicKey }: Authority,
  { clock, log }: RegistryComponents,
): Promise<Primary | undefined> {
  if (!pair) {
    if (!store.isShared && (await readReplication(store)).standby !== null)
      throw new Re6stError(
        'CONFLICT',
        'a standby is registered, without which nothing is given: start with --peer, or say "re6st-registry standby drop" to go on without it',
      )
    return undefined
  }
  const feed = store.feed()
  if (!feed)
    throw store.isShared
      ? new Re6stError('OPTION', '--peer: is for a file of SQLite; PostgreSQL has standbys of its own')
      : new Re6stError(
          'SYSTEM',
          '--peer: the database must be on a file system of this machine: a write-ahead log is needed',
        )
  return Primary.of({ store, feed, peer: pair.peer, authority: keyHash(publicKey), clock, log })
}

/**
 * The authority, if the key is its own.
 * @throws Re6stError `CERTIFICATE`
 */
export async function readKeys({ caPem, signer }: RegistrySettings): Promise<Authority> {
  const authority = readAuthority(caPem)
  if (!authority.ok) throw new Re6stError('CERTIFICATE', `--ca: ${authority.reason}`)
  // A key in a token is known only by what it signs.
  const challenge = randomBytes(32)
  const signature = await signer.sign(challenge)
  if (!verifySignature(authority.value.publicKey, challenge, signature))
    throw new Re6stError('CERTIFICATE', '--key: it is not the key of the CA certificate given by --ca')
  return authority.value
}

/** A length that does not fit would show only when a certificate is asked for. */
export function warnOfLengths(
  { registration, communities }: RegistrySettings,
  { network }: Authority,
  log: Logger,
): void {
  const longest = Math.max(...communities.all.map((community) => community.length))
  const room = ADDRESS_BITS - network.length - longest
  for (const [option, length] of [
    ['--prefix-length', registration.mailPrefixLength],
    ['--anonymous-prefix-length', registration.anonymousPrefixLength],
  ] as const)
    if (length > room)
      log.warn(
        `${option} ${length}: only ${room} bits are left behind the network's: not all can get a prefix`,
      )
}
