import type { StatusReply } from '../../core/control/replies.ts'
import type { ReadFacts } from '../../core/doctor/identity.ts'
import type { RegistryFacts } from '../../core/doctor/registry.ts'
import { messageOf } from '../../core/errors.ts'
import { ok, refuse } from '../../core/result.ts'
import { formatTarget } from '../../core/rpc/request-target.ts'
import { disownedBy } from '../../platform/disowned.ts'
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
    const { location } = headers
    const dateMs = Date.parse(String(headers['date'] ?? '')) + HALF_A_SECOND_MS
    return {
      url: url.href,
      answer: ok({
        ...{ status, body: body.toString('utf8') },
        ...(typeof location === 'string' ? { location } : {}),
      }),
      aheadMs: Number.isNaN(dateMs) ? undefined : dateMs - middleMs,
    }
  } catch (error) {
    return { url: url.href, answer: refuse(messageOf(error)), aheadMs: undefined }
  }
}

/** What of a node that runs says whether its registry accepts it. */
export type RegistryContact = {
  readonly certificate: Pick<StatusReply['certificate'], 'revoked'>
  readonly registry: Pick<StatusReply['registry'], 'lastError'>
}

/**
 * Why the registry does not accept our certificate. A node that was shut out is told nothing any more, also not that it was:
 * it knows but that its last question failed. Beside one whose questions are answered, nobody asks: that would end its session.
 * @param node undefined: it does not run
 * @param ask asks the registry
 */
export async function whyDisowned(
  node: RegistryContact | undefined,
  ask: () => Promise<string | undefined>,
): Promise<string | undefined> {
  if (node?.certificate.revoked) return 'it is revoked'
  return node === undefined || node.registry.lastError !== null ? await ask() : undefined
}

/** Why the registry does not accept our certificate, if it says so. */
export async function disownedFrom(
  url: URL,
  { authority, certificate, key }: ReadFacts,
): Promise<string | undefined> {
  if (!authority.ok || !certificate.ok || !key.ok) return undefined
  const registry = new RegistryClient(url.href, undefined, TIMEOUT_MS)
  return await disownedBy(registry, {
    authority: authority.value,
    certificate: certificate.value,
    key: key.value,
  })
}
