import { readNetworkConfig } from '../../core/config/network-config.ts'
import { makeDecryptor } from '../../core/crypto/rsa.ts'
import type { ReadFacts } from '../../core/doctor/identity.ts'
import type { RegistryFacts } from '../../core/doctor/registry.ts'
import { messageOf, Re6stError } from '../../core/errors.ts'
import { ok, refuse } from '../../core/result.ts'
import { formatTarget } from '../../core/rpc/request-target.ts'
import { httpGet } from '../../platform/http-get.ts'
import { RegistryClient } from '../../platform/registry-client.ts'

const TIMEOUT_MS = 10_000
/** A certificate is some kilobytes. */
const MAX_BODY_LENGTH = 1 << 20
/** The Date header has whole seconds. */
const HALF_A_SECOND_MS = 500

/** What the registry answers, and how its clock is. */
export interface RegistryAnswer extends Omit<RegistryFacts, 'disowned'> {
  readonly aheadMs: number | undefined
}

/** Asks a registry for the certificate of its authority. */
export async function askRegistry(url: URL): Promise<RegistryAnswer> {
  const startMs = Date.now()
  try {
    const { status, headers, body } = await httpGet(url, formatTarget('getCa', {}), {
      timeoutMs: TIMEOUT_MS,
      maxBodyLength: MAX_BODY_LENGTH,
    })
    const middleMs = (startMs + Date.now()) / 2
    const dateMs = Date.parse(String(headers['date'] ?? '')) + HALF_A_SECOND_MS
    return {
      url: url.href,
      answer: ok({ status, body: body.toString('utf8') }),
      aheadMs: Number.isNaN(dateMs) ? undefined : dateMs - middleMs,
    }
  } catch (error) {
    return { url: url.href, answer: refuse(messageOf(error)), aheadMs: undefined }
  }
}

/**
 * Asks the registry whether it knows us, as a node does. Not beside a running node: that has a session of its own.
 * @returns why it does not; undefined: it does, or does not tell
 */
export async function disownedBy(
  url: URL,
  { authority, certificate, key }: ReadFacts,
): Promise<string | undefined> {
  if (!authority.ok || !certificate.ok || !key.ok) return undefined
  const decrypt = makeDecryptor(key.value)
  const caPublicKey = authority.value.publicKey
  const { prefix, serial } = certificate.value
  try {
    const registry = new RegistryClient(url.href, { prefix, caPublicKey, decrypt }, TIMEOUT_MS)
    const received = readNetworkConfig(await registry.getNetworkConfig(), { decrypt, caPublicKey })
    return received.ok && received.value.crl.has(serial) ? 'it is revoked' : undefined
  } catch (error) {
    return error instanceof Re6stError && error.code === 'NOT_FOUND'
      ? 'it knows none with this prefix'
      : undefined
  }
}
