import { type BabeldConfiguration, keyLine } from '../../../core/babeld/configuration.ts'
import type { Change, RouteEntry } from '../../../core/babeld/socket-line.ts'
import { BabelTables, type TableChange } from '../../../core/babeld/tables.ts'
import { linkDefaultsText } from '../../../core/config/link-defaults.ts'
import { messageOf } from '../../../core/errors.ts'
import { Listeners } from '../../../core/listeners.ts'
import { isSameOctets } from '../../../core/octets.ts'
import { inBackground } from '../../../platform/background.ts'
import type { KernelEvents } from '../../kernel/kernel-events.ts'
import { ConditionWatch } from '../condition-watch.ts'
import { neighbourOf } from '../neighbour.ts'
import type {
  InterfaceKind,
  Neighbour,
  Route,
  RouteExplanation,
  Router,
  RouterKeys,
  RouterSettings,
  RoutingChange,
} from '../router.ts'
import { HeldRoutes } from './held-routes.ts'
import { BabeldInterfaces } from './interfaces.ts'
import type { BabeldContext } from './process.ts'
import { removeStaleRoutes } from './stale-routes.ts'
import { BabeldSupervisor } from './supervisor.ts'

interface BabeldRouterContext extends BabeldContext {
  readonly events: Pick<KernelEvents, 'watch'>
}

/** A `Router` that runs babeld, speaks with it over its control socket, and starts it anew when it dies. */
export const createBabeldRouter = (context: BabeldRouterContext): Router => new BabeldRouter(context)

class BabeldRouter implements Router {
  readonly #context: BabeldContext
  readonly #listeners = new Listeners<RoutingChange>()
  readonly #stopped = new AbortController()
  readonly #conditions: ConditionWatch
  readonly #held: HeldRoutes
  readonly #supervisor: BabeldSupervisor
  readonly #interfaces: BabeldInterfaces
  readonly #watching: Disposable
  #settings: RouterSettings | undefined
  /** What they were before a change that failed half-way: the next one begins there. */
  #unfinished: RouterSettings | undefined
  /** An IPv4 address of ours that somebody took away. */
  #lostAddress: string | undefined
  #tables = new BabelTables()

