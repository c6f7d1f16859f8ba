import { randomBytes } from 'node:crypto'
import {
  isPassedOn,
  isTaken,
  linkParametersOf,
  localRoutesOf,
  macKeysOf,
} from '../../../core/babel/configuration.ts'
import { BabelEngine } from '../../../core/babel/engine/engine.ts'
import type { CostLevel } from '../../../core/babel/engine/ports.ts'
import type { ComputeMac } from '../../../core/babel/mac/keys.ts'
import { routerIdText } from '../../../core/babel/wire/known-texts.ts'
import { Listeners } from '../../../core/listeners.ts'
import type { Random } from '../../../core/random.ts'
import { anySourceFor } from '../../../core/routes/any-source.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import type { Processes } from '../../../platform/processes.ts'
import type { KernelEvents } from '../../kernel/kernel-events.ts'
import { KernelRouteTable } from '../../kernel/route-table.ts'
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
import { arrivalsAt, departuresOf, ipv6DeparturesOf, queueLengthOf, tapCountersOf } from './counters.ts'
import { Deadline } from './deadline.ts'
import { KernelLiveness } from './kernel-liveness.ts'
import type { UsableLink } from './link-watch.ts'
import { Links } from './links.ts'
import { OfferedDefaultRoute } from './offered-default-route.ts'
import { engineOutput, sourceFor } from './output.ts'
import { TapPacing } from './tap-pacing.ts'
import { routeOf } from './views.ts'

interface BabelContext {
  readonly processes: Processes
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  /** Of the machine; whoever made it starts it. */
  readonly events: Pick<KernelEvents, 'watch'>
}

/** How long the end waits for neighbours to say that they know of it. */
const FAREWELL_MS = 1_000
/** Neighbours acknowledge what draining costs within a round trip; babeld, when its next packet is due. */
const KNOWN_MS = 1_000

/** A `Router` of our own: it speaks Babel itself, in the process of the node. */
export const createRe6stRouter = (context: BabelContext): Router => new Re6stRouter(context)

class Re6stRouter implements Router {
  readonly #context: BabelContext
  readonly #listeners = new Listeners<RoutingChange>()
  readonly #links: Links
  readonly #table: KernelRouteTable
  readonly #liveness: KernelLiveness
  readonly #pacing: TapPacing
  readonly #engine: BabelEngine
  #compute: ComputeMac = () => new Uint8Array()
  #settings: RouterSettings | undefined
  #state: 'new' | 'running' | 'stopped' = 'new'
  readonly #deadline: Deadline
  readonly #offered: OfferedDefaultRoute
  readonly #conditions: ConditionWatch

