/** What a route's numbers are when it is announced. */
export interface RouteNumbersInit {
  readonly seqno: number
  readonly refmetric: number
  readonly nowS: number
  readonly holdS: number
}

const LOW = 0xffff

/**
 * The numbers of a route. There are hundreds of thousands: whole numbers, few fields, and two numbers of 16 bits in one.
 */
export class RouteNumbers {
  /** Seconds of our clock until which it holds. */
  expiresS: number
  /** When the wheel of expiries looks at it. */
  visitS = 0
  /** Since when the metric follows what is announced, for its average (see smoothing.ts). */
  smoothedSinceS: number
  /** Its place among the neighbour's routes; -1: it is gone. */
  slot = -1
  #seqnoAndRefmetric: number
  #smoothedAndHold: number

  constructor({ seqno, refmetric, nowS, holdS }: RouteNumbersInit) {
    this.expiresS = nowS + holdS
    this.smoothedSinceS = nowS
    this.#seqnoAndRefmetric = (seqno << 16) | refmetric
    this.#smoothedAndHold = (refmetric << 16) | holdS
  }

  get seqno(): number {
    return this.#seqnoAndRefmetric >>> 16
  }

  set seqno(seqno: number) {
    this.#seqnoAndRefmetric = (seqno << 16) | (this.#seqnoAndRefmetric & LOW)
  }

  /** As announced; infinite: retracted. */
  get refmetric(): number {
    return this.#seqnoAndRefmetric & LOW
  }

  set refmetric(refmetric: number) {
    this.#seqnoAndRefmetric = (this.#seqnoAndRefmetric & ~LOW) | refmetric
  }

  /** The metric as announced, on average: as it was at a time (see smoothing.ts). */
  get smoothed(): number {
    return this.#smoothedAndHold >>> 16
  }

  set smoothed(smoothed: number) {
    this.#smoothedAndHold = (smoothed << 16) | (this.#smoothedAndHold & LOW)
  }

  /** Seconds for which an announcement holds. */
  get holdS(): number {
    return this.#smoothedAndHold & LOW
  }

  set holdS(holdS: number) {
    this.#smoothedAndHold = (this.#smoothedAndHold & ~LOW) | holdS
  }
}
