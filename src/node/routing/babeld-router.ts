import {
  type BabeldConfiguration,
  configurationFile,
  flushLine,
  type InterfaceConfiguration,
  interfaceLine,
  keyLine,
} from '../../core/babel/configuration.ts'
import {
  askingIntervals,
  configuredIntervals,
  firstIntervals,
  type Intervals,
  latestHelloMs,
} from '../../core/babel/intervals.ts'
import { type Change, INFINITY, type NeighbourEntry, type RouteEntry } from '../../core/babel/socket-line.ts'
import { BabelTables, type TableChange } from '../../core/babel/tables.ts'
import { checkBabeldVersion } from '../../core/babel/version.ts'
import { messageOf, Re6stError } from '../../core/errors.ts'
import { type BabeldContext, BabeldProcess } from './babeld-process.ts'
import { Greeter } from './greeter.ts'
import { canBeHeld, HeldRoutes } from './held-routes.ts'
import { ipBatch, linkDown, setOperational } from './link.ts'
import type {
  InterfaceKind,
  Neighbour,
  Route,
  Router,
  RouterKeys,
  RouterSettings,
  RoutingChange,
} from './router.ts'
import { removeStaleRoutes } from './stale-routes.ts'

/** A `Router` that runs babeld, speaks with it over its control socket, and starts it anew when it dies. */
export const createBabeldRouter = (context: BabeldContext): Router => new BabeldRouter(context)

/** Pauses before babeld is started again; the last one repeats. One that ran for a while begins at the first. */
const RESTART_PAUSES_MS = [0, 500, 1_000, 2_000, 5_000, 10_000, 30_000] as const
const RAN_WELL_MS = 60_000
/** babeld sees that a link went down by a kernel event, in some milliseconds. */
const LINK_EVENT_MS = 2_000
/** For a neighbour that answers late. */
const BACK_MS = 2_000

class BabeldRouter implements Router {
  readonly #context: BabeldContext
  readonly #listeners = new Set<(change: RoutingChange) => void>()
  /** Conditions that someone waits for, looked at after each change. */
  readonly #looks = new Set<() => void>()
  readonly #ifaces = new Map<string, InterfaceKind>()
  /** Those over which we want to receive only what has no other way. */
  readonly #expensive = new Set<string>()
  readonly #greeters = new Map<string, Greeter>()
  readonly #held: HeldRoutes
  /** What babeld was told of interfaces that it takes back only with them. */
  readonly #told = new Map<string, string>()
  /** The last change of each link: one follows the other. */
  readonly #turns = new Map<string, Promise<unknown>>()
  readonly #stopped = new AbortController()
  #settings: RouterSettings | undefined
  #babeld: BabeldProcess | undefined
  #tables = new BabelTables()
  #supervision: Promise<void> | undefined
  #replacing = false

