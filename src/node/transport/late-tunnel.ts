import { messageOf } from '../../core/errors.ts'
import type { ClientTunnel, Traffic } from './transport.ts'

/** A client tunnel that begins when something else is there. */
export class LateTunnel implements ClientTunnel {
  readonly #started: Promise<void>
  readonly #stopping = new AbortController()
  #tunnel: ClientTunnel | undefined

  /**
   * @param prepare what must be there first; gives what begins the tunnel, or why it cannot begin. Its signal is aborted when
   *   the tunnel is stopped: nothing is to be waited for then
   * @param onDown called instead of beginning it: it was stopped, or cannot begin
   */
  constructor(
    prepare: (signal: AbortSignal) => Promise<(() => ClientTunnel) | string>,
    onDown: (reason: string) => void,
  ) {
    this.#started = this.#start(prepare, onDown).catch((error: unknown) => onDown(messageOf(error)))
  }

  get traffic(): Traffic {
    return this.#tunnel?.traffic ?? { receivedBytes: 0, sentBytes: 0 }
  }

  async stop(): Promise<void> {
    this.#stopping.abort(new Error('the tunnel is stopped'))
    await this.#started
    await this.#tunnel?.stop()
  }

  async #start(
    prepare: (signal: AbortSignal) => Promise<(() => ClientTunnel) | string>,
    onDown: (reason: string) => void,
  ): Promise<void> {
    const { signal } = this.#stopping
    const begin = await prepare(signal)
    if (signal.aborted) return onDown('stopped')
    if (typeof begin === 'string') return onDown(begin)
    this.#tunnel = begin()
  }
}
