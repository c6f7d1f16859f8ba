import { remember } from '../../core/remember.ts'
import type { TunnelTarget } from '../../core/tunnels/decisions.ts'
import type { TunnelInfo } from './tunnel-info.ts'
import { prefixOf } from './tunnel-target.ts'

/** A tunnel that could not be made, or has failed while it was up. */
export interface TunnelFailure {
  readonly target: TunnelTarget
  readonly iface: string
  readonly reason: string
  /** Wall clock. */
  readonly atMs: number
}

/** Those that are shown. */
const MAX_FAILURES = 20

/** The last tunnels that failed, one to each peer, for people. */
export class TunnelFailures {
  readonly #failures = new Map<TunnelTarget, TunnelFailure>()

  remember(failure: TunnelFailure): void {
    remember(this.#failures, failure.target, failure, MAX_FAILURES)
  }

  /** Another one was made, or is tried. */
  forget(target: TunnelTarget): void {
    this.#failures.delete(target)
  }

  has(target: TunnelTarget): boolean {
    return this.#failures.has(target)
  }

  list(): TunnelInfo[] {
    return [...this.#failures.values()].map(({ target, iface, reason, atMs }) => ({
      direction: 'client',
      state: 'failed',
      iface,
      prefix: prefixOf(target),
      serial: undefined,
      protocol: undefined,
      underlay: undefined,
      sinceMs: atMs,
      receivedBytes: 0,
      sentBytes: 0,
      reason,
    }))
  }
}
