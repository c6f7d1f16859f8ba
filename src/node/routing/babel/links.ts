import type { ReceivedPacket } from '../../../core/babel/engine/ports.ts'
import type { ComputeMac, MacKeys } from '../../../core/babel/mac/keys.ts'
import type { EncodableTlv } from '../../../core/babel/wire/encode.ts'
import { SharedPackets } from '../../../core/babel/wire/shared-packets.ts'
import type { Clock } from '../../../platform/clock.ts'
import type { Logger } from '../../../platform/log.ts'
import { LogLimit } from '../../../platform/log-limit.ts'
import { LoopLag } from '../../../platform/loop-lag.ts'
import type { KernelEvents } from '../../kernel/kernel-events.ts'
import type { InterfaceKind } from '../router.ts'
import { BabelLink } from './link.ts'
import { LinkWatch, type UsableLink } from './link-watch.ts'

interface LinksInit {
  readonly clock: Clock
  readonly log: Logger
  readonly events: Pick<KernelEvents, 'watch'>
  readonly compute: ComputeMac
  /** Those that hold now. */
  readonly keys: () => MacKeys
  /** Babel can be spoken on it from now on. */
  readonly onUp: (iface: string, kind: InterfaceKind, link: UsableLink) => void
  /** It goes on, with another IPv4 address. */
  readonly onChanged: (iface: string, link: UsableLink) => void
  /** Babel cannot be spoken on it any more, for now. */
  readonly onClosed: (iface: string) => void
  /** It is no longer there, or another one of the same name is. */
  readonly onDown: (iface: string) => void
  readonly onPacket: (packet: ReceivedPacket) => void
}

/** The interfaces on which Babel is to be spoken, and the links of those on which it can be. */
export class Links implements Disposable {
  readonly #init: LinksInit
  readonly #watch: LinkWatch
  readonly #refusals: LogLimit
  readonly #packets = new SharedPackets()
  readonly #kinds = new Map<string, InterfaceKind>()
  readonly #links = new Map<string, BabelLink>()
  #lag: LoopLag | undefined

  constructor(init: LinksInit) {
    const { events, clock, log } = init
    this.#init = init
    this.#refusals = new LogLimit(clock, { burst: 1 })
    this.#watch = new LinkWatch({ events, clock, log, onChange: (iface, link) => this.#changed(iface, link) })
  }

  /** Begins to look for those that were added, and to speak where it can be. */
  start(): void {
    this.#lag = new LoopLag()
    for (const iface of this.#kinds.keys()) this.#watch.add(iface)
  }

  add(iface: string, kind: InterfaceKind): void {
    if (this.#kinds.get(iface) === kind) return
    this.#kinds.set(iface, kind)
    if (this.#lag) this.#watch.add(iface)
  }

  /** @returns whether it was there */
  remove(iface: string): boolean {
    if (!this.#kinds.delete(iface)) return false
    this.#watch.remove(iface)
    this.#changed(iface, undefined)
    return true
  }

  /** All that were added, and what they are. */
  get kinds(): ReadonlyMap<string, InterfaceKind> {
    return this.#kinds
  }

  /** The kernel's number of an interface, while Babel can be spoken on it. */
  indexOf(iface: string): number | undefined {
    return this.#links.get(iface)?.state.index
  }

  /** How many packets we have sent over an interface so far to one neighbour each. */
  sentToOneOn(iface: string): number {
    return this.#links.get(iface)?.sentToOne ?? 0
  }

  send(iface: string, to: string | undefined, tlvs: readonly EncodableTlv[]): void {
    this.#links.get(iface)?.send(to, tlvs)
  }

  /** A neighbour is gone: its counters are forgotten. */
  forget(iface: string, neighbour: string): void {
    this.#links.get(iface)?.forget(neighbour)
  }

  /** Signs with, and accepts, the keys that hold now. */
  keysChanged(): void {
    for (const link of this.#links.values()) link.setKeys(this.#init.keys())
  }

  #changed(iface: string, link: UsableLink | undefined): void {
    const { onChanged, onDown } = this.#init
    const kind = this.#kinds.get(iface)
    const old = this.#links.get(iface)
    if (old && link && old.state.address === link.address && old.state.index === link.index) {
      old.changed(link)
      return onChanged(iface, link)
    }
    if (old) {
      this.#links.delete(iface)
      onDown(iface)
      old[Symbol.dispose]()
    }
    if (link && kind !== undefined && this.#lag) this.#open(iface, kind, link, this.#lag)
  }

  #open(iface: string, kind: InterfaceKind, link: UsableLink, lag: LoopLag): void {
    const { clock, log, compute, keys, onUp, onPacket, onClosed } = this.#init
    const babel: BabelLink = new BabelLink({
      ...{ iface, link, clock, log, lag, compute, onPacket, keys: keys() },
      ...{ refusals: this.#refusals, packets: this.#packets },
      onOpen: () => {
        if (this.#links.get(iface) === babel) onUp(iface, kind, babel.state)
      },
      onClosed: () => onClosed(iface),
    })
    this.#links.set(iface, babel)
  }

  [Symbol.dispose](): void {
    this.#lag?.[Symbol.dispose]()
    this.#lag = undefined
    this.#watch[Symbol.dispose]()
    for (const link of this.#links.values()) link[Symbol.dispose]()
    this.#links.clear()
  }
}
