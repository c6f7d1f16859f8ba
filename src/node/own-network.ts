import { messageOf, Re6stError } from '../core/errors.ts'
import { GrowingDelay } from '../core/growing-delay.ts'
import {
  mayConcernOwnNetwork,
  moveBetween,
  type NetworkMove,
  type OwnNetwork,
  readOwnNetwork,
} from '../core/kernel/own-network.ts'
import { Listeners } from '../core/listeners.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'
import type { Processes } from '../platform/processes.ts'
import type { KernelEvents } from './kernel/kernel-events.ts'

interface OwnNetworkInit {
  readonly processes: Processes
  readonly clock: Clock
  readonly log: Logger
  readonly events: Pick<KernelEvents, 'watch'>
  /** Whether an address is one of the re6st network itself. */
  readonly isInside: (address: string) => boolean
}

/** Several things change together: an address, its routes, a resolver. */
const SETTLE_MS = 200
/** Until it is looked again where that failed. */
const AGAIN_DELAYS = { minMs: 1_000, maxMs: 15_000 }
/**
 * Between two changes that are told, twice as long each time: whoever hears of one begins anew what it is at, and would come to no
 * end while some interface comes and goes all the time.
 */
const TELL_DELAYS = { minMs: 1_000, maxMs: 8_000 }
/** After so long without a change, the next ones are no such interface. */
const CALM_MS = 30_000

/**
 * Says when the machine's own connection is another one: an address, a default route or a link came or went, or the
 * machine was asleep. What was begun before may have ended without a word, and what failed before may work now.
 */
export class OwnNetworkWatch implements Disposable {
  readonly #init: OwnNetworkInit
  readonly #stopping = new AbortController()
  readonly #watchers = new Listeners()
  readonly #watching: Disposable
  readonly #failures: LogLimit
  readonly #again = new GrowingDelay(AGAIN_DELAYS)
  readonly #pause = new GrowingDelay(TELL_DELAYS)
  #last: OwnNetwork | undefined
  #look: { readonly atMs: number; readonly timer: Disposable } | undefined
  #isLooking = false
  #hasWay = false
  #toldMs = Number.NEGATIVE_INFINITY
  #telling: Disposable | undefined

  constructor(init: OwnNetworkInit) {
    this.#init = init
    this.#failures = new LogLimit(init.clock, { burst: 1 })
    this.#watching = init.events.watch((news) => {
      // What it does not tell of any more: what was before it began.
      if (news.kind === 'begun' || (news.kind === 'line' && mayConcernOwnNetwork(news.line))) this.#lookSoon()
    })
  }

  /** Calls `watcher` at each change after which packets can leave, until disposed of. */
  watch(watcher: () => void): Disposable {
    return this.#watchers.add(watcher)
  }

  /** The machine slept: whoever has not heard of us for so long may have given us up. */
  slept(): void {
    this.#watchers.tell()
  }

  #lookSoon(inMs = SETTLE_MS): void {
    const { clock } = this.#init
    const atMs = clock.monotonicMs() + inMs
    if (this.#stopping.signal.aborted || (this.#look && this.#look.atMs <= atMs)) return
    this.#look?.timer[Symbol.dispose]()
    const timer = clock.after(inMs, () => {
      this.#look = undefined
      // What comes while we look may be in what we see, or not.
      if (this.#isLooking) return this.#lookSoon()
      this.#isLooking = true
      this.#compare()
        .then(
          () => this.#again.reset(),
          (error: unknown) => this.#failed(messageOf(error)),
        )
        .finally(() => {
          this.#isLooking = false
        })
    })
    this.#look = { atMs, timer }
  }

  /** As on a machine without memory for a process: what has changed, nobody says again. */
  #failed(reason: string): void {
    if (this.#stopping.signal.aborted) return
    this.#failures.write(reason, (omitted) =>
      this.#init.log.warn({ reason, ...omitted }, 'the addresses and routes of this machine cannot be read'),
    )
    this.#lookSoon(this.#again.take())
  }

  async #compare(): Promise<void> {
    const now = await this.#read()
    const move = this.#last && moveBetween(this.#last, now)
    this.#last = now
    if (!move || this.#stopping.signal.aborted) return
    this.#say(move)
    this.#hasWay = move.hasWay
    if (move.hasWay) this.#tellInTime()
  }

  #tellInTime(): void {
    if (this.#telling) return
    const { clock } = this.#init
    const sinceMs = clock.monotonicMs() - this.#toldMs
    if (sinceMs > CALM_MS) this.#pause.reset()
    const waitMs = sinceMs > CALM_MS ? 0 : this.#pause.take() - sinceMs
    if (waitMs <= 0) return this.#tell()
    this.#telling = clock.after(waitMs, () => {
      this.#telling = undefined
      // If it has gone meanwhile, it will come again.
      if (this.#hasWay) this.#tell()
    })
  }

  #tell(): void {
    this.#toldMs = this.#init.clock.monotonicMs()
    this.#watchers.tell()
  }

  async #read(): Promise<OwnNetwork> {
    const { processes, isInside } = this.#init
    const { signal } = this.#stopping
    const ip = async (...words: string[]) => (await processes.run('ip', words, { signal })).stdout
    const routes = ['-details', '-j', 'route', 'show', 'default']
    const [addresses, routes4, routes6] = await Promise.all([
      ip('-details', '-j', 'address', 'show', 'up'),
      ip('-4', ...routes),
      ip('-6', ...routes),
    ])
    const network = readOwnNetwork({ addresses, routes4, routes6 }, isInside)
    if (!network.ok) throw new Re6stError('DAEMON', network.reason)
    return network.value
  }

  #say({ hasWay, gone, come }: NetworkMove): void {
    const changes = {
      ...(gone.length > 0 ? { gone: gone.join('; ') } : {}),
      ...(come.length > 0 ? { come: come.join('; ') } : {}),
    }
    this.#init.log.info(
      changes,
      hasWay
        ? 'the network of this machine has changed: what failed is tried again, tunnels without an answer are made anew'
        : 'this machine is not connected to any network',
    )
  }

  [Symbol.dispose](): void {
    this.#stopping.abort(new Error('the node stops'))
    this.#look?.timer[Symbol.dispose]()
    this.#telling?.[Symbol.dispose]()
    this.#watching[Symbol.dispose]()
  }
}
