import { execFileSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import { isUsable } from '../../src/core/babel/metric.ts'
import { BabelTables } from '../../src/core/babeld/tables.ts'
import { type Network, type Prefix, subnetCidr } from '../../src/core/values/prefix.ts'
import { openControlSocket } from '../../src/node/routing/babeld/control-socket.ts'
import { systemClock } from '../../src/platform/clock.ts'

interface PythonClosingInit {
  readonly network: Network
  /** The node's own address: the source of its packets. */
  readonly address: string
  readonly socketPath: string
  readonly serverIface: string
  readonly helloIntervalMs: number
  readonly say: (prefix: Prefix, what: 'close-tunnel' | 'tunnel-drained') => void
  /** Aborted when this life is over. */
  readonly signal: AbortSignal
}

const LOOK_MS = 50
/** Of a babeld that heard nothing for this long, nothing is left that it has to say to one neighbour (`interfaces.ts`). */
const QUIET_MS = 150
/** What was said while there was no session is forgotten: it is said again. */
const SAY_AGAIN_MS = 1_000
/** Better than that of babeld's routes. */
const OVERRIDING_METRIC = '500'

/**
 * How a Python node closes tunnels without losing a packet (node.md): each side tells its own router only that packets
 * are to go elsewhere. Its babeld is told what each neighbour costs while it runs; the stock one here cannot be, so
 * routes of ours go before those that it makes.
 */
export class PythonClosing {
  readonly #init: PythonClosingInit
  readonly #tables = new BabelTables()
  readonly #drained = new Set<Prefix>()
  /** When babeld last said that something had changed on an interface. */
  readonly #newsMs = new Map<string, number>()
  readonly #opened: Promise<unknown>

  constructor(init: PythonClosingInit) {
    this.#init = init
    this.#opened = this.#follow()
  }

  async #follow(): Promise<void> {
    const { socketPath: path, signal } = this.#init
    const socket = await openControlSocket({
      ...{ path, clock: systemClock, signal, onEnd: () => {} },
      onLine: (line) => {
        const change = this.#tables.apply(line)
        if (change) this.#newsMs.set(change.entry.iface, performance.now())
      },
    })
    if (socket.ok) await socket.value.command('monitor')
  }

  /** A client wants to close its tunnel: it is told when nothing is sent over it any more. */
  async peerAsks(prefix: Prefix): Promise<void> {
    const { serverIface, say } = this.#init
    await this.#opened
    const via = this.#addressOf(prefix, serverIface)
    const isUsed = () =>
      this.#tables.routes.some((one) => one.installed && one.iface === serverIface && one.via === via)
    if (await this.#comesToPass(() => !isUsed())) say(prefix, 'tunnel-drained')
  }

  /** A server sends nothing over our tunnel any more. */
  peerDrained(prefix: Prefix): void {
    this.#drained.add(prefix)
  }

  /**
   * Takes a tunnel of ours out of use once there are other ways for all that goes over it, has it closed, and leaves it to babeld
   * where packets go then.
   * @returns whether; it is left as it was where the peer goes on using it
   */
  async close(prefix: Prefix, iface: string, end: () => Promise<unknown>): Promise<boolean> {
    await this.#opened
    const others = await this.#otherWays(iface)
    for (const other of others) this.#route('replace', other)
    this.#drained.delete(prefix)
    let saidMs = Number.NEGATIVE_INFINITY
    const isDrained = await this.#comesToPass(() => {
      if (performance.now() - saidMs >= SAY_AGAIN_MS) {
        saidMs = performance.now()
        this.#init.say(prefix, 'close-tunnel')
      }
      return this.#drained.has(prefix)
    })
    if (isDrained) {
      // The stock babeld has trouble with an interface that goes while it is up, or goes down while it has something to say there.
      await this.#comesToPass(() => performance.now() - (this.#newsMs.get(iface) ?? 0) >= QUIET_MS)
      execFileSync('ip', ['link', 'set', 'dev', iface, 'down'])
      await this.#comesToPass(() => this.#tables.interface(iface)?.up === false)
      await end()
      const isBack = ({ destination }: OtherWay) =>
        this.#tables.routes.some((one) => one.prefix === destination && one.installed && one.iface !== iface)
      while (!this.#init.signal.aborted && !others.every(isBack)) await sleep(LOOK_MS)
    }
    for (const other of others) this.#route('del', other)
    return isDrained
  }

  /** Ways for what goes over an interface, when there are; none at the end of this life. */
  async #otherWays(iface: string): Promise<readonly OtherWay[]> {
    for (; !this.#init.signal.aborted; await sleep(LOOK_MS)) {
      const used = this.#tables.routes.filter(({ installed, iface: over }) => installed && over === iface)
      const others = used.map(({ prefix: destination }) => this.#otherWay(destination, iface))
      if (others.every((other) => other !== undefined)) return others
    }
    return []
  }

  #otherWay(destination: string, iface: string): OtherWay | undefined {
    const [best] = this.#tables.routes
      .filter((one) => one.prefix === destination && one.iface !== iface && isUsable(one.metric))
      .sort((one, other) => one.metric - other.metric)
    return best && { destination, via: best.via, iface: best.iface }
  }

  #route(what: 'replace' | 'del', { destination, via, iface }: OtherWay): void {
    const { address } = this.#init
    const way = ['via', via, 'dev', iface, 'src', address, 'metric', OVERRIDING_METRIC]
    execFileSync('ip', ['-6', 'route', what, destination, ...way])
  }

  /** Link-local address of a node on an interface: whoever announces its subnet as its own. */
  #addressOf(prefix: Prefix, iface: string): string | undefined {
    const subnet = subnetCidr(this.#init.network, prefix)
    return this.#tables.routes.find(
      (one) => one.prefix === subnet && one.iface === iface && one.refmetric === 0,
    )?.via
  }

  /** Within twice four hello intervals. */
  async #comesToPass(holds: () => boolean): Promise<boolean> {
    const untilMs = performance.now() + 8 * this.#init.helloIntervalMs
    while (!holds()) {
      if (performance.now() >= untilMs || this.#init.signal.aborted) return false
      await sleep(LOOK_MS)
    }
    return true
  }
}

interface OtherWay {
  readonly destination: string
  readonly via: string
  readonly iface: string
}
