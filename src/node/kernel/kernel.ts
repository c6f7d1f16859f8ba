import { messageOf, Re6stError } from '../../core/errors.ts'
import { ROUTE_METRIC } from '../../core/kernel/route-table.ts'
import type { Clock } from '../../platform/clock.ts'
import { type Family, interfaceNames, keepRouterAdvertisements, switchForwardingOn } from './forwarding.ts'
import { KeptWorks } from './kept-works.ts'
import { KernelChanges, type KernelChangesInit } from './kernel-changes.ts'
import type { KernelEvents } from './kernel-events.ts'

/** What the kernel can do. */
export interface KernelAbilities {
  /** Routes that hold for a source prefix (RFC 9079): without them, tunnels over IPv6 may take themselves as their way. */
  readonly sourceSpecificRoutes: boolean
}

/** Addresses of a node, and the range that the whole network has. */
export interface NodeAddresses {
  readonly mainInterface: string
  readonly address: string
  /** Length of the node's subnet. */
  readonly length: number
  /** The network in CIDR notation; what no route leads to is unreachable, and does not leave by the default route. */
  readonly network: string
}

/** What a node has of the IPv4 payload of its network. */
export interface Ipv4Assignment {
  /** The range of the whole network in CIDR notation. */
  readonly range: string
  readonly mainInterface: string
  /** The node's own part of it; undefined: none, it only forwards. */
  readonly own: { readonly address: string; readonly subnet: string; readonly length: number } | undefined
}

/** Changes the kernel for a node and undoes all of it. Addresses and routes that others take away meanwhile are put back. */
export interface Kernel {
  /**
   * Removes what a killed predecessor left, and switches forwarding on. To be called first.
   * @param lanInterfaces where router advertisements go on being accepted, which forwarding would end
   * @throws Re6stError `SYSTEM` without privileges
   */
  prepare(lanInterfaces: readonly string[]): Promise<KernelAbilities>
  /** Lets sockets of this machine have receive buffers of this size, if the kernel lets us: where not, of what it allows. */
  allowReceiveBuffers(bytes: number): Promise<void>
  /** Gives the main interface the node address and makes the rest of the network unreachable. */
  assign(addresses: NodeAddresses): Promise<void>
  /** Packets from the network do not leave by another default route than the network's own, which goes first. */
  keepInside(networkCidr: string): Promise<void>
  /** Forwards IPv4, gives the node its address, and makes the rest of the range unreachable: until disposed of. */
  assignIpv4(assignment: Ipv4Assignment): Promise<AsyncDisposable>
  /**
   * Reaches an IPv4 address through a gateway: until disposed of. A route that is there already is left as it is.
   * @throws Re6stError `SYSTEM` when the gateway cannot be reached
   */
  routeVia(address: string, gateway: string): Promise<AsyncDisposable>
  /**
   * Makes an interface on which programs of this machine send and receive multicast, with the node address: until
   * disposed of.
   * @throws Re6stError `SYSTEM` when there is one of that name
   */
  makeHostInterface(iface: string, address: string): Promise<AsyncDisposable>
  /** Undoes everything. Idempotent. */
  stop(): Promise<void>
}

interface KernelInit extends KernelChangesInit {
  readonly clock: Clock
  readonly events: Pick<KernelEvents, 'watch'>
}

/** The kernel of this machine, by `ip` and /proc/sys. */
export const createKernel = (init: KernelInit): Kernel => new LinuxKernel(init)

/** A route of the main table. */
interface KernelRoute {
  readonly type?: 'unreachable'
  readonly to: string
  /** Holds for this source prefix only. */
  readonly from?: string
  /** More words of `ip route`: the way, and attributes. */
  readonly more?: readonly string[]
}

/** Option of `ip`, by family. */
const OPTION: Readonly<Record<Family, string>> = { ipv4: '-4', ipv6: '-6' }

const RECEIVE_BUFFERS = 'net/core/rmem_max'
const LINK_LOCAL_ON_LO = ['fe80::/64', 'dev', 'lo'] as const

class LinuxKernel implements Kernel {
  readonly #log: KernelInit['log']
  readonly #changes: KernelChanges
  readonly #works: KeptWorks
  #lanInterfaces: readonly string[] = []

  constructor({ clock, events, ...init }: KernelInit) {
    const { log } = init
    this.#log = log
    this.#changes = new KernelChanges(init)
    this.#works = new KeptWorks({ changes: this.#changes, clock, log, events })
  }

