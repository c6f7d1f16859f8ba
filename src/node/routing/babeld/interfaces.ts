import { isUsable } from '../../../core/babel/metric.ts'
import {
  type BabeldConfiguration,
  flushLine,
  type InterfaceConfiguration,
  interfaceLine,
} from '../../../core/babeld/configuration.ts'
import {
  askingIntervals,
  configuredIntervals,
  firstIntervals,
  type Intervals,
  latestHelloMs,
} from '../../../core/babeld/intervals.ts'
import type { BabelTables } from '../../../core/babeld/tables.ts'
import { linkDefaultsText } from '../../../core/config/link-defaults.ts'
import { Turns } from '../../../platform/turns.ts'
import type { ConditionWatch } from '../condition-watch.ts'
import { lacksLinkLocal } from '../ip-link.ts'
import type { InterfaceKind, Route, RouterSettings } from '../router.ts'
import { Greeter } from './greeter.ts'
import type { HeldRoutes } from './held-routes.ts'
import type { BabeldContext } from './process.ts'
import { SeenLinks } from './seen-links.ts'
import type { BabeldSupervisor } from './supervisor.ts'

interface InterfacesInit {
  readonly context: Pick<BabeldContext, 'processes' | 'clock' | 'log'>
  readonly babeld: Pick<BabeldSupervisor, 'tables' | 'command'>
  readonly conditions: ConditionWatch
  readonly held: HeldRoutes
  /** Aborted when nothing is to be changed any more. */
  readonly signal: AbortSignal
  /** Throws before they are known. */
  readonly settings: () => RouterSettings
  /** What is known of babeld's tables, also when it has just ended. */
  readonly tables: () => BabelTables
  /** The routes that count. */
  readonly routes: () => readonly Route[]
  /** A held route is gone with its interface. */
  readonly onFlushed: (route: Route) => void
}

/** For a neighbour that answers late. */
const BACK_MS = 2_000
/** One that is removed waits less: its tunnel may be dead, and packets are lost until it is gone. */
const QUIET_AT_END_MS = 300

/** The interfaces that babeld routes on: what it is told of each, and how what it was told is changed. */
export class BabeldInterfaces {
  readonly #init: InterfacesInit
  readonly #links: SeenLinks
  readonly #kinds = new Map<string, InterfaceKind>()
  /** Those over which we want to receive only what has no other way. */
  readonly #expensive = new Set<string>()
  #isDraining = false
  readonly #greeters = new Map<string, Greeter>()
  /** What babeld was told of interfaces that it takes back only with them. */
  readonly #told = new Map<string, string>()
  /** The changes of each link follow each other. */
  readonly #turns = new Map<string, Turns>()

  constructor(init: InterfacesInit) {
    this.#init = init
    this.#links = new SeenLinks({ ...init, ...init.context, isKept: (iface) => this.#kinds.has(iface) })
  }

  has(iface: string): boolean {
    return this.#kinds.has(iface)
  }

