import type { ProbeReply } from '../core/control/replies.ts'
import type { DialResult } from '../core/session/dial.ts'
import { type Network, nodeAddress, type Prefix, subnetNameOf } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'

/** What a probe needs. */
export interface ProbeComponents {
  readonly clock: Clock
  readonly network: () => Network
  /** Nodes with a tunnel to or from us. */
  readonly peers: () => readonly Prefix[]
  /** Whether others are to connect to us at all. */
  readonly hasServers: () => boolean
  readonly askInformation: (prefix: Prefix) => void
  /** Asks a node to try our addresses. */
  readonly askDial: (prefix: Prefix) => void
}

/** Longer than a session takes to be made anew, and the other node to give up. */
const PATIENCE_MS = 6_000
const LOOK_MS = 50
/** How many are asked to connect to us. */
const DIALLERS = 3

/** What was asked, and has come of it. */
class Questions {
  readonly asked: ReadonlySet<Prefix>
  readonly diallers: ReadonlySet<Prefix>
  /** When each node answered last, by the clock that never jumps. */
  readonly answeredMs = new Map<Prefix, number>()
  readonly dialled = new Map<Prefix, readonly DialResult[]>()

  constructor(asked: ReadonlySet<Prefix>, diallers: readonly Prefix[]) {
    this.asked = asked
    this.diallers = new Set(diallers)
  }

  get areAnswered(): boolean {
    return this.answeredMs.size === this.asked.size && this.dialled.size === this.diallers.size
  }
}

/**
 * Asks the neighbours how they hear us, when somebody wants to know (`re6st doctor`). Whoever says something that was not
 * asked is not heard.
 */
export class NeighbourProbe {
  readonly #components: ProbeComponents
  #questions: Questions | undefined
  #running: Promise<Omit<ProbeReply, 'forwarded'>> | undefined

  constructor(components: ProbeComponents) {
    this.#components = components
  }

  /** A node has told about itself. */
  answered(prefix: Prefix): void {
    if (this.#questions?.asked.has(prefix))
      this.#questions.answeredMs.set(prefix, this.#components.clock.monotonicMs())
  }

  /** A node has tried our addresses. */
  dialled(prefix: Prefix, results: readonly DialResult[]): void {
    if (this.#questions?.diallers.has(prefix)) this.#questions.dialled.set(prefix, results)
  }

  /** Asks all neighbours, and waits some seconds for those that answer. Who asks meanwhile, gets the same. */
  run(): Promise<Omit<ProbeReply, 'forwarded'>> {
    this.#running ??= this.#run().finally(() => {
      this.#questions = undefined
      this.#running = undefined
    })
    return this.#running
  }

  async #run(): Promise<Omit<ProbeReply, 'forwarded'>> {
    const { clock, network, peers, hasServers, askInformation, askDial } = this.#components
    const asked = [...new Set(peers())]
    const diallers = hasServers() ? asked.slice(0, DIALLERS) : []
    const questions = new Questions(new Set(asked), diallers)
    this.#questions = questions
    const startMs = clock.monotonicMs()
    for (const prefix of asked) askInformation(prefix)
    for (const prefix of diallers) askDial(prefix)
    let isSaidAgain = false
    while (!questions.areAnswered && clock.monotonicMs() - startMs < PATIENCE_MS) {
      await clock.sleep(LOOK_MS)
      if (isSaidAgain || clock.monotonicMs() - startMs < PATIENCE_MS / 2) continue
      // A datagram may be lost.
      isSaidAgain = true
      for (const prefix of asked) if (!questions.answeredMs.has(prefix)) askInformation(prefix)
    }
    return {
      neighbours: asked.map((prefix) => {
        const atMs = questions.answeredMs.get(prefix)
        return {
          peer: subnetNameOf(prefix),
          address: nodeAddress(network(), prefix),
          answerMs: atMs === undefined ? null : Math.round(atMs - startMs),
        }
      }),
      dialled: diallers.flatMap((prefix) =>
        (questions.dialled.get(prefix) ?? []).map(({ address, reached, reason }) => ({
          address,
          by: subnetNameOf(prefix),
          reached,
          reason: reason ?? null,
        })),
      ),
    }
  }
}
