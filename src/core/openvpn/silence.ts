import { ok, type Result, refuse } from '../result.ts'

/** How often to look, in hello intervals: a peer that dies is suspected after two looks. */
const LOOK_HELLOS = 2 / 3
/** Whoever is there has said something for so many hello intervals: OpenVPN's ping comes after one of saying nothing. */
const SUSPICIOUS_HELLOS = 1.2

/** Interval at which `Silence` is to be told what has been received. */
export const silenceLookMs = (helloIntervalMs: number): number => helloIntervalMs * LOOK_HELLOS

/** Whether the peer of a tunnel is silent for longer than one that is there would be. */
export class Silence {
  readonly #helloIntervalMs: number
  #receivedBytes = -1
  #heardMs = 0

  constructor(helloIntervalMs: number) {
    this.#helloIntervalMs = helloIntervalMs
  }

  /** @param receivedBytes all that has been received so far, on whatever way */
  isSuspicious(receivedBytes: number, nowMs: number): boolean {
    if (receivedBytes !== this.#receivedBytes) {
      this.#receivedBytes = receivedBytes
      this.#heardMs = nowMs
    }
    return nowMs - this.#heardMs >= this.#helloIntervalMs * SUSPICIOUS_HELLOS
  }
}

/** What a process has received in all, as its answer to `load-stats` says. */
export function receivedBytesIn(answer: string): Result<number> {
  const [, bytes] = /\bbytesin=(\d{1,15})(?:,|$)/.exec(answer) ?? []
  return bytes === undefined ? refuse(`no bytesin in ${JSON.stringify(answer)}`) : ok(Number(bytes))
}
