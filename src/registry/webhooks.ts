import { createHmac, randomUUID } from 'node:crypto'
import { messageOf } from '../core/errors.ts'
import { GrowingDelay } from '../core/growing-delay.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import { httpExchange } from '../platform/http-get.ts'
import type { Logger } from '../platform/log.ts'

/**
 * What an operator wants to hear of at night.
 *
 * @public
 */
export type NetworkEvent =
  | { readonly event: 'certificates.ending'; readonly nodes: readonly string[] }
  | { readonly event: 'registry_node.gone' | 'registry_node.back'; readonly nodes: readonly string[] }
  | { readonly event: 'nodes.gone'; readonly nodes: readonly string[] }
  | { readonly event: 'keys.left_behind'; readonly nodes: readonly string[] }

/** What webhooks need. */
export interface WebhookComponents {
  readonly urls: readonly URL[]
  /** What messages are signed with, so that nobody else can send one. */
  readonly secret: string
  readonly network: string
  readonly clock: Clock
  readonly log: Logger
}

/** What waits for one URL; the first is being sent. */
interface Queue {
  readonly url: URL
  readonly waiting: string[]
  isSending: boolean
}

/** More wait only when nobody has answered for long: the oldest make room. */
const MAX_WAITING = 100
const ATTEMPTS = 24
const DELAYS = { minMs: 1_000, maxMs: 3600_000 }
const TIMEOUT_MS = 10_000
const MAX_BODY_LENGTH = 64 * 1024

/**
 * Sends events to URLs, one after another to each: with back-off until it answers with a status from 200 to 299, or for about half a
 * day. The header `Re6st-Signature` is `sha256=` and the HMAC in hexadecimal over the body, which has the time.
 */
export class Webhooks implements Disposable {
  readonly #components: WebhookComponents
  readonly #queues: readonly Queue[]
  readonly #stopped = new AbortController()

  constructor(components: WebhookComponents) {
    this.#components = components
    this.#queues = components.urls.map((url) => ({ url, waiting: [], isSending: false }))
  }

  /** Sends it, some time. */
  send(event: NetworkEvent): void {
    const { network, clock, log } = this.#components
    const body = JSON.stringify({
      id: randomUUID(),
      time: new Date(clock.now()).toISOString(),
      network,
      ...event,
    })
    for (const queue of this.#queues) {
      queue.waiting.push(body)
      // The first is under way.
      if (queue.waiting.length > MAX_WAITING) {
        queue.waiting.splice(1, 1)
        log.warn({ host: queue.url.host }, '--webhook: too many messages wait, one was dropped')
      }
      if (!queue.isSending) inBackground(log, '--webhook', this.#empty(queue))
    }
  }

  async #empty(queue: Queue): Promise<void> {
    const { log } = this.#components
    queue.isSending = true
    for (;;) {
      const [body] = queue.waiting
      if (body === undefined || this.#stopped.signal.aborted) break
      const failure = await this.#deliver(queue.url, body)
      if (failure !== undefined && !this.#stopped.signal.aborted)
        log.error(
          { host: queue.url.host, reason: failure },
          '--webhook: a message was not taken, and is dropped',
        )
      queue.waiting.shift()
    }
    queue.isSending = false
  }

  /** @returns why it was not taken; undefined: it was */
  async #deliver(url: URL, body: string): Promise<string | undefined> {
    const { clock } = this.#components
    const { signal } = this.#stopped
    const delay = new GrowingDelay(DELAYS)
    let failure: string | undefined
    for (let attempt = 0; attempt < ATTEMPTS && !signal.aborted; attempt++) {
      if (attempt > 0) await clock.sleep(delay.take(), signal).catch(() => {})
      failure = await this.#post(url, body)
      if (failure === undefined) return undefined
    }
    return failure
  }

  async #post(url: URL, body: string): Promise<string | undefined> {
    const signature = createHmac('sha256', this.#components.secret).update(body).digest('hex')
    try {
      const { status } = await httpExchange(url, {
        method: 'POST',
        target: url.pathname + url.search,
        headers: {
          'Content-Type': 'application/json',
          'Content-Length': String(Buffer.byteLength(body)),
          'Re6st-Signature': `sha256=${signature}`,
        },
        body,
        maxBodyLength: MAX_BODY_LENGTH,
        signal: AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      })
      return status >= 200 && status < 300 ? undefined : `status ${status}`
    } catch (error) {
      return messageOf(error)
    }
  }

  [Symbol.dispose](): void {
    this.#stopped.abort()
  }
}
