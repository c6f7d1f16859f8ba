import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { messageOf } from '../../core/errors.ts'
import { encodeFrame, FrameReader } from '../../core/standby/frames.ts'
import { decodeMessage, encodeMessage, type PeerMessage } from '../../core/standby/messages.ts'
import type { Clock } from '../../platform/clock.ts'

/** What comes of the other registry. */
export type PeerEvent = PeerMessage | { readonly kind: 'part'; readonly content: Buffer }

/** Each side says something every second: after this, the other, or the way to it, is gone. */
const SILENCE_MS = 5_000
/** How much may wait to be handled before no more is read. */
const MAX_WAITING = 64

/** A connection between the two registries of a pair. */
export class PeerStream implements Disposable {
  readonly #stream: Duplex
  readonly #clock: Pick<Clock, 'after'>
  readonly #frames = new FrameReader()
  #silence: Disposable | undefined
  #handle: ((event: PeerEvent) => void) | undefined
  #early: PeerEvent[] = []
  #reason = 'it has ended the connection'
  /** Resolves at its end, with the reason. */
  readonly ended: Promise<string>

  constructor(stream: Duplex, clock: Pick<Clock, 'after'>) {
    this.#stream = stream
    this.#clock = clock
    this.ended = new Promise((resolve) => stream.once('close', () => resolve(this.#reason)))
    stream.on('error', (error) => {
      this.#reason = messageOf(error)
    })
    stream.once('close', () => this.#silence?.[Symbol.dispose]())
    stream.on('end', () => stream.destroy())
    stream.on('data', (part: Buffer) => this.#received(part))
    this.#expectSomething()
  }

  /** Calls `handle` with everything that comes, also with what has come already. */
  onEvent(handle: (event: PeerEvent) => void): void {
    this.#handle = handle
    for (const event of this.#early.splice(0)) handle(event)
  }

  /** Calls `listener` with the reason when it ends, or has ended. */
  onEnd(listener: (reason: string) => void): void {
    if (this.#stream.closed) listener(this.#reason)
    else this.#stream.once('close', () => listener(this.#reason))
  }

  /** The next that comes; undefined at the end. Not together with `onEvent`. */
  async next(): Promise<PeerEvent | undefined> {
    const event = this.#early.shift()
    if (this.#early.length === 0) this.#stream.resume()
    if (event || this.#stream.destroyed) return event
    return Promise.race([
      new Promise<PeerEvent>((resolve) => {
        this.#handle = (event) => {
          this.#handle = undefined
          resolve(event)
        }
      }),
      this.ended.then(() => undefined),
    ])
  }

  say(message: PeerMessage): void {
    this.sendFrame(encodeMessage(message))
  }

  /** Sends what was encoded already. */
  sendFrame(frame: Buffer): void {
    if (this.#stream.writable) this.#stream.write(frame)
  }

  /** Resolves when there is room for more, or the connection has ended. */
  async sendPart(content: Buffer): Promise<void> {
    this.sendFrame(encodeFrame({ kind: 'part', content }))
    await this.drained()
  }

  /** Resolves when what was said is on its way, or the connection has ended. */
  async drained(): Promise<void> {
    if (this.#stream.writableNeedDrain) await Promise.race([once(this.#stream, 'drain'), this.ended])
  }

  /** Says this, and ends. */
  finish(message: PeerMessage): void {
    if (this.#stream.writable) this.#stream.end(encodeMessage(message))
  }

  /** @param reason what `ended` resolves with */
  end(reason: string): void {
    this.#reason = reason
    this.#stream.destroy()
  }

  [Symbol.dispose](): void {
    this.#stream.destroy()
  }

  #received(part: Buffer): void {
    this.#expectSomething()
    const frames = this.#frames.push(part)
    if (!frames.ok) return this.end(`it says something that is not understood: ${frames.reason}`)
    for (const frame of frames.value) {
      if (this.#stream.destroyed) return
      if (frame.kind === 'part') {
        this.#heard({ kind: 'part', content: frame.content })
        continue
      }
      const message = decodeMessage(frame)
      if (!message.ok) return this.end(`it says something that is not understood: ${message.reason}`)
      this.#heard(message.value)
    }
  }

  #heard(event: PeerEvent): void {
    if (this.#handle) this.#handle(event)
    else if (this.#early.push(event) >= MAX_WAITING) this.#stream.pause()
  }

  #expectSomething(): void {
    this.#silence?.[Symbol.dispose]()
    this.#silence = this.#clock.after(SILENCE_MS, () =>
      this.end(`it has said nothing for ${SILENCE_MS / 1000} s`),
    )
  }
}
