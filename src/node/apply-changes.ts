import type { NetworkChange } from '../core/config/changes.ts'
import type { NetworkConfig } from '../core/config/network-config.ts'
import { messageOf } from '../core/errors.ts'
import { reasonsText } from '../core/reasons.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'
import { Retries } from '../platform/retries.ts'
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
  readonly macKeys: Pick<MacKeys, 'change' | 'failure'>
  readonly revocation: Pick<Revocation, 'end'>
  readonly transport: Pick<Transport, 'configure'>
  readonly nodeIpv4: Pick<NodeIpv4, 'apply' | 'isToBeDoneAgain' | 'failure'>
  readonly forwarding: Pick<PortForwarding, 'setServers'>
  readonly renewal: Pick<Renewal, 'lookNow'>
  readonly routerSettings: () => RouterSettings
  /** When the version was seen that is applied, and the one before. */
  readonly versionsSeen: () => VersionsSeen
  readonly clock: Clock
  readonly log: Logger
  readonly signal: AbortSignal
}

type ChangeKind = NetworkChange['kind']

/** Delays of doing again what failed. */
const RETRY_DELAYS = { minMs: 1_000, maxMs: 60_000 }

const IN_WORDS: Readonly<Record<ChangeKind, string>> = {
  'mac-keys': 'MAC keys',
  revoked: 'the end of what was revoked',
  'routing-timers': 'intervals of routing',
  encryption: 'encryption of tunnels',
  'tunnel-limits': 'numbers of tunnels',
  'ipv4-payload': 'IPv4',
  'registry-node': 'the node of the registry',
  protocol: 'the protocol',
}

/**
 * Takes new configurations of the network into effect, with as little disturbance as they allow. What fails is done again,
 * as the newest configuration wants it, until it works.
 */
export class AppliedChanges {
  readonly #parts: ChangeableParts
  readonly #retries: Retries<ChangeKind>
  /** One line for each reason, not one for each try. */
  readonly #logLimit: LogLimit
  #config: NetworkConfig | undefined

  constructor(parts: ChangeableParts) {
    const { clock, signal } = parts
    this.#parts = parts
    this.#logLimit = new LogLimit(clock, { burst: 1 })
    this.#retries = new Retries({
      ...{ clock, signal, limits: RETRY_DELAYS },
      again: (kinds) => this.#begin(kinds),
    })
  }

  /** What of the network's configuration is not in effect here, and why; undefined: all of it is. */
  get failure(): string | undefined {
    const reasons = new Map(this.#retries.reasons)
    // It says so itself.
    if (this.#parts.nodeIpv4.failure !== undefined) reasons.delete('ipv4-payload')
    // The router is given them later.
    const { failure } = this.#parts.macKeys
    if (failure !== undefined) reasons.set('mac-keys', failure)
    return reasonsText([...reasons].map(([kind, reason]) => [IN_WORDS[kind], reason]))
  }

  /** The node has started with a configuration: what of it could not be done then is done now. */
  started(config: NetworkConfig): void {
    this.#config = config
    if (this.#parts.nodeIpv4.isToBeDoneAgain) this.#begin(['ipv4-payload'])
  }

  /** The network has another configuration. @param changes what is to be done for it */
  apply(config: NetworkConfig, changes: readonly NetworkChange[]): void {
    const { transport, settings } = this.#parts
    this.#config = config
    transport.configure(settings.transport)
    this.#begin(changes.map(({ kind }) => kind))
  }

  #begin(kinds: readonly ChangeKind[]): void {
    const { log, signal } = this.#parts
    const config = this.#config
    if (!config) return
    for (const kind of kinds) {
      const applied = this.#retries.watch(kind, apply(this.#parts, config, kind)).catch((error: unknown) => {
        if (!signal.aborted)
          this.#logLimit.write(`${kind} ${messageOf(error)}`, (omitted) =>
            log.error({ err: error, ...omitted }, `applying ${kind} failed`),
          )
      })
      inBackground(log, `applying ${kind}`, applied, signal)
    }
  }
}

async function apply(parts: ChangeableParts, config: NetworkConfig, kind: ChangeKind): Promise<void> {
  const { router, settings, tunnels, nodeIpv4 } = parts
  switch (kind) {
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
      try {
        return await nodeIpv4.apply(config.ipv4)
      } finally {
        // What this node has not, it does not announce.
        await router.reconfigure(parts.routerSettings())
      }
    case 'protocol':
      return
  }
}
