import type { NetworkChange } from '../core/config/changes.ts'
import type { NetworkConfig } from '../core/config/network-config.ts'
import { inBackground } from '../platform/background.ts'
import type { Logger } from '../platform/log.ts'
import type { MacKeys, VersionsSeen } from './mac-keys.ts'
import type { NodeIpv4 } from './node-ipv4.ts'
import type { PortForwarding } from './port-mapping/forward-ports.ts'
import type { Renewal } from './renewal.ts'
import type { Revocation } from './revocation.ts'
import type { Router, RouterSettings } from './routing/router.ts'
import type { Membership } from './start/membership.ts'
import type { Transport } from './transport/transport.ts'

/** What a new configuration of the network can change. */
export interface ChangeableParts extends Omit<Membership, 'probe'> {
  readonly router: Pick<Router, 'reconfigure'>
  readonly macKeys: Pick<MacKeys, 'change'>
  readonly revocation: Pick<Revocation, 'end'>
  readonly transport: Pick<Transport, 'configure'>
  readonly nodeIpv4: Pick<NodeIpv4, 'apply'>
  readonly forwarding: Pick<PortForwarding, 'setServers'>
  readonly renewal: Pick<Renewal, 'lookNow'>
  readonly routerSettings: () => RouterSettings
  /** When the version was seen that is applied, and the one before. */
  readonly versionsSeen: () => VersionsSeen
  readonly log: Logger
  readonly signal: AbortSignal
}

/** Takes a new configuration of the network into effect, with as little disturbance as it allows. */
export function applyChanges(
  parts: ChangeableParts,
  config: NetworkConfig,
  changes: readonly NetworkChange[],
): void {
  parts.transport.configure(parts.settings.transport)
  for (const change of changes)
    inBackground(parts.log, `applying ${change.kind}`, apply(parts, config, change), parts.signal)
}

async function apply(parts: ChangeableParts, config: NetworkConfig, change: NetworkChange): Promise<void> {
  const { router, settings, tunnels, nodeIpv4 } = parts
  switch (change.kind) {
    case 'mac-keys':
      return parts.macKeys.change(config.keys, parts.versionsSeen())
    case 'revoked':
      return parts.revocation.end({ ...parts, onOwn: () => parts.renewal.lookNow() })
    case 'routing-timers':
      parts.configureTunnels()
      return await router.reconfigure(parts.routerSettings())
    case 'encryption':
      return await tunnels.servers.restart()
    case 'tunnel-limits':
      parts.configureTunnels()
      parts.advertisement.serversChanged()
      parts.forwarding.setServers(settings.servers)
      return await tunnels.servers.provide(settings.places)
    case 'registry-node':
      return parts.configureTunnels()
    case 'ipv4-payload':
      await nodeIpv4.apply(config.ipv4)
      return await router.reconfigure(parts.routerSettings())
    case 'protocol':
      return
  }
}