  prepare(lanInterfaces: readonly string[]): Promise<KernelAbilities> {
    return this.#works.inTurn(async () => {
      await this.#changes.open()
      this.#lanInterfaces = lanInterfaces
      if ((await this.#changes.read('net/ipv6/conf/all/forwarding')) === undefined)
        throw new Re6stError(
          'SYSTEM',
          "this kernel has no IPv6, of which the network is made: remove ipv6.disable=1 from the kernel's command line",
        )
      if (lanInterfaces.length > 0) await this.#warnOfMissing(lanInterfaces)
      await keepRouterAdvertisements(this.#changes, lanInterfaces)
      await switchForwardingOn(this.#changes, 'ipv6', this.#lanInterfaces)
      return { sourceSpecificRoutes: await this.#hasSourceSpecificRoutes() }
    })
  }

  allowReceiveBuffers(bytes: number): Promise<void> {
    return this.#works.inTurn(async () => {
      const allowed = Number(await this.#changes.read(RECEIVE_BUFFERS))
      if (!(allowed < bytes)) return
      try {
        await this.#changes.set(RECEIVE_BUFFERS, String(bytes))
      } catch (error) {
        // In a container it is the machine's to set.
        this.#log.debug({ allowed, reason: messageOf(error) }, 'receive buffers stay small')
      }
    })
  }

  async assign(addresses: NodeAddresses): Promise<void> {
    const { address, length, network } = addresses
    await this.#works.keep([`${address}/${length}`, network], () => this.#assign('ipv6', addresses))
  }

  async keepInside(networkCidr: string): Promise<void> {
    const more = ['metric', String(ROUTE_METRIC.last)]
    await this.#works.keep([networkCidr], () =>
      this.#addRoute('ipv6', { type: 'unreachable', to: 'default', from: networkCidr, more }),
    )
  }

  assignIpv4({ range, mainInterface, own }: Ipv4Assignment): Promise<AsyncDisposable> {
    return this.#works.keep([range, ...(own ? [`${own.address}/32`, own.subnet] : [])], async () => {
      await switchForwardingOn(this.#changes, 'ipv4', this.#lanInterfaces)
      if (!own) return this.#addRoute('ipv4', { type: 'unreachable', to: range })
      const { address, length, subnet } = own
      // One address: the rest of the subnet is for whoever is routed here, and nobody until then.
      await this.#assign('ipv4', { mainInterface, address, length: 32, network: range })
      // The router announces what has a route of its own.
      if (length < 32)
        await this.#addRoute('ipv4', { type: 'unreachable', to: subnet, more: ['proto', 'static'] })
      else await this.#addRoute('ipv4', { to: subnet, more: ['dev', 'lo', 'proto', 'static'] })
    })
  }

  routeVia(address: string, gateway: string): Promise<AsyncDisposable> {
    return this.#works.keep([address], () =>
      this.#addRoute('ipv4', { to: `${address}/32`, more: ['via', gateway, 'proto', 'static'] }),
    )
  }

  makeHostInterface(iface: string, address: string): Promise<AsyncDisposable> {
    // A pair of which the other end is nobody's: the kernel of some machines has no dummy interfaces.
    const other = `${iface}0`
    const work = async () => {
      await this.#changes.do(
        ['link', 'add', 'name', iface, 'type', 'veth', 'peer', 'name', other],
        ['link', 'del', 'dev', iface],
      )
      await this.#changes.write(`net/ipv6/conf/${other}/disable_ipv6`, '1')
      for (const each of [other, iface]) await this.#changes.ip(['link', 'set', 'dev', each, 'up'])
      await this.#changes.ip(['-6', 'addr', 'add', `${address}/128`, 'dev', iface, 'nodad'])
    }
    return this.#works.once(work)
  }

  stop(): Promise<void> {
    return this.#works.stop(() => this.#changes.close())
  }

  async #assign(family: Family, { mainInterface, address, length, network }: NodeAddresses): Promise<void> {
    const option = OPTION[family]
    if (!(await this.#addressesOf(mainInterface)).includes(address)) {
      const linkLocal = mainInterface === 'lo' ? await this.#linkLocalRoutes() : undefined
      const words = [`${address}/${length}`, 'dev', mainInterface]
      // On lo, the route to the subnet may outlive the address.
      if (linkLocal) await this.#changes.note({ kind: 'ip', undo: [option, 'route', 'del', ...words] })
      await this.#changes.do(
        [option, 'addr', 'add', ...words, ...(family === 'ipv6' ? ['nodad'] : [])],
        [option, 'addr', 'del', ...words],
      )
      // Some kernels then also give lo a route to link-local addresses, through which none of them can be reached.
      if (linkLocal?.length === 0 && (await this.#linkLocalRoutes()).length > 0)
        await this.#changes.ip(['-6', 'route', 'del', ...LINK_LOCAL_ON_LO])
    }
    await this.#addRoute(family, { type: 'unreachable', to: network })
  }

  /** Adds a route to the main table, unless one is there. */
  async #addRoute(family: Family, { type, to, from, more = [] }: KernelRoute): Promise<void> {
    const option = OPTION[family]
    const source = from === undefined ? [] : ['from', from]
    const found = await this.#changes.show([
      option,
      'route',
      'show',
      ...(type ? ['type', type] : []),
      to,
      ...source,
    ])
    if (found.length > 0) return
    const route = [...(type ? [type] : []), to, ...source, ...more]
    await this.#changes.do([option, 'route', 'add', ...route], [option, 'route', 'del', ...route])
  }

  async #addressesOf(mainInterface: string): Promise<readonly (string | undefined)[]> {
    try {
      const links = await this.#changes.show(['addr', 'show', 'dev', mainInterface])
      return links.flatMap((link) =>
        ((link as { addr_info?: { local?: string }[] }).addr_info ?? []).map(({ local }) => local),
      )
    } catch (error) {
      throw new Re6stError('SYSTEM', `--main-interface ${mainInterface}: there is no such interface`, {
        cause: error,
      })
    }
  }

  #linkLocalRoutes(): Promise<readonly unknown[]> {
    return this.#changes.show(['-6', 'route', 'show', ...LINK_LOCAL_ON_LO])
  }

  async #warnOfMissing(lanInterfaces: readonly string[]): Promise<void> {
    const interfaces = await interfaceNames(this.#changes)
    for (const iface of lanInterfaces)
      if (!interfaces.includes(iface))
        this.#log.warn({ iface }, '--interface: there is no such interface; it is used once it is there')
  }

  async #hasSourceSpecificRoutes(): Promise<boolean> {
    const route = ['unreachable', '::/128', 'from', '::/128']
    const undo = ['-6', 'route', 'del', ...route]
    try {
      await this.#changes.do(['-6', 'route', 'add', ...route], undo)
    } catch {
      return false
    }
    await this.#changes.undo(this.#changes.deeds.slice(-1))
    return true
  }
}
