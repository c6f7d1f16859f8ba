import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'
import { describeEnd, type Processes } from './processes.ts'

/** What talking to the service manager needs. */
export interface ServiceManagerComponents {
  readonly processes: Pick<Processes, 'start'>
  readonly clock: Pick<Clock, 'after' | 'every' | 'monotonicMs'>
  readonly log: Logger
}

/** What systemd gives a service (sd_notify(3), sd_watchdog_enabled(3)). */
interface Offer {
  readonly socket: string
  /** How long the service may be silent; undefined: as long as it likes. */
  readonly watchdogMs: number | undefined
}

/**
 * After so long we call ourselves ready though we still start. A node without a cache waits for its registry for as
 * long as that takes: neither the boot of the machine nor `systemctl start` may wait that long.
 */
export const READY_AT_LATEST_MS = 30_000

/** A sign of life may be late, or lost, twice before the service manager gives us up. */
const SIGNS_PER_WATCHDOG = 3
/** What is said takes milliseconds, and as long as the service manager takes to read it: who hangs with it keeps back all that comes after. */
const SAID_WITHIN_MS = 20_000

/**
 * Tells systemd what the daemon does: ready, reloading, stopping, alive. Does nothing when no service manager listens.
 *
 * Node.js has no Unix datagram sockets, so each message is a `systemd-notify` process: 7 ms of CPU, which at one sign
 * of life a minute is nothing, and less than a native addon or a helper that stays would cost.
 */
export class ServiceManager implements Disposable {
  readonly #components: ServiceManagerComponents
  readonly #offer: Offer | undefined
  #status: () => string = () => 'starting'
  #deadline: Disposable | undefined
  #signs: Disposable | undefined
  #sent: Promise<void> = Promise.resolve()
  #isSending = false
  #isReachable = true

  /**
   * To be made before any child is started: takes the socket's address out of `environment`. OpenVPN would otherwise
   * speak for us: it tells the service manager that it is the main process.
   */
  constructor(components: ServiceManagerComponents, environment: NodeJS.ProcessEnv = process.env) {
    this.#components = components
    this.#offer = takeOffer(environment)
    this.#expectReady()
  }

  /** The daemon does its work. `status` is a line for `systemctl status`, asked again with each sign of life. */
  ready(status: () => string): void {
    this.#status = status
    this.#sayReady()
  }

  /** The daemon starts anew, by HUP; {@link ready} ends it. */
  reloading(): void {
    this.#status = () => 'starting anew'
    const nowUs = Math.floor(this.#components.clock.monotonicMs() * 1000)
    this.#say('RELOADING=1', `MONOTONIC_USEC=${nowUs}`)
    this.#expectReady()
  }

  /** The daemon ends: no signs of life are due any more. */
  stopping(): void {
    this[Symbol.dispose]()
    this.#say('STOPPING=1')
  }

  /** Says nothing more by itself. */
  [Symbol.dispose](): void {
    this.#deadline?.[Symbol.dispose]()
    this.#signs?.[Symbol.dispose]()
  }

  #expectReady(): void {
    if (this.#offer === undefined) return
    this.#deadline?.[Symbol.dispose]()
    this.#deadline = this.#components.clock.after(READY_AT_LATEST_MS, () => {
      this.#status = () => 'still starting: the log says what it waits for'
      this.#sayReady()
    })
  }

  #sayReady(): void {
    this.#deadline?.[Symbol.dispose]()
    this.#say('READY=1', `STATUS=${this.#status()}`)
    if (this.#offer?.watchdogMs === undefined) return
    // From the event loop: one that hangs is silent.
    this.#signs ??= this.#components.clock.every(this.#offer.watchdogMs / SIGNS_PER_WATCHDOG, () => {
      if (!this.#isSending) this.#say('WATCHDOG=1', `STATUS=${this.#status()}`)
    })
  }

  /** One after another: the order is the meaning. */
  #say(...assignments: string[]): void {
    const { processes, clock, log } = this.#components
    const socket = this.#offer?.socket
    if (socket === undefined) return
    this.#isSending = true
    const sent = this.#sent.then(async () => {
      const { ended, signal } = processes.start('systemd-notify', assignments, {
        environment: { NOTIFY_SOCKET: socket },
      })
      const limit = clock.after(SAID_WITHIN_MS, () => signal('SIGKILL'))
      const end = await ended
      limit[Symbol.dispose]()
      const isReachable = end.kind === 'exited' && end.status === 0
      if (!isReachable && this.#isReachable)
        log.warn(
          { end: describeEnd(end) },
          'the service manager cannot be told what we do: systemd-notify failed',
        )
      this.#isReachable = isReachable
      if (this.#sent === sent) this.#isSending = false
    })
    this.#sent = sent
  }
}

function takeOffer(environment: NodeJS.ProcessEnv): Offer | undefined {
  const { NOTIFY_SOCKET: socket, WATCHDOG_USEC: watchdogUs, WATCHDOG_PID: watchdogPid } = environment
  for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) delete environment[name]
  if (!socket) return undefined
  const isForUs = watchdogPid === undefined || Number(watchdogPid) === process.pid
  const watchdogMs = Number(watchdogUs) / 1000
  return { socket, watchdogMs: isForUs && watchdogMs > 0 ? watchdogMs : undefined }
}