  constructor(context: BabeldRouterContext) {
    const { signal } = this.#stopped
    this.#context = context
    this.#watching = context.events.watch((news) => {
      if (news.kind !== 'line') return
      this.#mayHaveLostRoutes(news.line)
      this.#mayHaveLostLinkLocal(news.line)
    })
    this.#conditions = new ConditionWatch(context.clock, signal)
    this.#held = new HeldRoutes({ ...context, onExpired: (route) => this.#flushed(route) })
    this.#supervisor = new BabeldSupervisor({
      context,
      conditions: this.#conditions,
      signal,
      configuration: () => this.#configuration(),
      helloIntervalMs: () => this.#required().helloIntervalMs,
      prepare: () => this.#removeStaleRoutes(),
      onTables: (tables) => {
        this.#tables = tables
      },
      onChange: (change) => this.#onChange(change),
      onStarted: (read) => this.#onStarted(read),
      onEnded: () => this.#onEnded(),
    })
    this.#interfaces = new BabeldInterfaces({
      context,
      babeld: this.#supervisor,
      conditions: this.#conditions,
      held: this.#held,
      signal,
      settings: () => this.#required(),
      tables: () => this.#tables,
      routes: () => this.routes,
      onFlushed: (route) => this.#flushed(route),
    })
  }

  get neighbours(): readonly Neighbour[] {
    // babeld keeps neighbours of interfaces that are down, or that it was told to forget, until it misses their hellos.
    return this.#tables.neighbours
      .filter(({ iface }) => this.#interfaces.has(iface) && this.#tables.interface(iface)?.up)
      .map(neighbourOf)
  }

  get routes(): readonly Route[] {
    // babeld tells of the routes of an interface that went down a moment after the interface itself.
    return [
      ...this.#tables.routes
        .map(routeOf)
        .filter((route) => this.#interfaces.has(route.iface) && !this.#held.has(route)),
      ...this.#held.routes,
    ]
  }

  async explain(prefix: string): Promise<RouteExplanation> {
    const { explanationOf } = await import('./explanation.ts')
    return explanationOf(prefix, this.routes, this.neighbours)
  }

  get isRunning(): boolean {
    return this.#supervisor.tables !== undefined
  }

  watch(listener: (change: RoutingChange) => void): Disposable {
    return this.#listeners.add(listener)
  }

  async start(settings: RouterSettings, signal: AbortSignal): Promise<void> {
    await this.#supervisor.checkVersion(signal)
    this.#settings = settings
    await this.#supervisor.start(signal)
  }

  addInterface(iface: string, kind: InterfaceKind): Promise<void> {
    return this.#interfaces.add(iface, kind)
  }

  removeInterface(iface: string): Promise<void> {
    return this.#interfaces.remove(iface)
  }

  async setCost(iface: string, cost: 'normal' | 'high', neighbour?: string): Promise<void> {
    if (neighbour === undefined) await this.#interfaces.setCost(iface, cost)
  }

  readonly drainsAtOnce = false

  setDraining(isDraining: boolean): Promise<void> {
    return this.#interfaces.setDraining(isDraining)
  }

  /** babeld misses its hellos. */
  neighbourGone(): void {}

  async leaveInterface(iface: string, limitMs: number): Promise<boolean> {
    await this.#interfaces.leave(iface, limitMs)
    return true
  }

  /**
   * babeld keeps the neighbours of an interface that is gone until it misses sixteen of their hellos. What it sends to
   * such a one alone, when it is met again on a new interface of the same name, goes to the old interface.
   */
  isNameFree(iface: string): boolean {
    return (
      !this.#interfaces.has(iface) && !this.#tables.neighbours.some((neighbour) => neighbour.iface === iface)
    )
  }

  async setKeys(keys: RouterKeys): Promise<void> {
    if (this.#settings) await this.reconfigure({ ...this.#settings, keys })
  }

  async reconfigure(settings: RouterSettings): Promise<void> {
    const before = this.#unfinished ?? this.#settings
    if (!before) throw new Error('the router was not started')
    this.#settings = settings
    try {
      await this.#change(before, settings)
      if (before === this.#unfinished) this.#unfinished = undefined
    } catch (error) {
      this.#unfinished ??= before
      throw error
    }
  }

  async #change(before: RouterSettings, settings: RouterSettings): Promise<void> {
    if (fixedPart(before) !== fixedPart(settings)) {
      this.#context.log.warn('babeld is restarted: what it announces or installs has changed')
      await this.#supervisor.replace()
      return
    }
    const { sign } = settings.keys
    if (sign && !isSameKey(sign, before.keys.sign)) await this.#supervisor.command(keyLine(sign))
    if (readWhenUp(before) !== readWhenUp(settings)) await this.#interfaces.renewAll()
  }

  async stop(): Promise<void> {
    const isFirst = !this.#stopped.signal.aborted
    this.#stopped.abort(new Error('the router is stopped'))
    this.#watching[Symbol.dispose]()
    this.#interfaces.endGreetings()
    await this.#supervisor.stop()
    if (!isFirst) return
    // One that hung, or was killed, has not retracted its routes.
    if (this.#settings)
      await this.#removeStaleRoutes().catch((error: unknown) =>
        this.#context.log.warn({ reason: messageOf(error) }, 'routes of babeld may be left in the kernel'),
      )
    // A link that is dormant for a moment is made operational again first.
    await this.#interfaces.settled()
    await this.#held.clear()
  }

  #configuration(): BabeldConfiguration {
    const { keys, ...settings } = this.#required()
    return { ...settings, sign: keys.sign, interfaces: this.#interfaces.configurations() }
  }

  /** @param read the configuration that babeld has read: what was set while it started, nobody heard. */
  async #onStarted(read: BabeldConfiguration): Promise<void> {
    const { sign, ...fixed } = this.#configuration()
    if (fixedPart(read) !== fixedPart(fixed)) {
      // Not awaited: the next one starts when this start is over.
      inBackground(this.#context.log, 'replacing babeld', this.#supervisor.replace())
      return
    }
    if (sign && !isSameKey(sign, read.sign)) await this.#supervisor.command(keyLine(sign))
    await this.#interfaces.begin(read.interfaces)
  }

  /** With an IPv4 address the kernel removes the routes of which it is the source. babeld does not notice that. */
  #mayHaveLostRoutes(line: string): void {
    const address = this.#settings?.ipv4?.address
    if (address === undefined || !line.includes(` inet ${address}/`)) return
    if (line.startsWith('Deleted ')) this.#lostAddress = address
    else if (this.#lostAddress === address) {
      this.#lostAddress = undefined
      this.#context.log.warn('babeld is restarted: its IPv4 routes went with the address of this node')
      inBackground(this.#context.log, 'replacing babeld', this.#supervisor.replace())
    }
  }

  #mayHaveLostLinkLocal(line: string): void {
    const [, iface, address] = /^Deleted \d+: ([^\s:@]+)\s+inet6 (fe80:[0-9a-f:]+)\//.exec(line) ?? []
    if (iface === undefined || address === undefined || !this.#interfaces.has(iface)) return
    if (this.#stopped.signal.aborted) return
    inBackground(
      this.#context.log,
      `the link-local address of ${iface}`,
      this.#interfaces.linkLocalGone(iface, address),
      this.#stopped.signal,
    )
  }

  #removeStaleRoutes(): Promise<void> {
    return removeStaleRoutes(this.#context.processes, new Set(this.#interfaces.names()))
  }

  #onChange(change: TableChange): void {
    this.#conditions.look()
    this.#interfaces.look(change.entry.iface)
    if (change.kind === 'neighbour')
      this.#listeners.tell({ kind: 'neighbour', change: change.change, neighbour: neighbourOf(change.entry) })
    else if (change.kind === 'route') this.#onRoute(change.change, routeOf(change.entry))
  }

  /** While a route is held, nobody needs to know that babeld has forgotten it. */
  #onRoute(change: Change, route: Route): void {
    const isHeld = this.#held.has(route)
    const found = change !== 'flushed' && route.installed
    if (isHeld && !found) return
    this.#listeners.tell({ kind: 'route', change: isHeld ? 'changed' : change, route })
    if (!found) return
    for (const replaced of this.#held.release(route)) this.#flushed(replaced)
  }

  #onEnded(): void {
    this.#interfaces.endGreetings()
    if (this.#stopped.signal.aborted) return
    for (const iface of this.#interfaces.names()) this.#held.forget(iface)
    this.#tables = new BabelTables()
    this.#listeners.tell({ kind: 'restarted' })
  }

  #flushed(route: Route): void {
    this.#listeners.tell({ kind: 'route', change: 'flushed', route })
  }

  #required(): RouterSettings {
    if (!this.#settings) throw new Error('the router was not started')
    return this.#settings
  }
}

/** What only another babeld can change. */
const fixedPart = (settings: Omit<BabeldConfiguration, 'sign' | 'interfaces'>): string => {
  const { nodeCidr, networkCidr, nodeAddress, ipv4, defaultRoute, sourceSpecific } = settings
  return JSON.stringify([nodeCidr, networkCidr, nodeAddress, ipv4, defaultRoute, sourceSpecific])
}

/** What an interface reads when it comes up. */
const readWhenUp = ({ helloIntervalMs, linkDefaults, keys }: RouterSettings): string =>
  JSON.stringify([
    helloIntervalMs,
    linkDefaultsText(linkDefaults),
    keys.sign !== undefined,
    keys.accept === 'anything',
  ])

const isSameKey = (one: Uint8Array, other: Uint8Array | undefined): boolean =>
  other !== undefined && isSameOctets(one, other)

const routeOf = ({ id: _, ...route }: RouteEntry): Route => route
