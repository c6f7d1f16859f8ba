import { GrowingDelay } from '../growing-delay.ts'
import type { Random } from '../random.ts'
import type { Prefix } from '../values/prefix.ts'
import type { CutOff, NetworkView } from './decisions.ts'

/** Delays of asking the registry again while we are cut off, and it cannot help: half as much more at most. */
const RETRY_DELAYS = { minMs: 500, maxMs: 15_000 }
/**
 * After a peer that it has not proposed before. Where many are behind NATs, or have all the clients that they take, several
 * proposals lead nowhere: that is no reason to ask ever less.
 */
const PROPOSED_MS = 1_500
/** Others are cut off with us: not all ask in the same moment, and a way may be found until then. */
const SPREAD_MS = 2_000

/**
 * Whether we belong to the part of the network that has the registry's node: packets find a way to it; on that node,
 * to anybody.
 */
export const isConnected = (
  own: Prefix,
  registryPrefix: Prefix,
  view: Pick<NetworkView, 'isReachable' | 'reachesAnybody'>,
): boolean => (registryPrefix === own ? view.reachesAnybody : view.isReachable(registryPrefix))

/** When the registry is asked: while we are cut off from the part of the network that has its node. */
export class Bootstrap {
  readonly #random: Random
  #cutOffSinceMs: number | undefined
  #nextMs: number | undefined
  #isAsking = false
  readonly #delay = new GrowingDelay(RETRY_DELAYS)
  /** Whom the registry has proposed since we are cut off. */
  readonly #proposed = new Set<Prefix>()

  constructor(random: Random) {
    this.#random = random
  }

  /** When it may be due, if we are cut off; infinity: not before something happens. */
  get nextMs(): number {
    return this.#isAsking ? Number.POSITIVE_INFINITY : (this.#nextMs ?? Number.POSITIVE_INFINITY)
  }

  get cutOff(): CutOff | undefined {
    const sinceMs = this.#cutOffSinceMs
    return sinceMs === undefined ? undefined : { sinceMs, nextAskMs: this.nextMs }
  }

  /** We are not cut off. */
  connected(): void {
    this.#cutOffSinceMs = undefined
    this.#nextMs = undefined
    this.#delay.reset()
    this.#proposed.clear()
  }

  /** What failed may work now: asked at once, if we are cut off. */
  again(): void {
    this.#nextMs = Number.NEGATIVE_INFINITY
    this.#delay.reset()
    this.#proposed.clear()
  }

  /** We are cut off. @param isAlone whether we reach nobody @returns whether to ask now: that is begun with it */
  begin(isAlone: boolean, nowMs: number): boolean {
    this.#cutOffSinceMs ??= nowMs
    if (this.#isAsking) return false
    this.#nextMs ??= isAlone ? nowMs : nowMs + this.#random.next() * SPREAD_MS
    if (nowMs < this.#nextMs) return false
    this.#nextMs = nowMs
    this.#isAsking = true
    return true
  }

  /** The registry answered, or could not be asked. @param proposed whom it named, if anybody */
  answered(nowMs: number, proposed?: Prefix): void {
    this.#isAsking = false
    const isNews = proposed !== undefined && !this.#proposed.has(proposed)
    if (isNews) this.#proposed.add(proposed)
    // Something has changed since it was asked.
    if (this.#nextMs === Number.NEGATIVE_INFINITY) return
    const delayMs = isNews ? PROPOSED_MS : this.#delay.take()
    this.#nextMs = nowMs + delayMs * (0.5 + this.#random.next())
  }
}
