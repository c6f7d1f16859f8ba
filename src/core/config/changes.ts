import { isDeepStrictEqual } from 'node:util'
import type { NetworkConfig } from './network-config.ts'

/** What a new configuration changes. */
export type NetworkChange =
  /** The router signs with another MAC key. */
  | { readonly kind: 'mac-keys' }
  /** Tunnels and sessions of these certificates end; nothing else. */
  | { readonly kind: 'revoked' }
  /** Intervals and costs of the router's interfaces. */
  | { readonly kind: 'routing-timers' }
  /** Whether tunnels are encrypted. */
  | { readonly kind: 'encryption' }
  /** The tunnel policy sees other limits. */
  | { readonly kind: 'tunnel-limits' }
  /** Another IPv4 address, and another announcement. */
  | { readonly kind: 'ipv4-payload' }
  /** The registry has another node beside it. */
  | { readonly kind: 'registry-node' }
  /** Whether we are still allowed to run. */
  | { readonly kind: 'protocol' }

/** Compares two configurations. The same in everything that counts: no changes, whatever the version says. */
export function networkChanges(before: NetworkConfig, after: NetworkConfig): NetworkChange[] {
  const changes: NetworkChange[] = []
  const differ = (...names: (keyof NetworkConfig)[]) =>
    names.some((name) => !isDeepStrictEqual(before[name], after[name]))
  const revoked = new Set([...after.crl].filter((serial) => !before.crl.has(serial)))

  if (differ('keys')) changes.push({ kind: 'mac-keys' })
  if (revoked.size > 0) changes.push({ kind: 'revoked' })
  if (differ('helloIntervalMs', 'babelDefault')) changes.push({ kind: 'routing-timers' })
  if (differ('encrypt')) changes.push({ kind: 'encryption' })
  if (differ('clientCount', 'maxClients', 'tunnelRefreshMs', 'sameCountry'))
    changes.push({ kind: 'tunnel-limits' })
  if (differ('ipv4')) changes.push({ kind: 'ipv4-payload' })
  if (differ('registryPrefix')) changes.push({ kind: 'registry-node' })
  if (differ('protocol', 'minProtocol')) changes.push({ kind: 'protocol' })
  return changes
}
