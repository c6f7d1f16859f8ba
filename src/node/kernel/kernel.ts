import { messageOf, Re6stError } from '../../core/errors.ts'
import type { Logger } from '../../platform/log.ts'
import type { Processes } from '../../platform/processes.ts'
import { type Deed, Journal } from './journal.ts'
import { procSysctls, type Sysctls } from './sysctls.ts'

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

/** Changes the kernel for a node and undoes all of it. */
export interface Kernel {
  /**
   * Removes what a killed predecessor left, and switches forwarding on. To be called first.
   * @param lanInterfaces where router advertisements go on being accepted, which forwarding would end
   * @throws Re6stError `SYSTEM` without privileges
   */
  prepare(lanInterfaces: readonly string[]): Promise<KernelAbilities>
  /** Gives the main interface the node address and makes the rest of the network unreachable. */
  assign(addresses: NodeAddresses): Promise<void>
  /** The same with the address of IPv4 payload; forwards IPv4 too. */
  assignIpv4(addresses: NodeAddresses): Promise<void>
  /** Sets an interface up, with a link-local address that is there at once. */
  linkUp(iface: string): Promise<void>
  /** Undoes everything. Idempotent. */
  stop(): Promise<void>
}

interface KernelInit {
  readonly processes: Processes
  readonly log: Logger
  /** Where it is written down what is to be undone. */
  readonly stateFile: string
  readonly sysctls?: Sysctls
}

/** The kernel of this machine, by `ip` and /proc/sys. */
export const createKernel = (init: KernelInit): Kernel => new LinuxKernel(init)

type Family = 'ipv4' | 'ipv6'

/** Option of `ip`, by family. */
const OPTION: Readonly<Record<Family, string>> = { ipv4: '-4', ipv6: '-6' }

const LINK_LOCAL_ON_LO = ['fe80::/64', 'dev', 'lo'] as const

class LinuxKernel implements Kernel {
  readonly #processes: Processes
  readonly #log: Logger
  readonly #stateFile: string
  readonly #sysctls: Sysctls
  #journal: Journal | undefined

  constructor({ processes, log, stateFile, sysctls = procSysctls }: KernelInit) {
    this.#processes = processes
    this.#log = log
    this.#stateFile = stateFile
    this.#sysctls = sysctls
  }

  async prepare(lanInterfaces: readonly string[]): Promise<KernelAbilities> {
    const boot = (await this.#sysctls.read('kernel/random/boot_id')) ?? ''
    this.#journal = await Journal.open(this.#stateFile, boot, this.#log)
    if (this.#journal.deeds.length > 0) {
      this.#log.warn('a killed node left changes in the kernel: they are undone')
      await this.#undo(this.#journal)
    }
    await this.#keepRouterAdvertisements(lanInterfaces)
    await this.#forward('ipv6')
    return { sourceSpecificRoutes: await this.#hasSourceSpecificRoutes() }
  }

  async assign(addresses: NodeAddresses): Promise<void> {
    await this.#assign('ipv6', addresses)
  }

  async assignIpv4(addresses: NodeAddresses): Promise<void> {
    await this.#forward('ipv4')
    await this.#assign('ipv4', addresses)
  }

  async linkUp(iface: string): Promise<void> {
    // Duplicate address detection would keep the link-local address from use for 1 to 2 s. The setting goes with the
    // interface, which is a tunnel's.
    await this.#sysctls.write(`net/ipv6/conf/${iface}/accept_dad`, '0').catch(() => {})
    await this.#ip(['link', 'set', 'dev', iface, 'up'])
  }

  async stop(): Promise<void> {
    if (this.#journal) await this.#undo(this.#journal)
  }

  async #assign(family: Family, { mainInterface, address, length, network }: NodeAddresses): Promise<void> {
    const option = OPTION[family]
    await this.#expectInterface(mainInterface)
    if (!(await this.#hasAddress(mainInterface, address))) {
      const linkLocal = mainInterface === 'lo' ? await this.#linkLocalRoutes() : undefined
      const words = [`${address}/${length}`, 'dev', mainInterface]
      // On lo, the route to the subnet may outlive the address.
      if (linkLocal) await this.#note({ kind: 'ip', undo: [option, 'route', 'del', ...words] })
      await this.#do([option, 'addr', 'add', ...words, ...(family === 'ipv6' ? ['nodad'] : [])], {
        kind: 'ip',
        undo: [option, 'addr', 'del', ...words],
      })
      // Some kernels then also give lo a route to link-local addresses, through which none of them can be reached.
      if (linkLocal?.length === 0 && (await this.#linkLocalRoutes()).length > 0)
        await this.#ip(['-6', 'route', 'del', ...LINK_LOCAL_ON_LO])
    }
    const route = ['unreachable', network]
    if ((await this.#show([option, 'route', 'show', 'type', ...route])).length > 0) return
    await this.#do([option, 'route', 'add', ...route], {
      kind: 'ip',
      undo: [option, 'route', 'del', ...route],
    })
  }

  async #expectInterface(iface: string): Promise<void> {
    try {
      await this.#show(['link', 'show', 'dev', iface])
    } catch (error) {
      throw new Re6stError('SYSTEM', `there is no interface ${iface}`, { cause: error })
    }
  }

  async #hasAddress(iface: string, address: string): Promise<boolean> {
    const links = await this.#show(['addr', 'show', 'dev', iface])
    return links.some((link) =>
      (link as { addr_info?: { local?: string }[] }).addr_info?.some(({ local }) => local === address),
    )
  }

  #linkLocalRoutes(): Promise<readonly unknown[]> {
    return this.#show(['-6', 'route', 'show', ...LINK_LOCAL_ON_LO])
  }

