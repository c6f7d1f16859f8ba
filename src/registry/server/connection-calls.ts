import type { Socket } from 'node:net'

/** One request of a connection. */
export interface ConnectionCall {
  /** Answers it. Never rejects. The signal is aborted when the client is gone. */
  run(signal: AbortSignal): Promise<void>
  /** Answers that it is one too many, and that the connection ends. */
  refuse(): void
}

/** What the connection is to do beside. */
export interface ConnectionCallsOptions {
  /** Requests that may wait behind the one that is answered. */
  readonly maxWaiting: number
  readonly onBusy: () => void
  readonly onIdle: () => void
  /** More was sent at once than may wait. */
  readonly onFlood: () => void
}

/**
 * The requests of one connection, one after another: Node would begin all that are in what it has read. While some wait,
 * no more is read; who has sent too many at once is answered, and cut off.
 */
export class ConnectionCalls {
  readonly #socket: Socket
  readonly #options: ConnectionCallsOptions
  readonly #waiting: ConnectionCall[] = []
  readonly #gone = new AbortController()
  #isRunning = false
  #isCutOff = false

  constructor(socket: Socket, options: ConnectionCallsOptions) {
    this.#socket = socket
    this.#options = options
    socket.once('close', () => {
      this.#waiting.length = 0
      this.#gone.abort()
    })
  }

  add(call: ConnectionCall): void {
    // What comes after that is not looked at: the connection ends with the last answer before it.
    if (this.#isCutOff) return
    if (this.#waiting.length >= this.#options.maxWaiting) {
      this.#isCutOff = true
      this.#options.onFlood()
      for (const waiting of this.#waiting.splice(0)) waiting.refuse()
      call.refuse()
      return
    }
    this.#waiting.push(call)
    if (!this.#isRunning) return this.#runNext()
    // While nothing is read, nobody notices that the client is gone: only where it is needed.
    if (this.#waiting.length * 2 > this.#options.maxWaiting) this.#socket.pause()
  }

  #runNext(): void {
    const call = this.#waiting.shift()
    if (!call) {
      if (this.#isRunning) this.#options.onIdle()
      this.#isRunning = false
      return
    }
    if (!this.#isRunning) this.#options.onBusy()
    this.#isRunning = true
    const goOn = () => {
      if (this.#waiting.length === 0) this.#socket.resume()
      this.#runNext()
    }
    call.run(this.#gone.signal).then(goOn, goOn)
  }
}
