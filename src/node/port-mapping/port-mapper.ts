import { messageOf } from '../../core/errors.ts'
import { Listeners } from '../../core/listeners.ts'
import type { MappedPort, MappedProtocol } from '../../core/port-mapping/mapping.ts'
import { type GatewayAnswer, granted, type MethodTrouble } from '../../core/port-mapping/trouble.ts'
import type { Random } from '../../core/random.ts'
import { isPublic } from '../../core/values/address-kind.ts'
import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Processes } from '../../platform/processes.ts'
import { hearAnnouncements } from './announcements.ts'
import { defaultGateway, type Gateway, isSameGateway } from './gateway.ts'
import { type OpenGateway, removeMappings } from './gateway-mappings.ts'
import { GatewayReport } from './gateway-report.ts'
import { mapAll } from './map-all.ts'
import { isSamePort, MappingJournal } from './mapping-journal.ts'
import type { MappingMethod } from './mapping-method.ts'
import { mappingMethods } from './mapping-methods.ts'
import { openSideBySide } from './open-side-by-side.ts'
import type { PortMappingState } from './port-mapping-state.ts'

/** A port of ours that others are to reach. */
export interface PortToMap {
  readonly protocol: MappedProtocol
  readonly port: number
}

/**
 * Has the gateway forward our ports, for as long as it is not disposed of: that removes the mappings, or gives up
 * after 3 s.
 */
export interface PortMapper extends AsyncDisposable {
  /** Undefined while the gateway does not forward. */
  readonly state: PortMappingState | undefined
  /** Why it does not, as one line with what to do; undefined: it does, or nothing is known yet. */
  readonly trouble: string | undefined
  /** Calls the listener whenever the state changes, until disposed of. */
  watch(listener: (state: PortMappingState | undefined) => void): Disposable
  /** Asks the gateway now, whatever it said before: the connection of this machine is another one. */
  askNow(): void
}

/** What a mapper is made of. */
export interface PortMapperInit {
  readonly listeners: readonly PortToMap[]
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly processes: Processes
  /** Where it is written down what is to be removed after kill -9. */
  readonly stateFile: string
  /**
   * The user counts on it: a gateway that does not forward is worth a warning. Otherwise a machine with a public
   * address asks for nothing.
   */
  readonly isExpected: boolean
  /** In order of preference. */
  readonly methods?: readonly MappingMethod[]
}

/**
 * Starts to have the gateway of the IPv4 default route forward these ports. Returns at once, and never throws: what
 * goes wrong is logged, once, and tried again.
 */
export const createPortMapper = (init: PortMapperInit): PortMapper => new GatewayPortMapper(init)

/** How often mappings and the external address are looked at; leases that are short, more often. */
const CHECK_MS = 30_000
/** How often the default route is looked at where nothing is mapped: whoever sees the kernel change it says so. */
const IDLE_CHECK_MS = 300_000
const FIRST_RETRY_MS = 5_000
const MAX_RETRY_MS = 300_000
/** A gateway that did forward most likely restarts: it is asked more often. */
const MAX_RETRY_MAPPED_MS = 30_000
/** Announcements are not authentic: they make us ask no more often than this. */
const MIN_ASK_MS = 2_000
/** At exit. */
const REMOVAL_MS = 2_500

class GatewayPortMapper implements PortMapper {
  readonly #init: PortMapperInit
  readonly #methods: readonly MappingMethod[]
  readonly #watchers = new Listeners<PortMappingState | undefined>()
  readonly #stopping = new AbortController()
  readonly #running: Promise<void>
  #disposed: Promise<void> | undefined
  #state: PortMappingState | undefined
  #trouble: string | undefined
  /** When the mappings end if the gateway stays silent. */
  #stateEndMs = 0
  /** How long they may be left alone: half a lease. */
  #renewMs = CHECK_MS
  #open: OpenGateway | undefined
  #journal: MappingJournal | undefined
  readonly #ports: readonly Pick<MappedPort, 'protocol' | 'internalPort'>[]
  readonly #report: GatewayReport
  #wake: () => void = () => {}
  #isAskedNow = false

