import { GrowingDelay } from '../../core/growing-delay.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import { ipJson } from '../../platform/ip-json.ts'
import type { Logger } from '../../platform/log.ts'
import { LogLimit } from '../../platform/log-limit.ts'
import type { Processes } from '../../platform/processes.ts'
import type { KernelEvents, KernelNews } from './kernel-events.ts'
import {
  deleteLine,
  ifaceOf,
  isAsWanted,
  type KernelDestination,
  keyOf,
  leadsTo,
  monitoredKey,
  OUR_METRICS,
  PROTOCOL,
  replaceLine,
  type Wanted,
  type Wanting,
} from './route-lines.ts'
import { eachRouteOfOurs } from './shown-routes.ts'
import { ToldIp } from './told-ip.ts'

interface KernelRouteTableInit {
  readonly processes: Processes
  readonly clock: Clock
  readonly log: Logger
  readonly events: Pick<KernelEvents, 'watch'>
}

/** Whoever changes routes of ours changes several at a time: they are set right together. */
const REPAIR_MS = 100
/** To write so few again costs less than to ask what the kernel has. */
const FEW = 100
/** A route that the kernel does not take now (its interface goes down, say) it may take later. */
const AGAIN_DELAYS = { minMs: 1_000, maxMs: 30_000 }
/** Longest wait for an `ip` that does not get on: what it is asked for then is still done. */
const SETTLED_MS = 10_000

/** What `ip` was told of a destination. */
interface Written {
  readonly destination: KernelDestination
  readonly line: 'as wanted' | 'without source' | 'none'
}

/**
 * Our routes in the kernel, as they are wanted: one `ip` for all of them, which takes tens of thousands a second. Replaced
 * without a gap; those that others change are set right.
 */
export class KernelRouteTable implements AsyncDisposable {
  readonly #init: KernelRouteTableInit
  readonly #wanted = new Map<string, Wanted>()
  /** How many lead over each interface. */
  readonly #over = new Map<string, number>()
  /** What has changed, and is not written yet. */
  readonly #changed = new Map<string, KernelDestination>()
  /** What may not be as it is wanted, for reasons of which there is no news. */
  readonly #suspect = new Set<string>()
  /** What is not as it is wanted, by the last news of it: these may be older than what is written. */
  readonly #astray = new Set<string>()
  readonly #ip: ToldIp<Written>
  readonly #failures: LogLimit
  readonly #watching: Disposable
  #isScheduled = false
  #repair: Disposable | undefined
  #again: Disposable | undefined
  readonly #againDelay = new GrowingDelay(AGAIN_DELAYS)
  #isStopped = false

