import { readFile } from 'node:fs/promises'
import { networkInterfaces } from 'node:os'
import type { MulticastReply } from '../../core/control/replies.ts'
import { messageOf } from '../../core/errors.ts'
import { type KernelTables, readKernelTables } from '../../core/multicast/kernel-tables.ts'
import { type LocalSource, LocalSources } from '../../core/multicast/local-sources.ts'
import { type MulticastRoute, planMulticast } from '../../core/multicast/plan.ts'
import { ifacesOf, smcrouteConfiguration } from '../../core/multicast/smcroute.ts'
import {
  decodeMulticastMessage,
  digestOf,
  EMPTY_STATE,
  encodeMulticastState,
  encodeReceipt,
  type MulticastState,
  NOTHING,
} from '../../core/multicast/state-message.ts'
import { ToldStates } from '../../core/multicast/told-states.ts'
import { readNodeRoutes } from '../../core/multicast/upstream.ts'
import { remember } from '../../core/remember.ts'
import { bitsInside, type Network, type Prefix, subnetNameOf } from '../../core/values/prefix.ts'
import { inBackground } from '../../platform/background.ts'
import type { Router } from '../routing/router.ts'
import { Smcrouted, type SmcroutedContext } from './smcrouted.ts'
import { SourceFilters } from './source-filters.ts'

/** What routes multicast needs. */
export interface MulticastInit extends SmcroutedContext {
  readonly router: Pick<Router, 'routes' | 'watch'>
  readonly network: Network
  readonly own: Prefix
  /** Where programs of this machine send and receive: the first is ours, the others may have machines behind them. */
  readonly memberIfaces: readonly string[]
  readonly lanIfaces: readonly string[]
  readonly serverIfaces: readonly string[]
  /** Tells a neighbour our state. */
  readonly send: (peer: Prefix, state: Uint8Array) => void
}

/** How often the kernel is asked who listens and who sends: it does not tell by itself. */
const LOOK_MS = 500
/** How often neighbours are told again, and after how long without a word one counts as gone (RFC 7761, 4.11). */
const REFRESH_MS = 30_000
const HOLD_MS = 3.5 * REFRESH_MS
/** Changes that come together are dealt with together; of routes, there are always some in a large network. */
const GATHER_MS = 50
const GATHER_IDLE_MS = 1_000
/**
 * So many times as long as it took nothing is dealt with: in a network of ten thousand nodes all routes are read each time, and a
 * neighbour can say something else as often as it likes.
 */
const REST_FACTOR = 9
/** Whose states are kept, those that were heard last: whoever is inside the network can say one. */
const MAX_HEARD = 2_000
/** How long after its configuration an interface may be missing in the kernel's table. */
const MISSING_MS = 5_000

interface Heard {
  readonly state: MulticastState
  readonly atMs: number
}

/**
 * Routes multicast: looks who listens and who sends on this machine, hears and tells neighbours what is wanted, and lets
 * smcrouted put the routes into the kernel.
 */
export class MulticastRouter implements AsyncDisposable {
  readonly #init: MulticastInit
  readonly #smcrouted: Smcrouted
  readonly #sources: LocalSources
  readonly #filters: SourceFilters
  readonly #timers: Disposable[] = []
  readonly #heard = new Map<Prefix, Heard>()
  readonly #told = new ToldStates()
  #tables: KernelTables = { memberships: [], cache: [], routedIfaces: [] }
  #localSources: readonly LocalSource[] = []
  /** Of the memberships and sources: whether anything has changed. */
  #seen = ''
  #gathering: (Disposable & { readonly dueMs: number }) | undefined
  #restUntilMs = Number.NEGATIVE_INFINITY
  /** Nobody sends or listens anywhere that we know of. */
  #isIdle = true
  #isLooking = false
  #isStopped = false
  #ifaces: readonly string[] = []
  #routes: readonly MulticastRoute[] = []

