import { messageOf } from '../../core/errors.ts'
import type { ClientTunnel, Traffic } from './transport.ts'

/** A client tunnel that begins when something else is there. */
export class LateTunnel implements ClientTunnel {
  readonly #started: Promise<void>
  #tunnel: ClientTunnel | undefined
  #isStopped = false

  /**
   * @param prepare what must be there first; gives what begins the tunnel, or why it cannot begin
   * @param onDown called instead of beginning it: it was stopped, or cannot begin
   */
  constructor(prepare: () => Promise<(() => ClientTunnel) | string>, onDown: (reason: string) => void) {
    this.#started = this.#start(prepare, onDown).catch((error: unknown) => onDown(messageOf(error)))
  }

  get traffic(): Traffic {
    return this.#tunnel?.traffic ?? { receivedBytes: 0, sentBytes: 0 }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#started
    await this.#tunnel?.stop()
  }

  async #start(
    prepare: () => Promise<(() => ClientTunnel) | string>,
    onDown: (reason: string) => void,
  ): Promise<void> {
    const begin = await prepare()
    if (this.#isStopped) return onDown('stopped')
    if (typeof begin === 'string') return onDown(begin)
    this.#tunnel = begin()
  }
}