  constructor(context: BabeldContext) {
    this.#context = context
    this.#held = new HeldRoutes({
      ...context,
      onExpired: (route) => this.#tell({ kind: 'route', change: 'flushed', route }),
    })
  }

  get neighbours(): readonly Neighbour[] {
    // babeld keeps neighbours of interfaces that are down, or that it was told to forget, until it misses their hellos.
    return this.#tables.neighbours
      .filter(({ iface }) => this.#ifaces.has(iface) && this.#tables.interface(iface)?.up)
      .map(neighbourOf)
  }

  get routes(): readonly Route[] {
    // babeld tells of the routes of an interface that went down a moment after the interface itself.
    return [
      ...this.#tables.routes
        .map(routeOf)
        .filter((route) => this.#ifaces.has(route.iface) && !this.#held.has(route)),
      ...this.#held.routes,
    ]
  }

  watch(listener: (change: RoutingChange) => void): Disposable {
    this.#listeners.add(listener)
    return { [Symbol.dispose]: () => void this.#listeners.delete(listener) }
  }

  async start(settings: RouterSettings, signal: AbortSignal): Promise<void> {
    await this.#checkVersion(signal)
    this.#settings = settings
    for (const iface of settings.tunnelIfaces) this.#ifaces.set(iface, 'server')
    for (const iface of settings.lanIfaces) this.#ifaces.set(iface, 'lan')
    await this.#launch(signal)
    this.#supervision = this.#supervise()
  }

  async addInterface(iface: string, kind: InterfaceKind): Promise<void> {
    if (this.#ifaces.get(iface) === kind && kind !== 'tunnel') return
    this.#ifaces.set(iface, kind)
    if (!this.#babeld) return // the next one has it in its configuration
    await this.#renew(iface, kind, this.#configurationOf(iface, kind))
    if (kind === 'tunnel') this.#greet(iface)
  }

  async removeInterface(iface: string): Promise<void> {
    const kind = this.#ifaces.get(iface)
    this.#ifaces.delete(iface)
    this.#expensive.delete(iface)
    this.#endGreeting(iface)
    for (const route of this.#held.forget(iface)) this.#tell({ kind: 'route', change: 'flushed', route })
    // babeld 1.12 goes on using what it frees of an interface that it is told to forget: a tunnel, which comes back
    // under the same name, it had better know as one that is down.
    await this.#inTurn(iface, async () => {
      if (kind === 'lan') await this.#forget(iface)
      else await this.#setDown(iface).catch(() => {}) // it has gone by itself
    })
  }

  async setCost(iface: string, cost: 'normal' | 'high'): Promise<void> {
    const kind = this.#ifaces.get(iface)
    if (kind === undefined) return
    if (cost === 'high') this.#expensive.add(iface)
    else this.#expensive.delete(iface)
    this.#endGreeting(iface)
    if (this.#babeld)
      await this.#renew(iface, kind, this.#configurationOf(iface, kind, this.#configuredIntervals()))
  }

  async leaveInterface(iface: string, limitMs: number): Promise<void> {
    this.#endGreeting(iface)
    await this.#inTurn(iface, async () => {
      if (!this.#tables.interface(iface)?.up) return
      await this.#makeDormant(iface, limitMs)
      await this.#until(() => !this.#held.routes.some((route) => route.iface === iface), limitMs)
    })
    await this.removeInterface(iface)
  }

  /**
   * babeld keeps the neighbours of an interface that is gone until it misses sixteen of their hellos. What it sends to
   * such a one alone, when it is met again on a new interface of the same name, goes to the old interface.
   */
  remembers(iface: string): boolean {
    return !this.#ifaces.has(iface) && this.#tables.neighbours.some((neighbour) => neighbour.iface === iface)
  }

  async setKeys(keys: RouterKeys): Promise<void> {
    if (this.#settings) await this.reconfigure({ ...this.#settings, keys })
  }

  async reconfigure(settings: RouterSettings): Promise<void> {
    const before = this.#settings
    if (!before) throw new Error('the router was not started')
    this.#settings = settings
    if (fixedPart(before) !== fixedPart(settings)) {
      this.#context.log.warn('babeld is restarted: what it announces or installs has changed')
      await this.#replace()
      return
    }
    const { sign } = settings.keys
    if (sign && !equalBytes(sign, before.keys.sign)) await this.#command(keyLine(sign))
    await this.#changeInterfaces(before, settings)
    if (readWhenUp(before) === readWhenUp(settings)) return
    // One after the other, so that traffic can take another way meanwhile.
    for (const [iface, kind] of [...this.#ifaces]) {
      if (this.#stopped.signal.aborted) return
      if (this.#ifaces.get(iface) === kind) await this.#renewPatiently(iface, kind)
    }
  }

  async stop(): Promise<void> {
    if (this.#stopped.signal.aborted) return await this.#supervision
    this.#stopped.abort(new Error('the router is stopped'))
    this.#endGreetings()
    await this.#babeld?.stop()
    await this.#supervision
    // One that hung, or was killed, has not retracted its routes.
    if (this.#settings)
      await this.#removeStaleRoutes().catch((error: unknown) =>
        this.#context.log.warn({ reason: messageOf(error) }, 'routes of babeld may be left in the kernel'),
      )
    // A link that is dormant for a moment is made operational again first.
    await Promise.allSettled(this.#turns.values())
    await this.#held.clear()
  }

  // --- babeld's life

  async #checkVersion(signal: AbortSignal): Promise<void> {
    let printed: string
    try {
      const { stdout, stderr } = await this.#context.processes.run('babeld', ['-V'], { signal })
      printed = stdout + stderr
    } catch (error) {
      signal.throwIfAborted()
      throw new Re6stError('DAEMON', `babeld cannot be run, is it installed? ${messageOf(error)}`, {
        cause: error,
      })
    }
    const version = checkBabeldVersion(printed)
    if (!version.ok) throw new Re6stError('DAEMON', version.reason)
  }

  async #launch(signal: AbortSignal): Promise<void> {
    await this.#removeStaleRoutes()
    const configuration = this.#configuration()
    const babeld = await BabeldProcess.start(this.#context, {
      configuration: configurationFile(configuration),
      helloIntervalMs: this.#required().helloIntervalMs,
      onTables: (tables) => {
        this.#tables = tables
      },
      onChange: (change) => this.#onChange(change),
      signal: AbortSignal.any([signal, this.#stopped.signal]),
    })
    this.#babeld = babeld
    this.#told.clear()
    for (const [iface, each] of configuration.interfaces) this.#told.set(iface, permanentPart(each))
    this.#look()
    // Interfaces may have come and gone while it started.
    for (const iface of configuration.interfaces.keys())
      if (!this.#ifaces.has(iface)) await this.#forget(iface)
    for (const [iface, kind] of this.#ifaces) {
      if (!configuration.interfaces.has(iface))
        await this.#renew(iface, kind, this.#configurationOf(iface, kind))
      if (kind === 'tunnel') this.#greet(iface)
    }
  }

  #removeStaleRoutes(): Promise<void> {
    return removeStaleRoutes(this.#context.processes, new Set(this.#ifaces.keys()))
  }

  /** Starts babeld again whenever it ends, until the router is stopped. */
  async #supervise(): Promise<void> {
    const { clock, log } = this.#context
    const { signal } = this.#stopped
    let failures = 0
    let startedMs = clock.monotonicMs()
    for (;;) {
      const ended = this.#babeld
      const reason = await ended?.ended
      this.#babeld = undefined
      this.#endGreetings()
      // One that died by itself has left its files.
      await ended?.stop()
      if (signal.aborted) return
      for (const iface of this.#ifaces.keys()) this.#held.forget(iface)
      this.#tables = new BabelTables()
      this.#tell({ kind: 'restarted' })
      if (this.#replacing || clock.monotonicMs() - startedMs > RAN_WELL_MS) failures = 0
      if (!this.#replacing) log.warn({ reason }, 'babeld is gone and is started again')
      this.#replacing = false
      try {
        await clock.sleep(RESTART_PAUSES_MS[Math.min(failures++, RESTART_PAUSES_MS.length - 1)] ?? 0, signal)
        startedMs = clock.monotonicMs()
        await this.#launch(signal)
      } catch (error) {
        if (signal.aborted) return
        log.error({ reason: messageOf(error) }, 'babeld does not start')
      }
    }
  }

  /** Ends babeld and waits for the next one: all routes are lost for a while. */
  async #replace(): Promise<void> {
    const old = this.#babeld
    if (!old) return // the next one, which is about to be started, has the new settings
    this.#replacing = true
    await old.stop()
    await this.#until(() => this.#babeld !== undefined && this.#babeld !== old, Number.POSITIVE_INFINITY)
  }

  // --- interfaces

  #configuration(): BabeldConfiguration {
    const { keys, ...settings } = this.#required()
    const interfaces = new Map(
      [...this.#ifaces].map(([iface, kind]) => [iface, this.#configurationOf(iface, kind)]),
    )
    return { ...settings, sign: keys.sign, interfaces }
  }

  #configurationOf(iface: string, kind: InterfaceKind, intervals?: Intervals): InterfaceConfiguration {
    const { interfaceDefaults, keys } = this.#required()
    const configured = this.#configuredIntervals()
    return {
      ...(intervals ?? (kind === 'tunnel' ? firstIntervals(configured) : configured)),
      defaults: interfaceDefaults,
      isTunnel: kind !== 'lan',
      isExpensive: this.#expensive.has(iface),
      signed: keys.sign !== undefined,
      acceptsAnything: keys.accept === 'anything',
    }
  }

  #configuredIntervals(): Intervals {
    const { helloIntervalMs, expectedRoutes = 0 } = this.#required()
    return configuredIntervals(helloIntervalMs, Math.max(expectedRoutes, this.#tables.routes.length))
  }

  #greet(iface: string): void {
    const babeld = this.#babeld
    if (!babeld) return // greeted when the next one has started
    this.#endGreeting(iface)
    // The size of the network, and with it the intervals, may change meanwhile.
    const configured = this.#configuredIntervals()
    const greeter = new Greeter({
      iface,
      clock: this.#context.clock,
      log: this.#context.log,
      tables: babeld.tables,
      configured,
      renew: (step) =>
        this.#renew(
          iface,
          'tunnel',
          this.#configurationOf(iface, 'tunnel', step === 'ask' ? askingIntervals(configured) : configured),
        ),
    })
    this.#greeters.set(iface, greeter)
    greeter.look()
  }

  /** Lets babeld read the configuration of an interface, which it does when that comes up. */
  async #renew(iface: string, kind: InterfaceKind, configuration: InterfaceConfiguration): Promise<void> {
    await this.#inTurn(iface, () => this.#doRenew(iface, kind, configuration))
  }

  /** Changes a link when the changes that were begun before are done. */
  async #inTurn(iface: string, change: () => Promise<void>): Promise<void> {
    const turn = (this.#turns.get(iface) ?? Promise.resolve()).catch(() => {}).then(change)
    this.#turns.set(iface, turn)
    try {
      await turn
    } finally {
      if (this.#turns.get(iface) === turn) this.#turns.delete(iface)
    }
  }

  async #doRenew(iface: string, kind: InterfaceKind, configuration: InterfaceConfiguration): Promise<void> {
    if (!this.#ifaces.has(iface)) return // removed before its turn came
    const told = this.#told.get(iface)
    // What babeld was told it takes back only with the interface. A LAN is not ours to set down.
    const mustForget = told !== undefined && (kind === 'lan' || told !== permanentPart(configuration))
    if (mustForget) await this.#forget(iface)
    this.#told.set(iface, permanentPart(configuration))
    await this.#command(interfaceLine(iface, configuration))
    if (told === undefined || mustForget || !this.#tables.interface(iface)?.up) return
    // The neighbour's next full update comes within its interval, which is ours, give or take a quarter.
    await this.#makeDormant(iface, 1.5 * this.#configuredIntervals().updateIntervalMs + BACK_MS)
    // Removed meanwhile: dormant will do, until its turn to be set down.
    if (this.#ifaces.has(iface)) await setOperational(this.#context.processes, iface, true)
  }

  /** Takes a link out of babeld's sight, while the kernel goes on using its routes. */
  async #makeDormant(iface: string, holdMs: number): Promise<void> {
    const { processes } = this.#context
    const held = this.routes.filter((route) => route.iface === iface && canBeHeld(route))
    this.#held.hold(held, holdMs)
    await ipBatch(processes, this.#held.commands(iface, this.#required().nodeAddress))
    await setOperational(processes, iface, false)
    await this.#untilDown(iface)
  }

  async #setDown(iface: string): Promise<void> {
    await linkDown(this.#context.processes, iface)
    await this.#untilDown(iface)
  }

  /** If a link came up again before babeld looks, nothing would have happened. */
  #untilDown(iface: string): Promise<void> {
    return this.#until(() => !this.#tables.interface(iface)?.up, LINK_EVENT_MS)
  }

  async #forget(iface: string): Promise<void> {
    if (this.#told.delete(iface)) await this.#command(flushLine(iface))
  }

  /** The interfaces that the settings name. */
  async #changeInterfaces(before: RouterSettings, after: RouterSettings): Promise<void> {
    const named = ({ tunnelIfaces, lanIfaces }: RouterSettings) =>
      new Map<string, InterfaceKind>([
        ...tunnelIfaces.map((iface) => [iface, 'server'] as const),
        ...lanIfaces.map((iface) => [iface, 'lan'] as const),
      ])
    const wanted = named(after)
    for (const iface of named(before).keys()) if (!wanted.has(iface)) await this.removeInterface(iface)
    for (const [iface, kind] of wanted) if (!this.#ifaces.has(iface)) await this.addInterface(iface, kind)
  }

  /** Lets an interface come up with another configuration, and waits until its neighbours are back. */
  async #renewPatiently(iface: string, kind: InterfaceKind): Promise<void> {
    const neighbours = this.#usableNeighbours(iface)
    this.#endGreeting(iface)
    const configuration = this.#configurationOf(iface, kind, this.#configuredIntervals())
    await this.#renew(iface, kind, configuration)
    const limitMs = latestHelloMs(configuration) + BACK_MS
    await this.#until(() => {
      const now = this.#usableNeighbours(iface)
      return [...neighbours].every((address) => now.has(address))
    }, limitMs)
  }

  #usableNeighbours(iface: string): ReadonlySet<string> {
    const usable = this.#tables.neighbours.filter((each) => each.iface === iface && each.cost < INFINITY)
    return new Set(usable.map(({ address }) => address))
  }

  // --- small things

  /** Sends a command that must succeed. While no babeld runs nothing is lost: the next one gets it all at its start. */
  async #command(text: string): Promise<void> {
    const babeld = this.#babeld
    const answer = await babeld?.command(text)
    if (answer && !answer.ok && this.#babeld === babeld) {
      const what = text.split(' ', 2).join(' ')
      this.#context.log.warn({ reason: answer.reason }, `babeld refuses "${what}"`)
    }
  }

  #onChange(change: TableChange): void {
    this.#look()
    this.#greeters.get(change.entry.iface)?.look()
    if (change.kind === 'neighbour')
      this.#tell({ kind: 'neighbour', change: change.change, neighbour: neighbourOf(change.entry) })
    else if (change.kind === 'route') this.#onRoute(change.change, routeOf(change.entry))
  }

  /** While a route is held, nobody needs to know that babeld has forgotten it. */
  #onRoute(change: Change, route: Route): void {
    const isHeld = this.#held.has(route)
    const found = change !== 'flushed' && route.installed
    if (isHeld && !found) return
    this.#tell({ kind: 'route', change: isHeld ? 'changed' : change, route })
    if (!found) return
    for (const other of this.#held.release(route))
      if (other.iface !== route.iface) this.#tell({ kind: 'route', change: 'flushed', route: other })
  }

  #look(): void {
    for (const look of [...this.#looks]) look()
  }

  #tell(change: RoutingChange): void {
    for (const listener of [...this.#listeners]) listener(change)
  }

  #endGreeting(iface: string): void {
    this.#greeters.get(iface)?.[Symbol.dispose]()
    this.#greeters.delete(iface)
  }

  #endGreetings(): void {
    for (const iface of [...this.#greeters.keys()]) this.#endGreeting(iface)
  }

  /** Resolves when the condition holds, after the limit, or when the router is stopped. */
  async #until(condition: () => boolean, limitMs: number): Promise<void> {
    if (condition() || this.#stopped.signal.aborted) return
    await new Promise<void>((resolve) => {
      const timer = Number.isFinite(limitMs) ? this.#context.clock.after(limitMs, () => done()) : undefined
      const look = () => void (condition() && done())
      const done = () => {
        timer?.[Symbol.dispose]()
        this.#looks.delete(look)
        this.#stopped.signal.removeEventListener('abort', done)
        resolve()
      }
      this.#looks.add(look)
      this.#stopped.signal.addEventListener('abort', done, { once: true })
    })
  }

  #required(): RouterSettings {
    if (!this.#settings) throw new Error('the router was not started')
    return this.#settings
  }
}

/** What only another babeld can change. */
const fixedPart = (settings: RouterSettings): string => {
  const { nodeCidr, networkCidr, nodeAddress, ipv4, defaultRoute, sourceSpecific } = settings
  return JSON.stringify([nodeCidr, networkCidr, nodeAddress, ipv4, defaultRoute, sourceSpecific])
}

/** What an interface reads when it comes up. */
const readWhenUp = ({ helloIntervalMs, interfaceDefaults, keys }: RouterSettings): string =>
  JSON.stringify([helloIntervalMs, interfaceDefaults, keys.sign !== undefined, keys.accept === 'anything'])

/** What babeld only adds to what it knows of an interface; intervals it replaces. */
const permanentPart = ({ defaults, signed, acceptsAnything }: InterfaceConfiguration): string =>
  JSON.stringify([defaults, signed, acceptsAnything])

const equalBytes = (one: Uint8Array, other: Uint8Array | undefined): boolean =>
  other !== undefined && Buffer.compare(one, other) === 0

const neighbourOf = ({ address, iface, rxcost, txcost, cost, rttMs }: NeighbourEntry): Neighbour => ({
  address,
  iface,
  rxcost,
  txcost,
  cost,
  rttMs,
})

const routeOf = ({ id: _, ...route }: RouteEntry): Route => route
