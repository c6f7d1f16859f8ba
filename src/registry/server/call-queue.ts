/** Who waits for whom: the operator and what it publishes, nodes with a session, strangers that had one, strangers. */
export type Lane = 'operator' | 'node' | 'known' | 'stranger'

/** In the order in which they are served. */
const LANES: readonly Lane[] = ['operator', 'node', 'known', 'stranger']

/** How much is done, and may wait. */
export interface QueueLimits {
  /** Calls that are under way at once. */
  readonly running: number
  /** Calls of one source that are under way at once. */
  readonly runningPerSource: number
  /** Calls of all strangers that are under way at once. */
  readonly runningStrangers: number
  /** Calls that wait in one lane. */
  readonly waiting: number
  /** Calls of one source that wait in one lane. */
  readonly waitingPerSource: number
}

/** Whose call it is. */
export interface Applicant {
  readonly lane: Lane
  /** Undefined: nobody knows how many it stands for, and it has no limit of its own. */
  readonly source: string | undefined
  /** Aborted when the client is gone: a call that still waits is forgotten. */
  readonly signal: AbortSignal
}

/** Why a call is not let in: of this source there are too many, or of all. */
type QueueRefusal = 'source' | 'total'

/** Thrown by `enter`. */
export class QueueFull extends Error {
  readonly by: QueueRefusal

  constructor(by: QueueRefusal) {
    super(by === 'source' ? 'too many calls of this caller are waiting' : 'too many calls are waiting')
    this.by = by
  }
}

type Source = Applicant['source']

interface Waiting {
  readonly source: Source
  readonly start: () => void
  readonly refuse: (reason: Error) => void
}

/**
 * Calls that cost something wait here for their turn: the lanes one after another, within a lane each source in turn, so
 * that one who asks a thousand times waits for itself. What waits is bounded. When a lane is full, who has most in it
 * makes room.
 */
export class CallQueue {
  readonly #limits: QueueLimits
  /** Of each lane, what waits by source; the source whose turn is next comes first. */
  readonly #waiting: Readonly<Record<Lane, Map<Source, Waiting[]>>>
  readonly #counts: Record<Lane, number> = { operator: 0, node: 0, known: 0, stranger: 0 }
  readonly #running = new Map<Source, number>()
  #runningInAll = 0
  #runningStrangers = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
    this.#waiting = { operator: new Map(), node: new Map(), known: new Map(), stranger: new Map() }
  }

  /** How many wait, in all lanes. */
  get waiting(): number {
    return LANES.reduce((sum, lane) => sum + this.#counts[lane], 0)
  }

  /**
   * Waits for a turn, which lasts until what is returned is disposed of.
   * @throws QueueFull when there is no room; the signal's reason when the client is gone
   */
  async enter({ lane, source, signal }: Applicant): Promise<Disposable> {
    signal.throwIfAborted()
    if (!this.#mayRun(lane, source)) await this.#wait(lane, source, signal)
    else this.#begin(lane, source)
    let hasLeft = false
    return {
      [Symbol.dispose]: () => {
        if (hasLeft) return
        hasLeft = true
        this.#end(lane, source)
      },
    }
  }

  #mayRun(lane: Lane, source: Source): boolean {
    if (this.#runningInAll >= this.#limits.running) return false
    if (lane === 'stranger' && this.#runningStrangers >= this.#limits.runningStrangers) return false
    return (
      lane === 'operator' ||
      source === undefined ||
      (this.#running.get(source) ?? 0) < this.#limits.runningPerSource
    )
  }

  #begin(lane: Lane, source: Source): void {
    this.#runningInAll++
    if (lane === 'stranger') this.#runningStrangers++
    this.#running.set(source, (this.#running.get(source) ?? 0) + 1)
  }

  #end(lane: Lane, source: Source): void {
    this.#runningInAll--
    if (lane === 'stranger') this.#runningStrangers--
    const left = (this.#running.get(source) ?? 1) - 1
    if (left > 0) this.#running.set(source, left)
    else this.#running.delete(source)
    this.#startNext()
  }

  #wait(lane: Lane, source: Source, signal: AbortSignal): Promise<void> {
    this.#makeRoom(lane, source)
    return new Promise((resolve, reject) => {
      const leave = () => {
        this.#remove(lane, waiting)
        reject(signal.reason)
      }
      const waiting: Waiting = {
        source,
        start: () => {
          signal.removeEventListener('abort', leave)
          resolve()
        },
        refuse: (reason) => {
          signal.removeEventListener('abort', leave)
          reject(reason)
        },
      }
      signal.addEventListener('abort', leave, { once: true })
      const queue = this.#waiting[lane].get(source)
      if (queue) queue.push(waiting)
      else this.#waiting[lane].set(source, [waiting])
      this.#counts[lane]++
    })
  }

  /** @throws QueueFull when this call is the one that has no room */
  #makeRoom(lane: Lane, source: Source): void {
    const own = this.#waiting[lane].get(source)?.length ?? 0
    if (source !== undefined && own >= this.#limits.waitingPerSource) throw new QueueFull('source')
    if (this.#counts[lane] < this.#limits.waiting) return
    let longest: Waiting[] = []
    for (const queue of this.#waiting[lane].values()) if (queue.length > longest.length) longest = queue
    const last = longest.at(-1)
    if (last === undefined || longest.length <= own + 1) throw new QueueFull('total')
    this.#remove(lane, last)
    last.refuse(new QueueFull('source'))
  }

  #startNext(): void {
    for (const lane of LANES)
      for (const [source, [first]] of this.#waiting[lane]) {
        if (first === undefined || !this.#mayRun(lane, source)) continue
        this.#remove(lane, first)
        // Its next one is behind those of all others.
        const rest = this.#waiting[lane].get(source)
        if (rest) {
          this.#waiting[lane].delete(source)
          this.#waiting[lane].set(source, rest)
        }
        this.#begin(lane, source)
        first.start()
        return
      }
  }

  #remove(lane: Lane, waiting: Waiting): void {
    const queue = this.#waiting[lane].get(waiting.source)
    const at = queue?.indexOf(waiting) ?? -1
    if (!queue || at < 0) return
    queue.splice(at, 1)
    this.#counts[lane]--
    if (queue.length === 0) this.#waiting[lane].delete(waiting.source)
  }
}
