import type { Socket } from 'node:net'
import type { Reader, ReadingTurns } from './reading-turns.ts'

/** How a call ended: it was answered, or told to come back later. */
export type CallEnd = 'answered' | 'later'

/** One request of a connection. */
export interface ConnectionCall {
  /** Answers it. Never rejects. The signal is aborted when the client is gone. */
  run(signal: AbortSignal): Promise<CallEnd>
  /** Answers that it is one too many, and that the connection ends. */
  refuse(): void
  /** Whether more of it is to be read while it runs. */
  readonly hasBody?: boolean
}

/** What the connection is to do beside. */
export interface ConnectionCallsOptions {
  readonly source: string | undefined
  readonly turns: Pick<ReadingTurns, 'await' | 'awaitAfterRest' | 'leave'>
  /** Requests that may wait behind the one that is answered. */
  readonly maxWaiting: number
  readonly onBusy: () => void
  readonly onIdle: () => void
  /** More was sent at once than may wait. */
  readonly onFlood: () => void
  /** It has waited for its turn for too long: it is answered so, and ends. */
  readonly onTurnedAway: () => void
}

/** With a stack for each connection, an end would cost more than a call. */
const GONE = new Error('the client is gone')

/**
 * The requests of one connection, one after another, each when it is the connection's turn: Node would begin all that are in
 * what it has read. While some wait, or it is others' turn, no more is read; who has sent too many at once is answered, and
 * cut off.
 */
export class ConnectionCalls implements Reader {
  readonly source: string | undefined
  readonly #socket: Socket
  readonly #options: ConnectionCallsOptions
  readonly #waiting: ConnectionCall[] = []
  #gone: AbortController | undefined
  #isItsTurn = false
  #isPaused = false
  #isCutOff = false

  /** @param socket one that was just made, and handed to Node's HTTP server */
  constructor(socket: Socket, options: ConnectionCallsOptions) {
    this.#socket = socket
    this.#options = options
    this.source = options.source
    // Node goes on reading by itself, for example at the end of each request.
    socket.on('resume', () => {
      if (this.#isPaused) socket.pause()
    })
    socket.once('close', () => {
      options.turns.leave(this)
      this.#waiting.length = 0
      this.#gone?.abort(GONE)
    })
    // Not before Node has begun to read: what has not begun cannot be paused.
    process.nextTick(() => {
      if (!socket.destroyed) options.turns.await(this)
    })
  }

  add(call: ConnectionCall): void {
    // What comes after that is not looked at: the connection ends with the last answer before it.
    if (this.#isCutOff) return
    if (this.#waiting.length >= this.#options.maxWaiting) {
      this.#options.onFlood()
      this.#cutOff()
      call.refuse()
      return
    }
    this.#waiting.push(call)
    if (this.#isItsTurn) this.#runNext()
    // While nothing is read, nobody notices that the client is gone: only where it is needed.
    else if (this.#waiting.length * 2 > this.#options.maxWaiting) this.#stopReading()
  }

  read(): void {
    this.#isItsTurn = true
    if (this.#waiting.length > 0) this.#runNext()
    else this.#goOnReading()
  }

  pause(): void {
    this.#isItsTurn = false
    this.#stopReading()
  }

  turnAway(): void {
    if (this.#waiting.length > 0) this.#cutOff()
    else this.#options.onTurnedAway()
  }

  #goOnReading(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#socket.resume()
  }

  #stopReading(): void {
    this.#isPaused = true
    this.#socket.pause()
  }

  #cutOff(): void {
    this.#isCutOff = true
    for (const waiting of this.#waiting.splice(0)) waiting.refuse()
  }

  #runNext(): void {
    const call = this.#waiting.shift()
    if (!call) return
    this.#isItsTurn = false
    this.#options.turns.leave(this)
    this.#options.onBusy()
    this.#gone ??= new AbortController()
    if (call.hasBody === true) this.#goOnReading()
    const goOn = (end: CallEnd) => {
      this.#options.onIdle()
      if (this.#socket.destroyed) return
      if (end === 'later') this.#options.turns.awaitAfterRest(this)
      else this.#options.turns.await(this)
    }
    call.run(this.#gone.signal).then(goOn, () => goOn('answered'))
  }
}
