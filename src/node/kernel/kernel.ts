import { messageOf, Re6stError } from '../../core/errors.ts'
import { ROUTE_METRIC } from '../../core/kernel/route-table.ts'
import type { Clock } from '../../platform/clock.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import { Turns } from '../../platform/turns.ts'
import type { Deed } from './journal.ts'
import { KernelChanges, type KernelChangesInit } from './kernel-changes.ts'
import type { KernelEvents } from './kernel-events.ts'
import { Repairs } from './repairs.ts'

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

type Family = 'ipv4' | 'ipv6'

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

/** What is done together, and undone together. */
interface Work {
  readonly deeds: Deed[]
  /** Does what of it is missing. */
  readonly work: () => Promise<void>
  /** By which words of `ip` it is known that something of it went. */
  readonly words: readonly string[]
}

const LINK_LOCAL_ON_LO = ['fe80::/64', 'dev', 'lo'] as const

class LinuxKernel implements Kernel {
  readonly #log: KernelInit['log']
  readonly #changes: KernelChanges
  readonly #repairs: Repairs
  readonly #losses: LogLimit
  /** What is put back. */
  readonly #kept = new Set<Work>()
  #lanInterfaces: readonly string[] = []
  /** One thing follows the other, as the journal has them. */
  readonly #turns = new Turns()

  constructor({ clock, events, ...init }: KernelInit) {
    const { log } = init
    this.#log = log
    this.#changes = new KernelChanges(init)
    this.#losses = new LogLimit(clock)
    this.#repairs = new Repairs({
      ...{ clock, log, events },
      kept: () => new Set([...this.#kept].flatMap(({ words }) => words)),
      repair: () => this.#turns.take(() => this.#repair()),
    })
  }

  prepare(lanInterfaces: readonly string[]): Promise<KernelAbilities> {
    return this.#turns.take(async () => {
      await this.#changes.open()
      this.#lanInterfaces = lanInterfaces
      if ((await this.#changes.read('net/ipv6/conf/all/forwarding')) === undefined)
        throw new Re6stError(
          'SYSTEM',
          "this kernel has no IPv6, of which the network is made: remove ipv6.disable=1 from the kernel's command line",
        )
      if (lanInterfaces.length > 0) await this.#warnOfMissing(lanInterfaces)
      await this.#keepRouterAdvertisements(lanInterfaces)
      await this.#forward('ipv6')
      return { sourceSpecificRoutes: await this.#hasSourceSpecificRoutes() }
    })
  }

  async assign(addresses: NodeAddresses): Promise<void> {
    const { address, length, network } = addresses
    await this.#keep([`${address}/${length}`, network], () => this.#assign('ipv6', addresses))
  }

  async keepInside(networkCidr: string): Promise<void> {
    const more = ['metric', String(ROUTE_METRIC.last)]
    await this.#keep([networkCidr], () =>
      this.#addRoute('ipv6', { type: 'unreachable', to: 'default', from: networkCidr, more }),
    )
  }