  constructor(init: KernelRouteTableInit) {
    this.#init = init
    this.#failures = new LogLimit(init.clock)
    this.#ip = new ToldIp({
      ...init,
      keyOf: ({ destination }) => keyOf(destination),
      onReady: (undone) => this.#goOn(undone),
      onRefused: (written, reason) => this.#failed(written, reason),
    })
    this.#watching = init.events.watch((news) => this.#hear(news))
  }

  /** Removes what a killed predecessor left. To be called first. */
  async start(): Promise<void> {
    const { processes } = this.#init
    const left = await Promise.all([
      ipJson(processes, '-6', 'route', 'show', 'table', 'all', 'proto', PROTOCOL),
      ipJson(processes, '-4', 'route', 'show', 'proto', PROTOCOL),
    ])
    if (left.flat().length > 0) await this.#flush()
    this.#ip.start()
  }

  /** Whether any route leads over an interface. */
  leadsOver(iface: string): boolean {
    return this.#over.has(iface)
  }

  /** Wants a route to be so, or not to be. Takes effect in a moment, with others that are asked for now. */
  set(destination: KernelDestination, hop: Wanting | undefined): void {
    const key = keyOf(destination)
    this.#count(ifaceOf(this.#wanted.get(key)?.hop), -1)
    this.#count(ifaceOf(hop), 1)
    const { prefix, from, metric } = destination
    if (hop)
      this.#wanted.set(key, metric === undefined ? { prefix, from, hop } : { prefix, from, metric, hop })
    else if (!this.#wanted.delete(key)) return
    this.#changed.set(key, destination)
    this.#writeSoon()
  }

  /**
   * Our own addresses are others.
   * @param sourceFor the source of packets of this machine that have none yet, for a destination
   */
  setSources(sourceFor: (prefix: string) => string | undefined): void {
    for (const [key, wanted] of this.#wanted) {
      const { hop, prefix } = wanted
      if (hop === 'unreachable') continue
      const source = sourceFor(prefix)
      if (source === hop.source) continue
      wanted.hop = { ...hop, source }
      this.#changed.set(key, wanted)
    }
    if (this.#changed.size > 0) this.#writeSoon()
  }

  /** Resolves when the kernel has taken, or refused, what was asked for so far; in any case after a while. */
  async settled(): Promise<void> {
    this.#write()
    if (!this.#ip.isThere) return
    await new Promise<void>((resolve) => {
      const limit = this.#init.clock.after(SETTLED_MS, resolve)
      this.#ip.mark(() => {
        limit[Symbol.dispose]()
        resolve()
      })
    })
  }

  #count(iface: string | undefined, by: 1 | -1): void {
    if (iface === undefined) return
    const count = (this.#over.get(iface) ?? 0) + by
    if (count > 0) this.#over.set(iface, count)
    else this.#over.delete(iface)
  }

  #writeSoon(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#write()
    })
  }

  #write(): void {
    const lines: (readonly [string, Written])[] = []
    const { room } = this.#ip
    for (const [key, destination] of this.#changed) {
      if (lines.length >= room) break
      this.#changed.delete(key)
      const wanted = this.#wanted.get(key)
      lines.push(
        wanted
          ? [replaceLine(wanted), { destination, line: 'as wanted' }]
          : [deleteLine(destination), { destination, line: 'none' }],
      )
    }
    this.#ip.tell(lines)
  }

  /** Another `ip` is there. @param undone what the last one may not have done, in order */
  #goOn(undone: Iterable<Written>): void {
    const latest = new Map([...undone].map((written) => [keyOf(written.destination), written]))
    const lines: (readonly [string, Written])[] = []
    for (const [key, { destination, line }] of latest) {
      const wanted = this.#wanted.get(key)
      if (this.#changed.has(key)) continue
      // As it is wanted, it was refused just now, and would be again: the last one was not told any more what to do then.
      if (wanted && line !== 'as wanted') lines.push(instead(wanted, line))
      else this.#changed.set(key, destination)
    }
    this.#ip.tell(lines)
    this.#write()
  }

  #failed({ destination, line }: Written, reason: string): void {
    const { log, clock } = this.#init
    const key = keyOf(destination)
    const wanted = this.#wanted.get(key)
    // One that is not wanted went by itself, with its interface.
    if (!wanted || line === 'none') return
    // Our address may be gone: others' packets still find their way.
    const isOfSource = line === 'as wanted' && wanted.hop !== 'unreachable' && wanted.hop.source !== undefined
    this.#ip.tell([instead(wanted, isOfSource ? 'without source' : 'none')])
    this.#failures.write(reason, (omitted) =>
      log.debug({ prefix: destination.prefix, reason, ...omitted }, 'the kernel does not take a route'),
    )
    this.#suspect.add(key)
    this.#again ??= clock.after(this.#againDelay.take(), () => {
      this.#again = undefined
      this.#mend()
      this.#ip.mark(() => {
        if (!this.#again) this.#againDelay.reset()
      })
    })
  }

  #hear(news: KernelNews): void {
    if (news.kind === 'route') this.#compare(news)
    else if (news.kind === 'begun') inBackground(this.#init.log, 'looking at our routes', this.#lookAtAll())
    else if (news.kind === 'interface') this.#doubt(news)
    else return
    this.#mendSoon()
  }

  #mendSoon(): void {
    if (this.#suspect.size + this.#astray.size === 0) return
    this.#repair ??= this.#init.clock.after(REPAIR_MS, () => {
      this.#repair = undefined
      this.#mend()
    })
  }

  #compare({ route, isGone }: Extract<KernelNews, { kind: 'route' }>): void {
    if (route.metric === undefined || !OUR_METRICS.has(route.metric)) return
    const isOurs = route.protocol === PROTOCOL
    const key = monitoredKey(route)
    const wanted = this.#wanted.get(key)
    if (wanted && (isGone ? isOurs : !isOurs || !leadsTo(route, wanted.hop))) this.#astray.add(key)
    // It is right by now: what was told of it before was on its way when it was written.
    else if (!isGone) this.#astray.delete(key)
  }

  /**
   * Whatever happened before. To write all of many routes again would set off as many news as those that were just too many: only what is
   * not as it should be is written.
   */
  async #lookAtAll(): Promise<void> {
    if (this.#wanted.size <= FEW) {
      for (const key of this.#wanted.keys()) this.#suspect.add(key)
      return this.#mendSoon()
    }
    // What is being written is not there yet.
    await this.settled()
    const there = new Set<Wanted>()
    const areAll = await eachRouteOfOurs(this.#init, (route) => {
      const wanted = this.#wanted.get(monitoredKey(route))
      if (wanted && isAsWanted(route, wanted.hop)) there.add(wanted)
    })
    if (this.#isStopped) return
    for (const [key, wanted] of this.#wanted) {
      const isWritten = this.#changed.has(key) || this.#ip.isBusyWith(key)
      if (!isWritten && !(areAll && there.has(wanted))) this.#suspect.add(key)
    }
    this.#mendSoon()
  }

  /**
   * With an interface that goes down the kernel removes IPv4 routes, and with an address it takes them or their source away,
   * and tells nobody.
   */
  #doubt({ iface, address }: Extract<KernelNews, { kind: 'interface' }>): void {
    if (address === undefined && !this.#over.has(iface)) return
    for (const [key, { hop }] of this.#wanted)
      if (hop !== 'unreachable' && (hop.iface === iface || (address !== undefined && hop.source === address)))
        this.#suspect.add(key)
  }

  /** Writes again what may not be as it is wanted. What changed meanwhile is written anyway. */
  #mend(): void {
    for (const key of this.#astray) {
      // What comes of that, news will tell.
      if (this.#changed.has(key) || this.#ip.isBusyWith(key)) continue
      this.#astray.delete(key)
      this.#suspect.add(key)
    }
    for (const key of this.#suspect) {
      const wanted = this.#wanted.get(key)
      if (wanted) this.#changed.set(key, wanted)
    }
    this.#suspect.clear()
    this.#write()
    this.#mendSoon()
  }

  async #flush(): Promise<void> {
    const { processes } = this.#init
    await Promise.all(
      ['-6', '-4'].map((family) =>
        processes.run('ip', [family, 'route', 'flush', 'table', 'all', 'proto', PROTOCOL]),
      ),
    )
  }

  /** Removes all of them. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#isStopped) return
    this.#isStopped = true
    this.#watching[Symbol.dispose]()
    this.#repair?.[Symbol.dispose]()
    this.#again?.[Symbol.dispose]()
    this.#wanted.clear()
    await this.#ip.stop()
    const { log } = this.#init
    const flushed = this.#flush()
    inBackground(log, 'removing our routes', flushed)
    await flushed.catch(() => {})
  }
}

/** What is done where a route is refused as it is wanted. The one before must not stay: it may lead to where nobody has a way any more. */
function instead(wanted: Wanted, line: 'without source' | 'none'): readonly [string, Written] {
  const { hop, ...destination } = wanted
  if (line === 'none' || hop === 'unreachable')
    return [deleteLine(destination), { destination, line: 'none' }]
  return [replaceLine({ ...wanted, hop: { ...hop, source: undefined } }), { destination, line }]
}