  constructor(init: PortMapperInit) {
    this.#init = init
    this.#methods = init.methods ?? mappingMethods(init.clock)
    this.#ports = init.listeners.map(({ protocol, port }) => ({ protocol, internalPort: port }))
    this.#report = new GatewayReport({ log: init.log, ports: this.#ports, isExpected: init.isExpected })
    this.#running = this.#keepRunning()
  }

  get state(): PortMappingState | undefined {
    return this.#state
  }

  get trouble(): string | undefined {
    return this.#trouble
  }

  watch(listener: (state: PortMappingState | undefined) => void): Disposable {
    return this.#watchers.add(listener)
  }

  askNow(): void {
    this.#isAskedNow = true
    this.#wake()
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#disposed ??= this.#stop()
    return this.#disposed
  }

  get #signal(): AbortSignal {
    return this.#stopping.signal
  }

  /** What nobody foresaw is no reason never to ask again. */
  async #keepRunning(): Promise<void> {
    const { clock, log } = this.#init
    while (!this.#signal.aborted)
      try {
        await this.#run()
      } catch (error) {
        if (this.#signal.aborted) return
        this.#trouble = messageOf(error)
        log.error({ err: error }, 'port forwarding failed')
        await clock.sleep(MAX_RETRY_MS, this.#signal).catch(() => {})
      }
  }

  async #run(): Promise<void> {
    const { clock, processes, stateFile, log } = this.#init
    this.#journal = await MappingJournal.open(stateFile, log)
    let gateway: Gateway | undefined
    let retryMs = FIRST_RETRY_MS
    let nextMs = 0
    using _ = hearAnnouncements((from) => {
      if (from === gateway?.address) this.askNow()
    })
    while (!this.#signal.aborted) {
      const now = await this.#currentGateway(processes)
      if (!isSameGateway(now, gateway)) {
        // Whatever the old one did, we are no longer behind it.
        this.#open = undefined
        this.#setState(undefined)
        nextMs = 0
        retryMs = FIRST_RETRY_MS
      }
      gateway = now
      if (this.#isAskedNow) {
        nextMs = 0
        retryMs = FIRST_RETRY_MS
        this.#isAskedNow = false
      }
      if (clock.monotonicMs() >= nextMs) {
        const troubles = await this.#keepMapped(this.#journal, gateway)
        if (troubles === undefined) {
          nextMs = 0
          retryMs = FIRST_RETRY_MS
        } else {
          this.#fail(troubles)
          nextMs = clock.monotonicMs() + retryMs
          retryMs = Math.min(2 * retryMs, this.#state ? MAX_RETRY_MAPPED_MS : MAX_RETRY_MS)
        }
      }
      const restMs = this.#open ? Math.min(CHECK_MS, this.#renewMs) : IDLE_CHECK_MS
      const dueInMs = nextMs === 0 ? restMs : Math.min(restMs, nextMs - clock.monotonicMs())
      // Something happened while it was being asked.
      const inMs = this.#isAskedNow ? MIN_ASK_MS : dueInMs
      await this.#pause(Math.max(0, inMs))
    }
  }

  /** What is the matter; undefined: all ports are mapped. */
  async #keepMapped(
    journal: MappingJournal,
    gateway: Gateway | undefined,
  ): Promise<readonly MethodTrouble[] | undefined> {
    if (gateway === undefined) return []
    // Nothing between us and the Internet needs to forward.
    if (!this.#init.isExpected && isPublic(gateway.localAddress)) return undefined
    const open = this.#open
    if (open && (await this.#mapAll(journal, open)).ok) return undefined
    // It restarted (UPnP may be at another port then), or changed its mind: from the beginning.
    this.#open = undefined
    const troubles: MethodTrouble[] = []
    const { clock } = this.#init
    // After kill -9 only the method that made the mappings can be sure to take them over.
    const last = journal.methodAt(gateway)
    const methods = this.#methods.toSorted(
      (one, other) => Number(other.name === last) - Number(one.name === last),
    )
    for await (const { method, session } of openSideBySide(
      methods,
      gateway,
      journal.nonce,
      clock,
      this.#signal,
    )) {
      if (!session.ok) {
        troubles.push({ method, trouble: session.trouble })
        continue
      }
      this.#open = { gateway, method, session: session.value }
      await removeMappings(journal, this.#open, this.#foreignPorts(journal, gateway), this.#signal)
      const mapped = await this.#mapAll(journal, this.#open)
      if (mapped.ok) return undefined
      this.#open = undefined
      troubles.push({ method, trouble: mapped.trouble })
    }
    return troubles
  }

  /** Makes or renews all mappings; none of them stays if that does not work. */
  async #mapAll(journal: MappingJournal, open: OpenGateway): Promise<GatewayAnswer<undefined>> {
    const { random, clock } = this.#init
    const mapped = await mapAll({ journal, open, ports: this.#ports, random, signal: this.#signal })
    if (!mapped.ok) return mapped
    const { externalAddress, ports, leaseSeconds } = mapped.value
    this.#stateEndMs = clock.monotonicMs() + leaseSeconds * 1000
    this.#renewMs = Math.max(MIN_ASK_MS, (leaseSeconds * 1000) / 2)
    this.#setState({ externalAddress, gateway: open.gateway.address, method: open.method, ports })
    return granted(undefined)
  }

  /** What a node with other ports, that was killed, left at this gateway. */
  #foreignPorts(journal: MappingJournal, gateway: Gateway): MappedPort[] {
    return journal.portsAt(gateway).filter((left) => !this.#ports.some((port) => isSamePort(left, port)))
  }

  #fail(troubles: readonly MethodTrouble[]): void {
    // A silent gateway may restart: others go on trying until it would have forgotten us.
    const isSilent = troubles.length > 0 && troubles.every(({ trouble }) => trouble.kind === 'silent')
    if (!isSilent || this.#init.clock.monotonicMs() >= this.#stateEndMs) this.#setState(undefined)
    // A gateway that restarts is no news: what it forwards is still ours.
    if (this.#state === undefined) this.#trouble = this.#report.refuses(troubles)
  }

  #setState(state: PortMappingState | undefined): void {
    const isNews = JSON.stringify(state) !== JSON.stringify(this.#state)
    if (state) {
      this.#report.forwards(state, isNews)
      this.#trouble = undefined
    }
    if (!isNews) return
    this.#state = state
    this.#watchers.tell(state)
  }

  async #currentGateway(processes: Processes): Promise<Gateway | undefined> {
    try {
      return await defaultGateway(processes, this.#signal)
    } catch (error) {
      this.#signal.throwIfAborted()
      this.#init.log.debug({ reason: messageOf(error) }, 'the default route cannot be read')
      return undefined
    }
  }

  /** Sleeps until it is time, or an announcement comes. */
  async #pause(ms: number): Promise<void> {
    const { clock } = this.#init
    const woken = new AbortController()
    this.#wake = () => woken.abort()
    await clock.sleep(Math.min(ms, MIN_ASK_MS), this.#signal).catch(() => {})
    if (ms <= MIN_ASK_MS || this.#signal.aborted) return
    await clock.sleep(ms - MIN_ASK_MS, AbortSignal.any([this.#signal, woken.signal])).catch(() => {})
  }

  async #stop(): Promise<void> {
    this.#stopping.abort(new Error('the node stops'))
    await this.#running
    const [open, journal] = [this.#open, this.#journal]
    if (!open || !journal) return
    const limit = new AbortController()
    using _ = this.#init.clock.after(REMOVAL_MS, () => limit.abort(new Error('the gateway is too slow')))
    try {
      await removeMappings(journal, open, journal.portsAt(open.gateway), limit.signal)
    } catch (error) {
      // Its file names them: the next start removes them, or their lease ends.
      this.#init.log.debug({ reason: messageOf(error) }, 'mappings at the gateway were not removed')
    }
  }
}