  assignIpv4({ range, mainInterface, own }: Ipv4Assignment): Promise<AsyncDisposable> {
    return this.#keep([range, ...(own ? [`${own.address}/32`, own.subnet] : [])], async () => {
      await this.#forward('ipv4')
      if (!own) return this.#addRoute('ipv4', { type: 'unreachable', to: range })
      const { address, length, subnet } = own
      // One address: the rest of the subnet is for whoever is routed here, and nobody until then.
      await this.#assign('ipv4', { mainInterface, address, length: 32, network: range })
      // The routing daemon announces what has a route of its own.
      if (length < 32)
        await this.#addRoute('ipv4', { type: 'unreachable', to: subnet, more: ['proto', 'static'] })
      else await this.#addRoute('ipv4', { to: subnet, more: ['dev', 'lo', 'proto', 'static'] })
    })
  }

  routeVia(address: string, gateway: string): Promise<AsyncDisposable> {
    return this.#keep([address], () =>
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
    return this.#undoable({ deeds: [], work, words: [] })
  }

  stop(): Promise<void> {
    this.#repairs[Symbol.dispose]()
    return this.#turns.take(async () => {
      this.#kept.clear()
      await this.#changes.close()
    })
  }

  /** Does something that can be undone without the rest, and is done again when others undo it. */
  #keep(words: readonly string[], work: () => Promise<void>): Promise<AsyncDisposable> {
    const kept: Work = { deeds: [], work, words }
    return this.#undoable(kept, () => this.#kept.add(kept))
  }

  /** Does something that can be undone without the rest. */
  #undoable(work: Work, onDone = () => {}): Promise<AsyncDisposable> {
    return this.#turns.take(async () => {
      try {
        await this.#do(work)
      } catch (error) {
        await this.#changes.undo(work.deeds)
        throw error
      }
      onDone()
      const undo = async () => {
        this.#kept.delete(work)
        await this.#changes.undo(work.deeds)
      }
      return { [Symbol.asyncDispose]: () => this.#turns.take(undo) }
    })
  }

  /** @returns whether anything was to be done */
  async #do({ deeds, work }: Work): Promise<boolean> {
    const known = new Set(this.#changes.deeds)
    const before = this.#changes.made
    try {
      await work()
    } finally {
      deeds.push(...this.#changes.deeds.filter((deed) => !known.has(deed)))
    }
    return this.#changes.made > before
  }

  /** Does all of it again: what is there is left as it is. @returns whether nothing failed */
  async #repair(): Promise<boolean> {
    let isWhole = true
    const warn = (kind: string, fields: object, text: string) =>
      this.#losses.write(kind, (omitted) => this.#log.warn({ ...fields, ...omitted }, text))
    for (const kept of this.#kept) {
      const what = kept.words.join(', ')
      try {
        if (await this.#do(kept))
          warn(
            'put back',
            { what },
            'another program has taken an address or a route of the network from this machine: it is put back',
          )
      } catch (error) {
        isWhole = false
        warn(
          'missing',
          { what, reason: messageOf(error) },
          'an address or a route of the network is missing on this machine, and cannot be put back yet',
        )
      }
    }
    return isWhole
  }

  async #assign(family: Family, { mainInterface, address, length, network }: NodeAddresses): Promise<void> {
    const option = OPTION[family]
    await this.#expectMainInterface(mainInterface)
    if (!(await this.#hasAddress(mainInterface, address))) {
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

  async #expectMainInterface(iface: string): Promise<void> {
    try {
      await this.#changes.show(['link', 'show', 'dev', iface])
    } catch (error) {
      throw new Re6stError('SYSTEM', `--main-interface ${iface}: there is no such interface`, {
        cause: error,
      })
    }
  }

  async #hasAddress(iface: string, address: string): Promise<boolean> {
    const links = await this.#changes.show(['addr', 'show', 'dev', iface])
    return links.some((link) =>
      (link as { addr_info?: { local?: string }[] }).addr_info?.some(({ local }) => local === address),
    )
  }

  #linkLocalRoutes(): Promise<readonly unknown[]> {
    return this.#changes.show(['-6', 'route', 'show', ...LINK_LOCAL_ON_LO])
  }

  async #warnOfMissing(lanInterfaces: readonly string[]): Promise<void> {
    const interfaces = await this.#interfaces()
    for (const iface of lanInterfaces)
      if (!interfaces.includes(iface))
        this.#log.warn({ iface }, '--interface: there is no such interface; it is used once it is there')
  }

  /** Where the kernel takes its default route from advertisements, it would lose it with forwarding, unless told. */
  async #keepRouterAdvertisements(lanInterfaces: readonly string[]): Promise<void> {
    const routes = await this.#changes.show(['-6', 'route', 'show', 'proto', 'ra'])
    const advertised = routes
      .map((route) => (route as { dev?: string }).dev)
      .filter((dev) => dev !== undefined)
    for (const iface of new Set([...lanInterfaces, ...advertised])) {
      const path = `net/ipv6/conf/${iface}/accept_ra`
      if ((await this.#changes.read(path)) === '1') await this.#changes.set(path, '2')
    }
  }

  /** Forwarding for all interfaces, also those to come. Setting `all` sets each of them, and so does setting it back. */
  async #forward(family: Family): Promise<void> {
    const path = (name: string) => `net/${family}/conf/${name}/forwarding`
    if (family === 'ipv4') await this.#filterPathsByInterface()
    if ((await this.#changes.read(path('all'))) !== '1') {
      for (const name of ['default', ...(await this.#interfaces())])
        if ((await this.#changes.read(path(name))) === '1')
          await this.#changes.note({ kind: 'sysctl', path: path(name), before: '1', written: '0' })
      await this.#changes.set(path('all'), '1')
    }
    if ((await this.#changes.read(path('default'))) !== '1') await this.#changes.set(path('default'), '1')
  }

  /**
   * Packets come by other ways than they go back, which a strict filter drops (RFC 3704), and from tunnels without an
   * IPv4 address a loose one, too. What the setting for all interfaces does is left to each of those that are there.
   */
  async #filterPathsByInterface(): Promise<void> {
    const path = (name: string) => `net/ipv4/conf/${name}/rp_filter`
    const all = (await this.#changes.read(path('all'))) ?? '0'
    for (const name of ['default', ...(await this.#interfaces())]) {
      const own = await this.#changes.read(path(name))
      if (own === undefined) continue
      const effective = String(Math.max(Number(own), Number(all)))
      const wanted = effective === '1' && this.#lanInterfaces.includes(name) ? '2' : effective
      if (wanted !== own) await this.#changes.set(path(name), wanted)
    }
    if (all !== '0') await this.#changes.set(path('all'), '0')
  }

  async #interfaces(): Promise<readonly string[]> {
    return (await this.#changes.show(['link', 'show'])).map((link) => (link as { ifname: string }).ifname)
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
