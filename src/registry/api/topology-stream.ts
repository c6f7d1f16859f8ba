import type { FastifyReply } from 'fastify'
import type { Clock } from '../../platform/clock.ts'
import type { LivingSession } from './access/sessions.ts'
import { ApiRefusal } from './api-refusal.ts'
import { SECURITY_HEADERS } from './guards.ts'
import { API_LIMITS } from './limits.ts'
import type { TopologyWatch } from './topology-watch.ts'

/**
 * So often the stream says that it is alive: a connection that is lost without a word (a laptop that has slept, an address translation
 * that has forgotten it) is noticed by its silence, within the five seconds after which what changes is to be seen.
 */
const ALIVE_MS = 1_500
/** Who was signed out is not told for longer: the browser connects again, and is asked who it is. */
const LIFE_MS = 10 * 60_000
/** So soon it connects again: what changes meanwhile is to be seen within five seconds, too. Browsers take 3 to 5 s by themselves. */
const AGAIN_MS = 1_000

/** Tells browsers what changes in the network, as server-sent events (HTML, section 9.2). */
export class TopologyStream {
  readonly #watch: Pick<TopologyWatch, 'snapshot' | 'subscribe'>
  readonly #clock: Pick<Clock, 'now' | 'every' | 'after'>
  readonly #open = new Map<string, number>()

  constructor(
    watch: Pick<TopologyWatch, 'snapshot' | 'subscribe'>,
    clock: Pick<Clock, 'now' | 'every' | 'after'>,
  ) {
    this.#watch = watch
    this.#clock = clock
  }

  /**
   * @param source who asks
   * @param session of a browser: told no longer than it lives, unless somebody does something
   * @throws ApiRefusal when there are too many
   */
  async open(
    source: string,
    reply: FastifyReply,
    session: Pick<LivingSession, 'idleEnd' | 'end'> | undefined,
  ): Promise<FastifyReply> {
    const { raw } = reply
    // Its client has gone while it was asked who it is.
    if (raw.destroyed) return reply
    const all = [...this.#open.values()].reduce((sum, one) => sum + one, 0)
    if (all >= API_LIMITS.streams || (this.#open.get(source) ?? 0) >= API_LIMITS.streamsPerSource)
      throw new ApiRefusal(503, 'unavailable', 'too many pages are open: close some')
    this.#add(source, 1)
    raw.once('close', () => this.#add(source, -1))
    const snapshot = await this.#watch.snapshot()
    // Its client has gone meanwhile.
    if (raw.destroyed) return reply
    reply.hijack()
    raw.writeHead(200, {
      ...SECURITY_HEADERS,
      'Content-Type': 'text/event-stream',
      'Cache-Control': 'no-store',
      'X-Accel-Buffering': 'no',
    })
    const send = (text: string) => {
      if (raw.writableLength > API_LIMITS.maxUnsentBytes) raw.destroy()
      else raw.write(text)
    }
    send(`retry: ${AGAIN_MS}\n${event('snapshot', snapshot)}`)
    const held = [
      this.#watch.subscribe((change) => send(event('change', change))),
      // What was not read yet says as much.
      this.#clock.every(ALIVE_MS, () => {
        if (raw.writableLength === 0) send('event: alive\ndata: {}\n\n')
      }),
      this.#clock.after(this.#lifeMs(session), () => {
        leave()
        // Whoever has not read what was said by now is asleep, or gone.
        if (raw.writableLength > 0) raw.destroy()
        else raw.end()
      }),
    ]
    // After the end, nothing may be written: that is an error that nobody hears, and the end of the registry.
    const leave = () => {
      for (const one of held) one[Symbol.dispose]()
    }
    raw.once('close', leave)
    return reply
  }

  #lifeMs(session: Pick<LivingSession, 'idleEnd' | 'end'> | undefined): number {
    if (!session) return LIFE_MS
    const leftMs = Math.min(session.idleEnd, session.end) * 1000 - this.#clock.now()
    return Math.min(LIFE_MS, Math.max(leftMs, 0))
  }

  #add(source: string, change: 1 | -1): void {
    const count = (this.#open.get(source) ?? 0) + change
    if (count > 0) this.#open.set(source, count)
    else this.#open.delete(source)
  }
}

/** JSON has no line ends of its own. */
const event = (name: string, { revision, ...data }: { readonly revision: number }): string =>
  `id: ${revision}\nevent: ${name}\ndata: ${JSON.stringify({ revision, ...data })}\n\n`