  constructor(context: BabelContext) {
    const { clock, log, random, events } = context
    this.#context = context
    this.#deadline = new Deadline(clock, () => this.#input((nowMs) => this.#engine.tick(nowMs)))
    this.#conditions = new ConditionWatch(clock)
    this.#offered = new OfferedDefaultRoute({
      ...context,
      isWanted: () => this.#settings?.defaultRoute === 'announce' && this.#state === 'running',
      onChange: () =>
        this.#input((nowMs) =>
          this.#engine.setLocalRoutes(nowMs, localRoutesOf(this.#required(), this.#offered.isThere)),
        ),
    })
    this.#table = new KernelRouteTable(context)
    this.#links = new Links({
      ...{ clock, log, events },
      // Not the function of now: what makes MACs is loaded when the network gets keys.
      compute: (key, parts) => this.#compute(key, parts),
      keys: () => macKeysOf(this.#required().keys),
      onUp: (iface, kind, link) => this.#interfaceUp(iface, kind, link),
      onChanged: (iface, { ipv4Address }) =>
        this.#input((nowMs) => this.#engine.setIpv4Address(nowMs, iface, ipv4Address)),
      onClosed: (iface) => this.#input((nowMs) => this.#engine.interfaceDown(nowMs, iface)),
      onDown: (iface) => {
        this.#liveness.remove(iface)
        this.#pacing.forget(iface)
        this.#input((nowMs) => this.#engine.interfaceDown(nowMs, iface))
      },
      onPacket: (packet) => this.#input((nowMs) => this.#engine.receive(nowMs, packet)),
    })
    this.#liveness = new KernelLiveness({
      ...context,
      onSuspect: (iface, address, sinceMs) =>
        this.#input((nowMs) => {
          this.#pacing.watch(iface)
          log.trace({ iface, address, silentMs: Math.round(nowMs - sinceMs) }, 'neighbour suspected')
          this.#engine.suspect(nowMs, iface, address, sinceMs)
        }),
      onAlive: (iface, address) => this.#input((nowMs) => this.#engine.alive(nowMs, iface, address)),
    })
    this.#pacing = new TapPacing({ ...context, countersOf: tapCountersOf, queueLengthOf })
    this.#engine = new BabelEngine({
      // A new one each time: nobody remembers a sequence number of it (RFC 8966, 3.8.2.1 and 3.2.1).
      routerId: routerIdText(randomBytes(8), 0),
      seqno: randomBytes(2).readUInt16BE(),
      random,
      arrivals: (iface) => (this.#links.kinds.get(iface) === 'tunnel' ? arrivalsAt(iface) : undefined),
      departures: (iface) =>
        this.#links.kinds.get(iface) === 'lan' || this.#pacing.isPaced(iface)
          ? undefined
          : departuresOf(iface),
      sentByOthers: (iface) => {
        const sent = ipv6DeparturesOf(iface)
        return sent === undefined ? undefined : sent - this.#links.sentToOneOn(iface)
      },
      usualAnswerMs: (iface, address) => this.#liveness.usualAnswerMs(iface, address),
      output: engineOutput({
        log,
        links: this.#links,
        liveness: this.#liveness,
        table: this.#table,
        settings: () => this.#required(),
        longestRttOn: (iface) => this.#longestRtt(iface),
        tell: (change) => this.#listeners.tell(change),
      }),
    })
  }

  get neighbours(): readonly Neighbour[] {
    return this.#engine.neighbours(this.#nowMs()).map(neighbourOf)
  }

  get routes(): readonly Route[] {
    return this.#engine.routes().flatMap((route) => (route.reason === 'own' ? [] : [routeOf(route)]))
  }

  async explain(prefix: string): Promise<RouteExplanation> {
    const { explanationOf } = await import('./explanation.ts')
    const nowMs = this.#nowMs()
    return explanationOf(nowMs, this.#engine.explain(nowMs, { prefix, from: anySourceFor(prefix) }))
  }

  get isRunning(): boolean {
    return this.#state === 'running'
  }

  readonly drainsAtOnce = true

  watch(listener: (change: RoutingChange) => void): Disposable {
    return this.#listeners.add(listener)
  }

  async start(settings: RouterSettings, signal: AbortSignal): Promise<void> {
    this.#settings = settings
    await Promise.all([this.#table.start(), this.#loadMacs(settings.keys)])
    signal.throwIfAborted()
    if (this.#state === 'stopped') throw new Error('the router is stopped')
    this.#state = 'running'
    this.#configure(settings)
    this.#links.start()
  }

  async addInterface(iface: string, kind: InterfaceKind, expected: readonly string[] = []): Promise<void> {
    this.#engine.expect(
      iface,
      expected.map((prefix) => ({ prefix, from: anySourceFor(prefix) })),
    )
    this.#links.add(iface, kind)
  }

  async removeInterface(iface: string): Promise<void> {
    if (!this.#links.remove(iface)) return
    this.#input((nowMs) => this.#engine.interfaceRemoved(nowMs, iface))
    await this.#table.settled()
  }

  async setCost(iface: string, cost: 'normal' | 'high', neighbour?: string): Promise<void> {
    const level: CostLevel = cost === 'high' ? 'draining' : 'normal'
    this.#input((nowMs) => this.#engine.setCost(nowMs, iface, neighbour, level))
  }

  async setDraining(isDraining: boolean): Promise<void> {
    this.#input((nowMs) => this.#engine.setDraining(nowMs, isDraining))
    await this.#conditions.until(() => this.#engine.areCostsKnown, KNOWN_MS)
  }

  neighbourGone(iface: string, neighbour: string): void {
    this.#input((nowMs) => this.#engine.neighbourGone(nowMs, iface, neighbour, 'transport ended'))
  }

  async leaveInterface(iface: string, limitMs: number): Promise<boolean> {
    await this.setCost(iface, 'high')
    await this.#conditions.until(() => !this.#table.leadsOver(iface), limitMs)
    if (this.#table.leadsOver(iface)) return false
    await this.removeInterface(iface)
    return true
  }

  /** A neighbour goes with its interface. */
  isNameFree(): boolean {
    return true
  }

  async setKeys(keys: RouterKeys): Promise<void> {
    await this.#loadMacs(keys)
    if (this.#settings) this.#settings = { ...this.#settings, keys }
    this.#links.keysChanged()
  }

  async reconfigure(settings: RouterSettings): Promise<void> {
    this.#required()
    await this.setKeys(settings.keys)
    this.#settings = settings
    this.#configure(settings)
  }

  async stop(): Promise<void> {
    if (this.#state === 'stopped') return
    const wasRunning = this.#state === 'running'
    if (wasRunning) {
      this.#input((nowMs) => this.#engine.retractAll(nowMs))
      await this.#conditions.until(() => this.#engine.isRetracted, FAREWELL_MS)
    }
    this.#state = 'stopped'
    this.#deadline[Symbol.dispose]()
    this.#offered[Symbol.dispose]()
    this.#liveness[Symbol.dispose]()
    this.#pacing[Symbol.dispose]()
    this.#links[Symbol.dispose]()
    // Also of a start that is not over: what it has begun goes.
    if (this.#settings) await this.#table[Symbol.asyncDispose]()
  }

  /** Only whoever has keys needs what makes MACs of them. */
  async #loadMacs({ sign, beside = [] }: RouterKeys): Promise<void> {
    if (sign ?? beside[0]) this.#compute = (await import('../../../core/babel/mac/algorithms.ts')).computeMac
  }

  #configure(settings: RouterSettings): void {
    // Also of what was learnt before.
    this.#table.setSources((prefix) => sourceFor(settings, prefix))
    this.#input((nowMs) => {
      this.#engine.setFilter(
        nowMs,
        (destination) => isTaken(settings, destination),
        (destination) => isPassedOn(settings, destination),
      )
      this.#engine.setLocalRoutes(nowMs, localRoutesOf(settings, this.#offered.isThere))
      for (const [iface, kind] of this.#links.kinds)
        this.#engine.setParameters(nowMs, iface, linkParametersOf(settings, kind))
    })
    this.#offered.lookSoon()
  }

  #interfaceUp(iface: string, kind: InterfaceKind, { address, ipv4Address }: UsableLink): void {
    this.#context.log.debug({ iface, address }, 'Babel is spoken here')
    if (kind !== 'lan') this.#liveness.add(iface)
    const state = { name: iface, kind, address, ...(ipv4Address === undefined ? {} : { ipv4Address }) }
    this.#input((nowMs) => {
      this.#engine.setParameters(nowMs, iface, linkParametersOf(this.#required(), kind))
      this.#engine.interfaceUp(nowMs, state)
    })
  }

  #longestRtt(iface: string): number | undefined {
    let longest: number | undefined
    for (const { rttMs } of this.#engine.neighbours(this.#nowMs(), iface))
      if (rttMs !== undefined) longest = Math.max(longest ?? 0, rttMs)
    return longest
  }

  /** All that the engine is told. Once it was stopped, nothing more is. */
  #input(tell: (nowMs: number) => void): void {
    if (this.#state === 'stopped') return
    tell(this.#nowMs())
    this.#conditions.look()
    if (this.#state === 'running') this.#deadline.set(this.#engine.nextDeadlineMs)
  }

  #nowMs(): number {
    return this.#context.clock.monotonicMs()
  }

  #required(): RouterSettings {
    if (!this.#settings) throw new Error('the router was not started')
    return this.#settings
  }
}
