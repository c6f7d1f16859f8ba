import { parseLinkDefaults } from '../core/config/link-defaults.ts'
import type { NetworkConfig } from '../core/config/network-config.ts'
import type { NodeOptions } from '../core/options/node-options.ts'
import type { Ipv4Announcement } from '../core/routes/announcements.ts'
import type { Listener } from '../core/tunnels/own-addresses.ts'
import type { TunnelSettings } from '../core/tunnels/settings.ts'
import { isInside, networkCidr, subnetCidr } from '../core/values/prefix.ts'
import type { Advertisement } from './advertisement.ts'
import type { Identity } from './identity.ts'
import type { InterfaceKind, RouterKeys, RouterSettings } from './routing/router.ts'
import type { TransportSettings } from './transport/transport.ts'
import type { ServerPlace } from './tunnels/tunnel-servers.ts'

/** What settings are made of. */
interface SettingsSources {
  readonly options: NodeOptions
  readonly identity: () => Identity
  readonly config: () => NetworkConfig
  /** Whether the kernel has source-specific routes. */
  readonly sourceSpecific: boolean
}

/** What the parts of a node are told: what its options and the network's configuration say now. */
export class NodeSettings {
  readonly #sources: SettingsSources

  constructor(sources: SettingsSources) {
    this.#sources = sources
  }

  /** Whether tunnels over IPv6 can work. With `--default`, the way to an IPv6 address is the network itself. */
  get allowsIpv6(): boolean {
    const { options, sourceSpecific } = this.#sources
    return sourceSpecific && !options.defaultRoute
  }

  get maxClients(): number {
    const { options, config } = this.#sources
    return options.maxClients ?? config().maxClients
  }

  /** Servers that others may connect to. */
  get servers(): readonly Listener[] {
    return this.maxClients > 0 ? this.#sources.options.listeners : []
  }

  /** The same, with their interfaces. */
  get places(): readonly ServerPlace[] {
    return this.servers.map((listener) => ({ ...listener, iface: ifaceOf(listener) }))
  }

  /** Of all servers that there may ever be. */
  get serverIfaces(): readonly string[] {
    return this.#sources.options.listeners.map(ifaceOf)
  }

  /** What is routed over from the start, beside client tunnels: all servers that there may ever be, and LANs. */
  get routedInterfaces(): ReadonlyMap<string, InterfaceKind> {
    return new Map<string, InterfaceKind>([
      ...this.serverIfaces.map((iface) => [iface, 'server'] as const),
      ...this.#sources.options.interfaces.map((iface) => [iface, 'lan'] as const),
    ])
  }

  get transport(): TransportSettings {
    const { encrypt, helloIntervalMs } = this.#sources.config()
    return { encrypt, helloIntervalMs, dhFile: this.#sources.options.dh }
  }

  /** @param countries where we and others are, as far as that is known */
  tunnels(countries: Pick<Advertisement, 'country' | 'countryOf' | 'isBeingLocated'>): TunnelSettings {
    const { options, identity } = this.#sources
    const config = this.#sources.config()
    const { network } = identity().authority
    return {
      clientCount: options.clientCount ?? config.clientCount,
      refreshMs: config.tunnelRefreshMs,
      neighbours: new Set(options.neighbours),
      disabledProtocols: options.disabledProtocols,
      allowsIpv6: this.allowsIpv6,
      helloIntervalMs: config.helloIntervalMs,
      registryPrefix: config.registryPrefix,
      sameCountry: config.sameCountry,
      ownCountry: countries.country,
      countryOf: (address) => countries.countryOf(address),
      isBeingLocated: (address) => countries.isBeingLocated(address),
      isInside: (host) => isInside(network, host),
    }
  }

  /**
   * @param ipv4 what of the IPv4 payload is ours
   * @param nodeCount about how many nodes there are
   * @param keys those in use, which may be older than the configuration
   */
  router(ipv4: Ipv4Announcement | undefined, nodeCount: number, keys: RouterKeys): RouterSettings {
    const { options, identity, sourceSpecific } = this.#sources
    const { helloIntervalMs, babelDefault } = this.#sources.config()
    const { address, authority, certificate } = identity()
    return {
      nodeCidr: subnetCidr(authority.network, certificate.prefix),
      networkCidr: networkCidr(authority.network),
      nodeAddress: address,
      ipv4,
      defaultRoute: options.gateway
        ? 'announce'
        : options.defaultRoute
          ? 'take-as-announced'
          : 'take-for-network',
      helloIntervalMs,
      linkDefaults: parseLinkDefaults(babelDefault),
      keys,
      sourceSpecific,
      nodeCount,
    }
  }
}

const ifaceOf = ({ protocol }: Listener): string => `re6stnet-${protocol}`
