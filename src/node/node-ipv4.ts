import type { NetworkConfig } from '../core/config/network-config.ts'
import { messageOf } from '../core/errors.ts'
import type { Ipv4Announcement } from '../core/routes/announcements.ts'
import { ipv4Payload, ipv4RangeLength } from '../core/values/ipv4-payload.ts'
import type { Logger } from '../platform/log.ts'
import { Turns } from '../platform/turns.ts'
import type { Kernel } from './kernel/kernel.ts'

/** What it needs. */
interface NodeIpv4Init {
  readonly kernel: Pick<Kernel, 'assignIpv4'>
  readonly log: Logger
  readonly mainInterface: string
  /** The subject's serial number in the node's certificate. */
  readonly subjectSerial: () => number | undefined
}

/** The node's part of the IPv4 payload, as the network's configuration says. Whatever is wrong with it, we go on without. */
export class NodeIpv4 {
  readonly #init: NodeIpv4Init
  #own: Ipv4Announcement | undefined
  #failure: string | undefined
  #isToBeDoneAgain = false
  #assigned: AsyncDisposable | undefined
  readonly #turns = new Turns()

  constructor(init: NodeIpv4Init) {
    this.#init = init
  }

  /** What is to be announced, when the last change is done. */
  get own(): Ipv4Announcement | undefined {
    return this.#own
  }

  /** Why this node has no part in the network's IPv4, or no address of it; undefined: nothing is wrong. */
  get failure(): string | undefined {
    return this.#failure
  }

  /** Whether the last change failed for what may work later, as without memory for a process. */
  get isToBeDoneAgain(): boolean {
    return this.#isToBeDoneAgain
  }

  /**
   * Takes the configuration into effect; what of it makes no sense is a warning.
   * @throws Re6stError when the machine could not do it: it may later, and until then the node has no IPv4
   */
  apply(ipv4: NetworkConfig['ipv4']): Promise<void> {
    return this.#turns.take(() => this.#apply(ipv4))
  }

  async #apply(ipv4: NetworkConfig['ipv4']): Promise<void> {
    const { kernel, mainInterface, subjectSerial } = this.#init
    this.#isToBeDoneAgain = false
    try {
      this.#own = undefined
      this.#failure = undefined
      await this.#assigned?.[Symbol.asyncDispose]()
      this.#assigned = undefined
      if (!ipv4) return
      const { range, subnetBits } = ipv4
      const length = ipv4RangeLength(range, subnetBits)
      if (!length.ok) return this.#failed(length.reason, 'no IPv4 payload')
      const own = ipv4Payload(range, subnetBits, subjectSerial())
      if (!own.ok) this.#failed(own.reason, 'no IPv4 address: IPv4 is forwarded for others')
      this.#assigned = await kernel.assignIpv4({ range, mainInterface, own: own.ok ? own.value : undefined })
      this.#own = own.ok ? own.value : undefined
    } catch (error) {
      this.#isToBeDoneAgain = true
      this.#failure = `no IPv4 payload: ${messageOf(error)}`
      throw error
    }
  }

  #failed(reason: string, what: string): void {
    this.#failure = `${what}: ${reason}`
    this.#init.log.warn({ reason }, what)
  }
}