  names(): readonly string[] {
    return [...this.#kinds.keys()]
  }

  /** What a babeld has to know that is started now. */
  configurations(): BabeldConfiguration['interfaces'] {
    return new Map([...this.#kinds].map(([iface, kind]) => [iface, this.#configurationOf(iface, kind)]))
  }

  /** A babeld has begun with these; they may have come and gone while it started. */
  async begin(configured: BabeldConfiguration['interfaces']): Promise<void> {
    this.#told.clear()
    for (const [iface, each] of configured) this.#told.set(iface, permanentPart(each))
    for (const iface of configured.keys()) if (!this.#kinds.has(iface)) await this.#forget(iface)
    for (const [iface, kind] of this.#kinds) {
      const now = this.#configurationOf(iface, kind)
      if (this.#told.get(iface) !== permanentPart(now)) await this.#renew(iface, kind, now)
      if (kind === 'tunnel') this.#greet(iface)
    }
  }

  async add(iface: string, kind: InterfaceKind): Promise<void> {
    if (this.#kinds.get(iface) === kind && kind !== 'tunnel') return
    this.#kinds.set(iface, kind)
    if (!this.#init.babeld.tables) return // the next one has it in its configuration
    await this.#renew(iface, kind, this.#configurationOf(iface, kind))
    if (kind === 'tunnel') this.#greet(iface)
  }

  async remove(iface: string): Promise<void> {
    const kind = this.#kinds.get(iface)
    this.#kinds.delete(iface)
    this.#init.conditions.look()
    this.#expensive.delete(iface)
    this.#endGreeting(iface)
    for (const route of this.#init.held.forget(iface)) this.#init.onFlushed(route)
    // babeld 1.12 goes on using what it frees of an interface that it is told to forget: a tunnel, which comes back
    // under the same name, it had better know as one that is down.
    await this.#inTurn(iface, async () => {
      if (kind === 'lan') await this.#forget(iface)
      else {
        await this.#links.untilQuiet(iface, QUIET_AT_END_MS)
        await this.#links.setDown(iface).catch(() => {}) // it goes with its tunnel
      }
    })
    if (!this.#kinds.has(iface)) this.#links.forget(iface)
  }

  /**
   * A link-local address is gone. babeld 1.12 signs with it: without one it can send nothing, keeps what it has to send until
   * that does not fit any more, and aborts. It is shown a link that is down; a tunnel comes up with its address again, and a
   * LAN, which is not ours to set down, comes up in babeld's sight when it has one.
   */
  async linkLocalGone(iface: string, address: string): Promise<void> {
    const kind = this.#kinds.get(iface)
    if (kind === 'lan') {
      if (await lacksLinkLocal(this.#init.context.processes, iface))
        await this.#renew(iface, kind, this.#configurationOf(iface, kind))
    } else if (kind !== undefined) await this.#inTurn(iface, () => this.#links.readdress(iface, address))
  }

  async setCost(iface: string, cost: 'normal' | 'high'): Promise<void> {
    const kind = this.#kinds.get(iface)
    if (kind === undefined) return
    if (cost === 'high') this.#expensive.add(iface)
    else this.#expensive.delete(iface)
    this.#endGreeting(iface)
    if (this.#init.babeld.tables)
      await this.#renew(iface, kind, this.#configurationOf(iface, kind, this.#configuredIntervals()))
  }

  /** Lets us receive over all of them only what has no other way, or what comes. */
  async setDraining(isDraining: boolean): Promise<void> {
    if (isDraining === this.#isDraining) return
    this.#isDraining = isDraining
    if (this.#init.babeld.tables) await this.renewAll()
  }

  async leave(iface: string, limitMs: number): Promise<void> {
    const { conditions, held } = this.#init
    this.#endGreeting(iface)
    await this.#inTurn(iface, async () => {
      if (!this.#links.isUp(iface)) return
      if (!(await this.#links.makeDormant(iface, limitMs))) return
      await conditions.until(() => !held.routes.some((route) => route.iface === iface), limitMs)
    })
    await this.remove(iface)
  }

  /** Lets all come up with the settings as they are now: one after the other, so that traffic can take another way. */
  async renewAll(): Promise<void> {
    for (const [iface, kind] of [...this.#kinds]) {
      if (this.#init.signal.aborted) return
      if (this.#kinds.get(iface) === kind) await this.#renewPatiently(iface, kind)
    }
  }

  /** Something about an interface or its neighbours changed. */
  look(iface: string): void {
    this.#links.heard(iface)
    this.#greeters.get(iface)?.look()
  }

  endGreetings(): void {
    for (const iface of [...this.#greeters.keys()]) this.#endGreeting(iface)
  }

  /** Resolves when the changes that were begun are done. */
  async settled(): Promise<void> {
    await Promise.all([...this.#turns.values()].map((turns) => turns.take(async () => {})))
  }

  #configurationOf(iface: string, kind: InterfaceKind, intervals?: Intervals): InterfaceConfiguration {
    const { linkDefaults, keys } = this.#init.settings()
    const configured = this.#configuredIntervals()
    return {
      ...(intervals ?? (kind === 'tunnel' ? firstIntervals(configured) : configured)),
      defaults: linkDefaultsText(linkDefaults),
      isTunnel: kind !== 'lan',
      isExpensive: this.#isDraining || this.#expensive.has(iface),
      signed: keys.sign !== undefined,
      acceptsAnything: keys.accept === 'anything',
    }
  }

  #configuredIntervals(): Intervals {
    const { helloIntervalMs, nodeCount = 0 } = this.#init.settings()
    return configuredIntervals(helloIntervalMs, Math.max(nodeCount, this.#init.tables().routes.length))
  }

  #greet(iface: string): void {
    const { context, babeld } = this.#init
    const { tables } = babeld
    if (!tables) return // greeted when the next one has started
    this.#endGreeting(iface)
    // The size of the network, and with it the intervals, may change meanwhile.
    const configured = this.#configuredIntervals()
    const greeter = new Greeter({
      iface,
      clock: context.clock,
      log: context.log,
      tables,
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

  #endGreeting(iface: string): void {
    this.#greeters.get(iface)?.[Symbol.dispose]()
    this.#greeters.delete(iface)
  }

  /** Lets babeld read the configuration of an interface, which it does when that comes up. */
  #renew(iface: string, kind: InterfaceKind, configuration: InterfaceConfiguration): Promise<void> {
    return this.#inTurn(iface, () => this.#doRenew(iface, kind, configuration))
  }

  /** Changes a link when the changes that were begun before are done. */
  #inTurn(iface: string, change: () => Promise<void>): Promise<void> {
    const turns = this.#turns.get(iface) ?? new Turns()
    this.#turns.set(iface, turns)
    return turns.take(change)
  }

  async #doRenew(iface: string, kind: InterfaceKind, configuration: InterfaceConfiguration): Promise<void> {
    const { babeld } = this.#init
    if (!this.#kinds.has(iface)) return // removed before its turn came
    const told = this.#told.get(iface)
    // What babeld was told it takes back only with the interface. A LAN is not ours to set down.
    const mustForget = told !== undefined && (kind === 'lan' || told !== permanentPart(configuration))
    if (mustForget) await this.#forget(iface)
    this.#told.set(iface, permanentPart(configuration))
    await babeld.command(interfaceLine(iface, configuration))
    if (told === undefined || mustForget || !this.#links.isUp(iface)) return
    // The neighbour's next full update comes within its interval, which is ours, give or take a quarter.
    const holdMs = 1.5 * this.#configuredIntervals().updateIntervalMs + BACK_MS
    if (await this.#links.makeDormant(iface, holdMs)) await this.#links.wake(iface)
  }

  async #forget(iface: string): Promise<void> {
    if (this.#told.delete(iface)) await this.#init.babeld.command(flushLine(iface))
  }

  /** Lets an interface come up with another configuration, and waits until its neighbours are back. */
  async #renewPatiently(iface: string, kind: InterfaceKind): Promise<void> {
    const neighbours = this.#usableNeighbours(iface)
    this.#endGreeting(iface)
    const configuration = this.#configurationOf(iface, kind, this.#configuredIntervals())
    await this.#renew(iface, kind, configuration)
    const limitMs = latestHelloMs(configuration) + BACK_MS
    await this.#init.conditions.until(() => {
      const now = this.#usableNeighbours(iface)
      return [...neighbours].every((address) => now.has(address))
    }, limitMs)
  }

  #usableNeighbours(iface: string): ReadonlySet<string> {
    const usable = this.#init
      .tables()
      .neighbours.filter((each) => each.iface === iface && isUsable(each.cost))
    return new Set(usable.map(({ address }) => address))
  }
}

/** What babeld only adds to what it knows of an interface; intervals it replaces. */
const permanentPart = ({ defaults, signed, acceptsAnything }: InterfaceConfiguration): string =>
  JSON.stringify([defaults, signed, acceptsAnything])
