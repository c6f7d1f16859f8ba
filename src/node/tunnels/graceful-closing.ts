import type { Prefix } from '../../core/values/prefix.ts'
import { inBackground } from '../../platform/background.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { RoutedNodes } from '../routed-nodes.ts'
import type { Neighbour, Router } from '../routing/router.ts'

interface GracefulClosingInit {
  readonly router: Pick<Router, 'neighbours' | 'drainsAtOnce' | 'setCost' | 'leaveInterface' | 'watch'>
  readonly nodes: Pick<RoutedNodes, 'hasNeighbourOn' | 'nodeAt' | 'sendsTo' | 'countOver'>
  readonly clock: Clock
  readonly log: Logger
  readonly send: (prefix: Prefix, what: 'close-tunnel' | 'tunnel-drained') => void
  readonly helloIntervalMs: () => number
  /** Whether an interface is that of a server of ours. */
  readonly isServer: (iface: string) => boolean
  readonly signal: AbortSignal
}

/** Each side has this many times four hello intervals to find other ways. */
const PATIENCE = 2
/** For our own packets: other ways are asked for within a second, and the answers come from a few hops away. */
const LEAVE_MS = 3_000

/**
 * Ends tunnels that carry routes without losing a packet. The client makes its end expensive, so that the server sends
 * it nothing for which there is another way, and asks to be told (2); the server makes the way to that client expensive,
 * where its router can (a Python node has told its own router only), and says when it sends nothing any more (3); the
 * client then lets its own packets take other ways, and closes.
 */
export class GracefulClosing {
  readonly #init: GracefulClosingInit
  /** Servers that were asked. */
  readonly #asked = new Map<Prefix, () => void>()
  /** Clients that have asked. */
  readonly #asking = new Map<Prefix, AbortController>()

  constructor(init: GracefulClosingInit) {
    this.#init = init
  }

  /**
   * Takes a client tunnel out of use.
   * @param signal ends the attempt: the tunnel is down
   * @returns 'kept' when the peer, or we, go on using it: then everything is as it was
   */
  async drain(prefix: Prefix, iface: string, signal: AbortSignal): Promise<'drained' | 'kept'> {
    const { router, nodes, send } = this.#init
    if (!nodes.hasNeighbourOn(iface)) return 'drained'
    let outcome: 'drained' | 'kept' = 'kept'
    try {
      await router.setCost(iface, 'high')
      const answered = new Promise<void>((resolve) => this.#asked.set(prefix, resolve))
      send(prefix, 'close-tunnel')
      const drained = await this.#within(signal, answered)
      if (drained && (await router.leaveInterface(iface, LEAVE_MS))) outcome = 'drained'
    } finally {
      this.#asked.delete(prefix)
      // Also when something failed: what nobody closes must not stay expensive.
      if (outcome === 'kept' && !signal.aborted) await router.setCost(iface, 'normal')
    }
    return outcome
  }

  /**
   * Takes a server of ours out of use, as far as there are other ways, where the router can do that in moments.
   * @returns what puts it into use again
   */
  async drainServer(iface: string): Promise<AsyncDisposable> {
    const { router, nodes, signal } = this.#init
    if (!router.drainsAtOnce || !nodes.hasNeighbourOn(iface)) return { async [Symbol.asyncDispose]() {} }
    await router.setCost(iface, 'high')
    await this.#whether(() => nodes.countOver(iface) === 0, signal, LEAVE_MS)
    return { [Symbol.asyncDispose]: () => router.setCost(iface, 'normal') }
  }

  /** A server that we have asked sends nothing any more. */
  peerDrained(prefix: Prefix): void {
    this.#asked.get(prefix)?.()
  }

  /** A client wants to close its tunnel: it is told when we send nothing over it any more. */
  peerAsks(prefix: Prefix): void {
    this.#asking.get(prefix)?.abort()
    const over = new AbortController()
    this.#asking.set(prefix, over)
    inBackground(
      this.#init.log,
      'draining a tunnel',
      this.#answerWhenDrained(prefix, over),
      this.#init.signal,
    )
  }

  async #answerWhenDrained(prefix: Prefix, over: AbortController): Promise<void> {
    const { router, nodes, isServer, send } = this.#init
    const places = router.neighbours.filter((one) => isServer(one.iface) && nodes.nodeAt(one) === prefix)
    const isGone = () => !places.some(isAmong(router.neighbours))
    const setCost = (cost: 'high' | 'normal') =>
      Promise.all(places.map(({ iface, address }) => router.setCost(iface, cost, address)))
    try {
      await setCost('high')
      const isDrained = await this.#whether(() => !nodes.sendsTo(prefix, isServer), over.signal)
      if (isDrained) {
        send(prefix, 'tunnel-drained')
        await this.#whether(isGone, over.signal)
      }
    } finally {
      // If not, it has asked again.
      if (this.#asking.get(prefix) === over) {
        this.#asking.delete(prefix)
        await setCost('normal')
      }
    }
  }

  /** Whether something that follows from routing comes to pass in time. */
  async #whether(holds: () => boolean, signal: AbortSignal, limitMs = this.#patienceMs): Promise<boolean> {
    let look = () => {}
    const event = new Promise<void>((resolve) => {
      look = () => void (holds() && resolve())
    })
    using _ = this.#init.router.watch(() => look())
    look()
    return await this.#within(signal, event, limitMs)
  }

  get #patienceMs(): number {
    return PATIENCE * 4 * this.#init.helloIntervalMs()
  }

  /** Whether it comes to pass in time. */
  async #within(signal: AbortSignal, event: Promise<void>, limitMs = this.#patienceMs): Promise<boolean> {
    const { clock, signal: stopped } = this.#init
    const over = new AbortController()
    const limit = clock.sleep(limitMs, AbortSignal.any([signal, stopped, over.signal]))
    try {
      return await Promise.race([event.then(() => true), limit.then(() => false)])
    } catch {
      return false // aborted
    } finally {
      over.abort()
    }
  }
}

const isAmong =
  (neighbours: readonly Neighbour[]) =>
  ({ iface, address }: Neighbour): boolean =>
    neighbours.some((other) => other.iface === iface && other.address === address)