  constructor(init: MulticastInit) {
    const { clock, router } = init
    this.#init = init
    this.#filters = new SourceFilters(init.log)
    this.#sources = new LocalSources((address) => this.#isOwn(address))
    this.#smcrouted = new Smcrouted(init, smcrouteConfiguration(this.#present(init.memberIfaces), []))
    this.#timers.push(
      router.watch(() => this.#changed(this.#isIdle ? GATHER_IDLE_MS : GATHER_MS)),
      clock.every(LOOK_MS, () => inBackground(init.log, 'looking for multicast', this.#look())),
      clock.every(REFRESH_MS, () => {
        this.#told.refresh()
        this.#changed()
      }),
    )
    this.#changed()
  }

  /** What `re6st status` shows. */
  get status(): MulticastReply {
    const { trouble } = this.#smcrouted
    const routes = trouble === undefined ? this.#routes : []
    return {
      routing: trouble === undefined,
      reason: trouble ?? null,
      streams: routes.length,
      groups: new Set(routes.map(({ group }) => group)).size,
    }
  }

  /** A neighbour says what it wants and knows. */
  receive(peer: Prefix, bytes: Uint8Array): void {
    const { clock, log } = this.#init
    const message = decodeMulticastMessage(bytes)
    if (!message.ok)
      return log.debug({ peer: subnetNameOf(peer), reason: message.reason }, 'message not understood')
    if (message.value.kind === 'receipt') {
      if (this.#told.received(peer, message.value.digest)) this.#changedBy(this.#told.dueMs)
      return
    }
    // One that begins to listen has missed what we said before.
    if (!this.#heard.has(peer)) this.#told.forget(peer)
    remember(this.#heard, peer, { state: message.value.state, atMs: clock.monotonicMs() }, MAX_HEARD)
    this.#init.send(peer, encodeReceipt(digestOf(bytes)))
    this.#changed()
  }

  /** Tells the neighbours that we want nothing any more, and removes all routes. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true
    for (const timer of this.#timers.splice(0)) timer[Symbol.dispose]()
    this.#gathering?.[Symbol.dispose]()
    this.#filters[Symbol.dispose]()
    for (const peer of this.#told.peers) this.#init.send(peer, encodeMulticastState(EMPTY_STATE))
    await this.#smcrouted[Symbol.asyncDispose]()
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    const { clock, log, memberIfaces } = this.#init
    try {
      const tables = await kernelTables(this.#filters)
      const isMember = ({ iface }: { iface: string | undefined }) =>
        iface !== undefined && memberIfaces.includes(iface)
      this.#tables = { ...tables, memberships: tables.memberships.filter(isMember) }
      this.#localSources = this.#sources.update(tables.cache.filter(isMember), clock.monotonicMs())
      const seen = JSON.stringify([this.#tables.memberships, this.#localSources, this.#present(this.#ifaces)])
      if (seen !== this.#seen) this.#changed()
      this.#seen = seen
      this.#checkIfaces()
    } catch (error) {
      log.debug({ reason: messageOf(error) }, 'cannot read the multicast tables of the kernel')
    } finally {
      this.#isLooking = false
    }
  }

  /** smcrouted loses room for interfaces that went before it was told, and at last has none. */
  #checkIfaces(): void {
    const { clock } = this.#init
    const since = this.#smcrouted.settledSinceMs
    if (since === undefined || clock.monotonicMs() - since < MISSING_MS) return
    const missing = this.#present(this.#ifaces).filter((iface) => !this.#tables.routedIfaces.includes(iface))
    if (missing.length > 0)
      this.#smcrouted.restart(`smcrouted does not route on ${missing.join(', ')} and is started again`)
  }

  /** Something is to be done at this time. */
  #changedBy(dueMs: number): void {
    if (Number.isFinite(dueMs)) this.#changed(Math.max(GATHER_MS, dueMs - this.#init.clock.monotonicMs()))
  }

  #changed(gatherMs = GATHER_MS): void {
    const { clock } = this.#init
    const nowMs = clock.monotonicMs()
    const dueMs = Math.max(nowMs + gatherMs, this.#restUntilMs)
    if (this.#isStopped || (this.#gathering && this.#gathering.dueMs <= dueMs)) return
    this.#gathering?.[Symbol.dispose]()
    const timer = clock.after(dueMs - nowMs, () => {
      this.#gathering = undefined
      const beganMs = clock.monotonicMs()
      try {
        this.#update()
        const endedMs = clock.monotonicMs()
        this.#restUntilMs = endedMs + REST_FACTOR * (endedMs - beganMs)
      } catch (error) {
        // The interfaces cannot be listed, for want of file descriptors: they can, later.
        this.#init.log.warn({ reason: messageOf(error) }, 'multicast cannot follow the routes now')
        this.#changed(GATHER_IDLE_MS)
      }
    })
    this.#gathering = { dueMs, [Symbol.dispose]: () => timer[Symbol.dispose]() }
  }

  #update(): void {
    const { clock, router, network, own, lanIfaces, serverIfaces, memberIfaces } = this.#init
    const nowMs = clock.monotonicMs()
    for (const [peer, { atMs }] of this.#heard) if (nowMs - atMs > HOLD_MS) this.#heard.delete(peer)
    const { neighbours, upstreamOf } = readNodeRoutes(router.routes, {
      network,
      takesPart: (peer) => this.#heard.has(peer),
      isLan: (iface) => lanIfaces.includes(iface),
    })
    const addresses = ownLinkLocalAddresses()
    const plan = planMulticast({
      memberships: this.#tables.memberships,
      localSources: this.#localSources,
      heard: new Map(
        [...this.#heard].filter(([peer]) => neighbours.has(peer)).map(([peer, { state }]) => [peer, state]),
      ),
      isOwn: (address) => this.#isOwn(address),
      upstreamOf,
      ifaceOf: (address) => addresses.get(address),
      isServer: (iface) => serverIfaces.includes(iface),
    })
    this.#isIdle =
      this.#tables.memberships.length === 0 &&
      this.#localSources.length === 0 &&
      [...this.#heard.values()].every(({ state }) => state.joins.length + state.sources.length === 0)
    this.#routes = plan.routes
    this.#ifaces = ifacesOf(plan.routes, memberIfaces)
    this.#smcrouted.configure(smcrouteConfiguration(this.#present(this.#ifaces), plan.routes))
    this.#told.keep(neighbours)
    for (const peer of neighbours) if (peer !== own) this.#tell(peer, plan.stateFor(peer), nowMs)
    this.#changedBy(this.#told.dueMs)
  }

  #tell(peer: Prefix, state: MulticastState, nowMs: number): void {
    const bytes = encodeMulticastState(state)
    const isFirst = !this.#told.has(peer)
    const takesPart = this.#heard.has(peer)
    if (!this.#told.take(peer, digestOf(bytes), takesPart, nowMs)) return
    // It may have told us something, before we were started again.
    if (isFirst && !takesPart) this.#init.send(peer, encodeReceipt(NOTHING))
    this.#init.send(peer, bytes)
  }

  #isOwn(address: string): boolean {
    const inside = bitsInside(this.#init.network, address)
    return inside.ok && inside.value.startsWith(this.#init.own)
  }

  /** Those that are there now, and up. */
  #present(ifaces: readonly string[]): readonly string[] {
    const present = networkInterfaces()
    return ifaces.filter((iface) => iface in present)
  }
}

async function kernelTables(filters: SourceFilters): Promise<KernelTables> {
  const read = (name: string) => readFile(`/proc/net/${name}`, 'latin1')
  const [mcfilter6, igmp6, ip6_mr_vif, ip6_mr_cache] = await Promise.all([
    filters.read(),
    read('igmp6'),
    read('ip6_mr_vif'),
    read('ip6_mr_cache'),
  ])
  return readKernelTables({ mcfilter6, igmp6, ip6_mr_vif, ip6_mr_cache })
}

function ownLinkLocalAddresses(): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(networkInterfaces()).flatMap(([iface, addresses = []]) =>
      addresses.filter(({ scopeid }) => scopeid).map(({ address }) => [address, iface] as const),
    ),
  )
}
