import { ok, type Result, refuse } from '../result.ts'
import type { Prefix } from '../values/prefix.ts'
import type { NetworkConfig } from './network-config.ts'
import { PROTOCOL } from './protocol-number.ts'

/** Where a node that starts takes the network's configuration from. */
export type FirstConfig =
  /** From the cache: start at once. */
  | { readonly kind: 'cached'; readonly config: NetworkConfig }
  /** From the registry, which may know better; if it does not answer, the cached one will do. */
  | { readonly kind: 'ask-first'; readonly fallback: NetworkConfig }
  /** From the registry, however long it takes to answer. */
  | { readonly kind: 'ask'; readonly reason: string }

/**
 * Decides whether the cached configuration is good enough.
 * @param cached as checked by `configOfValues`
 */
export function firstConfig(cached: Result<NetworkConfig>, ownPrefix: Prefix): FirstConfig {
  if (!cached.ok) return { kind: 'ask', reason: cached.reason }
  const config = cached.value
  // We were updated; the registry may have been, too. And its own node is the one that others hear of changes from.
  const mayBeOld = config.protocol < PROTOCOL || config.registryPrefix === ownPrefix
  return mayBeOld ? { kind: 'ask-first', fallback: config } : { kind: 'cached', config }
}

/** Whether the network lets a node of this version run. */
export const checkProtocol = ({ minProtocol }: NetworkConfig): Result<void> =>
  minProtocol > PROTOCOL
    ? refuse(
        `this network needs protocol ${minProtocol}, and this version of re6stnet speaks ${PROTOCOL}: install a newer one`,
      )
    : ok(undefined)