  /** Where the kernel takes its default route from advertisements, it would lose it with forwarding, unless told. */
  async #keepRouterAdvertisements(lanInterfaces: readonly string[]): Promise<void> {
    const routes = await this.#show(['-6', 'route', 'show', 'proto', 'ra'])
    const advertised = routes
      .map((route) => (route as { dev?: string }).dev)
      .filter((dev) => dev !== undefined)
    for (const iface of new Set([...lanInterfaces, ...advertised])) {
      const path = `net/ipv6/conf/${iface}/accept_ra`
      if ((await this.#sysctls.read(path)) === '1') await this.#set(path, '2')
    }
  }

  /** Forwarding for all interfaces, also those to come. Setting `all` sets each of them, and so does setting it back. */
  async #forward(family: Family): Promise<void> {
    const path = (name: string) => `net/${family}/conf/${name}/forwarding`
    if (family === 'ipv4' && (await this.#strictestPathFilter()) === 1)
      // Loose: in a mesh, the way back is often another one.
      await this.#set('net/ipv4/conf/default/rp_filter', '2')
    if ((await this.#sysctls.read(path('all'))) !== '1') {
      for (const name of ['default', ...(await this.#interfaces())])
        if ((await this.#sysctls.read(path(name))) === '1')
          await this.#note({ kind: 'sysctl', path: path(name), before: '1', written: '0' })
      await this.#set(path('all'), '1')
    }
    if ((await this.#sysctls.read(path('default'))) !== '1') await this.#set(path('default'), '1')
  }

  async #strictestPathFilter(): Promise<number> {
    const names = ['all', 'default'].map((name) => this.#sysctls.read(`net/ipv4/conf/${name}/rp_filter`))
    return Math.max(...(await Promise.all(names)).map(Number))
  }

  async #interfaces(): Promise<readonly string[]> {
    return (await this.#show(['link', 'show'])).map((link) => (link as { ifname: string }).ifname)
  }

  async #hasSourceSpecificRoutes(): Promise<boolean> {
    const route = ['unreachable', '::/128', 'from', '::/128']
    const undo = ['-6', 'route', 'del', ...route]
    try {
      await this.#do(['-6', 'route', 'add', ...route], { kind: 'ip', undo })
    } catch {
      return false
    }
    await this.#undoLast(this.#opened())
    return true
  }

  // --- doing, and undoing

  async #set(path: string, value: string): Promise<void> {
    const deed: Deed = {
      kind: 'sysctl',
      path,
      before: (await this.#sysctls.read(path)) ?? '',
      written: value,
    }
    await this.#note(deed)
    try {
      await this.#sysctls.write(path, value)
    } catch (error) {
      await this.#opened().remove(deed)
      throw new Re6stError('SYSTEM', `cannot set ${path} to ${value}: ${messageOf(error)}`, { cause: error })
    }
  }

  async #do(command: readonly string[], deed: Deed): Promise<void> {
    await this.#note(deed)
    try {
      await this.#ip(command)
    } catch (error) {
      await this.#opened().remove(deed)
      throw error
    }
  }

  async #note(deed: Deed): Promise<void> {
    await this.#opened().add(deed)
  }

  async #undo(journal: Journal): Promise<void> {
    while (journal.deeds.length > 0) await this.#undoLast(journal)
  }

  async #undoLast(journal: Journal): Promise<void> {
    const deed = journal.deeds.at(-1)
    if (!deed) return
    try {
      if (deed.kind === 'ip') await this.#ip(deed.undo)
      else if ((await this.#sysctls.read(deed.path)) === deed.written)
        await this.#sysctls.write(deed.path, deed.before)
    } catch (error) {
      // It was never done, or someone else undid it, or its interface is gone.
      this.#log.debug({ reason: messageOf(error) }, 'nothing to undo')
    }
    await journal.remove(deed)
  }

  async #ip(command: readonly string[]): Promise<void> {
    try {
      await this.#processes.run('ip', command)
    } catch (error) {
      throw new Re6stError('SYSTEM', messageOf(error), { cause: error })
    }
  }

  async #show(command: readonly string[]): Promise<readonly unknown[]> {
    const { stdout } = await this.#processes.run('ip', ['-j', ...command])
    return stdout.trim() === '' ? [] : (JSON.parse(stdout) as unknown[])
  }

  #opened(): Journal {
    if (!this.#journal) throw new Error('the kernel was not prepared')
    return this.#journal
  }
}
