import { createHash, createHmac, randomUUID } from 'node:crypto'
import { messageOf } from '../core/errors.ts'
import { delayAfter } from '../core/growing-delay.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import { httpExchange } from '../platform/http-get.ts'
import type { Logger } from '../platform/log.ts'
import type { Queries } from './database/queries.ts'
import type { Store } from './database/store.ts'
import { WebhookMessages } from './webhook-messages.ts'

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
  /** Of a pair of registries: the other one. */
  | {
      readonly event: `${'primary' | 'standby'}.${'away' | 'back'}`
      readonly nodes: readonly []
    }

/**
 * Decides what an operator is told, in the transaction in which that is written; undefined: nothing. It may be run again after it was
 * rolled back.
 */
export type Decide = (writable: Queries) => Promise<NetworkEvent | undefined>

/** What webhooks need. */
export interface WebhookComponents {
  readonly store: Pick<Store, 'write' | 'all' | 'commonTimeMs'>
  readonly urls: readonly URL[]
  /** What messages are signed with, so that nobody else can send one. */
  readonly secret: string
  readonly network: string
  readonly clock: Clock
  readonly log: Logger
}

/** A URL, and what ends the sleep of who sends to it. */
interface Target {
  readonly url: URL
  /** The URL's hash: the database need not know the URL. */
  readonly name: string
  wake: AbortController
}

const DELAYS = { minMs: 1_000, maxMs: 3600_000 }
const TIMEOUT_MS = 10_000
/** Longer than an attempt: whoever has not ended it by then is dead. */
const SENDING_MS = 60_000
/** Another process may have written a message and died. */
const LOOK_MS = 60_000
const MAX_BODY_LENGTH = 64 * 1024

/**
 * Sends events to URLs, one after another to each: with back-off until it answers with a status from 200 to 299. What waits is in the
 * database: a message is sent at least once, also when the registry is started again, and by one of several processes at a time. Who
 * dies while it sends one has it sent again: its `id` is the same. The header `Re6st-Signature` is `sha256=` and the HMAC in
 * hexadecimal over the body, which has the time.
 */
export class Webhooks implements AsyncDisposable {
  readonly #components: WebhookComponents
  readonly #messages: WebhookMessages
  readonly #targets: readonly Target[]
  readonly #stopped = new AbortController()
  readonly #running: Promise<unknown>
  /** What is being written: a registry that stops waits for it. */
  #written: Promise<unknown> = Promise.resolve()

  constructor(components: WebhookComponents) {
    this.#components = components
    this.#messages = new WebhookMessages(components.store)
    this.#targets = components.urls.map((url) => ({
      url,
      name: createHash('sha256').update(url.href).digest('hex'),
      wake: new AbortController(),
    }))
    this.#running = Promise.all(this.#targets.map((target) => this.#run(target)))
  }

  /** Sends it, some time. */
  send(event: NetworkEvent): void {
    inBackground(
      this.#components.log,
      '--webhook',
      this.tell(async () => event),
    )
  }

  /**
   * Sends what is decided, some time: also when this process ends as soon as that is written.
   * @returns whether there is something to send; what is written is on the disk
   */
  tell(decide: Decide): Promise<boolean> {
    const written = this.#write(decide)
    this.#written = Promise.allSettled([this.#written, written])
    return written
  }

  async #write(decide: Decide): Promise<boolean> {
    const { network, clock, log, store } = this.#components
    const dropped = await store.write(
      async (writable) => {
        const event = await decide(writable)
        if (!event) return undefined
        const nowMs = await writable.commonTimeMs(clock)
        const id = randomUUID()
        const body = JSON.stringify({ id, time: new Date(nowMs).toISOString(), network, ...event })
        const dropped: number[] = []
        for (const { name } of this.#targets)
          dropped.push(await this.#messages.add(writable, name, { id, body, nowMs }))
        return dropped
      },
      { isExpendable: true },
    )
    if (!dropped) return false
    for (const [index, { url, wake }] of this.#targets.entries()) {
      if (dropped[index])
        log.warn(
          { host: url.host, dropped: dropped[index] },
          '--webhook: too many messages wait, the oldest were dropped',
        )
      wake.abort()
    }
    return true
  }

  async #run(target: Target): Promise<void> {
    const { log } = this.#components
    const { signal } = this.#stopped
    while (!signal.aborted) {
      let waitMs = LOOK_MS
      try {
        waitMs = await this.#next(target)
      } catch (error) {
        log.error({ err: error }, '--webhook failed')
      }
      if (waitMs > 0) await this.#sleep(target, waitMs)
    }
  }

  /** Tries the oldest, if it is due. @returns when to look again */
  async #next(target: Target): Promise<number> {
    const { clock, log, store } = this.#components
    const message = await this.#messages.first(target.name)
    if (!message) return LOOK_MS
    const nowMs = await store.commonTimeMs(clock)
    const leftMs = message.dueMs - nowMs
    // Nothing waits longer than that: what does was written by a clock that was ahead.
    if (leftMs > 0 && leftMs <= DELAYS.maxMs) return Math.min(leftMs, LOOK_MS)
    if (!(await this.#messages.claim(message, nowMs + SENDING_MS))) return 0
    const failure = await this.#post(target.url, message.body)
    if (failure === undefined) await this.#messages.taken(message)
    // Whoever starts next need not wait.
    else if (this.#stopped.signal.aborted) await this.#messages.putOff(message, message.attempts, 0)
    else {
      const retryMs = delayAfter(message.attempts, DELAYS)
      log.warn({ host: target.url.host, reason: failure, retryMs }, '--webhook: a message was not taken')
      await this.#messages.putOff(message, message.attempts + 1, (await store.commonTimeMs(clock)) + retryMs)
    }
    return 0
  }

  async #sleep(target: Target, ms: number): Promise<void> {
    const signal = AbortSignal.any([this.#stopped.signal, target.wake.signal])
    await this.#components.clock.sleep(ms, signal).catch(() => {})
    if (target.wake.signal.aborted) target.wake = new AbortController()
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

  /** Ends what is being sent, and waits until all is written down. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopped.abort()
    await this.#written
    await this.#running
  }
}
