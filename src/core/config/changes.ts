import { isDeepStrictEqual } from 'node:util'
import type { ConfigValue, ConfigValues, NetworkConfig } from './network-config.ts'

/** What must be done for a change to have its effect, from nothing that anyone notices to what drops packets. */
type ChangeNeeds =
  /** Applied to what is running. */
  | 'live'
  /** Servers must be started again, one after another; new client tunnels have it at once. */
  | 'server-restart'
  /** The routing daemon must be started again: routes are gone until links are up. */
  | 'routing-restart'

/** What a new configuration changes, and what that needs. */
export type NetworkChange = Change & { readonly needs: ChangeNeeds }

type Change =
  /** The routing daemon signs with another MAC key; it takes one while it runs, if it had one before. */
  | { readonly kind: 'mac-keys' }
  /** Tunnels and sessions of these certificates end; nothing else. */
  | { readonly kind: 'revoked'; readonly serials: ReadonlySet<bigint> }
  /** Intervals and costs of the routing daemon's interfaces, which it reads when they come up. */
  | { readonly kind: 'routing-timers' }
  /** Whether tunnels are encrypted. */
  | { readonly kind: 'encryption' }
  /** The tunnel policy sees other limits. */
  | { readonly kind: 'tunnel-limits' }
  /** Another IPv4 address, and another announcement, which the routing daemon knows only at start. */
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

  if (differ('keys')) {
    const isReplaced = before.keys.sign !== undefined && after.keys.sign !== undefined
    changes.push({ kind: 'mac-keys', needs: isReplaced ? 'live' : 'routing-restart' })
  }
  if (revoked.size > 0) changes.push({ kind: 'revoked', serials: revoked, needs: 'live' })
  if (differ('helloIntervalMs', 'babelDefault'))
    changes.push({ kind: 'routing-timers', needs: 'routing-restart' })
  if (differ('encrypt')) changes.push({ kind: 'encryption', needs: 'server-restart' })
  if (differ('clientCount', 'maxClients', 'tunnelRefreshMs', 'sameCountry'))
    changes.push({ kind: 'tunnel-limits', needs: 'live' })
  if (differ('ipv4')) changes.push({ kind: 'ipv4-payload', needs: 'routing-restart' })
  if (differ('registryPrefix')) changes.push({ kind: 'registry-node', needs: 'live' })
  if (differ('protocol', 'minProtocol')) changes.push({ kind: 'protocol', needs: 'live' })
  return changes
}

/** Names of the values that differ, also of those that we do not know: for the log. */
export function changedNames(before: ConfigValues, after: ConfigValues): string[] {
  const names = new Set([...before.keys(), ...after.keys()])
  return [...names]
    .filter((name) => before.has(name) !== after.has(name) || !isSame(before.get(name), after.get(name)))
    .sort()
}

/** In the cache, true is 1. */
const isSame = (one: ConfigValue | undefined, other: ConfigValue | undefined): boolean =>
  isDeepStrictEqual(
    typeof one === 'boolean' ? Number(one) : one,
    typeof other === 'boolean' ? Number(other) : other,
  )
