import type { Clock } from '../../platform/clock.ts'
import type { Logger } from '../../platform/log.ts'
import type { Discovery } from '../discovery.ts'
import { Refusal, reasonForOperator } from '../refusal.ts'
import type { Answer } from './answer.ts'
import { inTime } from './in-time.ts'
import type { Metrics } from './metrics.ts'

/** What programs of an operator ask for, beside the methods: private like these. */
const STATUS_PAGES = ['healthz', 'readyz', 'metrics', 'discovery'] as const
type StatusPage = (typeof STATUS_PAGES)[number]

/** Whether it is the name of one. */
export const isStatusPage = (name: string): name is StatusPage =>
  (STATUS_PAGES as readonly string[]).includes(name)

/** What they need. */
export interface StatusComponents {
  /** Throws what keeps the registry from serving. */
  readonly checkReady: () => Promise<void>
  readonly metrics: Pick<Metrics, 'text'>
  /** Nodes, for Prometheus. */
  readonly discovery: Discovery
  readonly log: Logger
  readonly clock: Pick<Clock, 'after'>
}

/** Whether the registry runs, whether it can serve, and what Prometheus wants to know of it. */
export class StatusPages {
  readonly #components: StatusComponents

  constructor(components: StatusComponents) {
    this.#components = components
  }

  /**
   * @param target what was asked for, with its parameters
   * @throws Refusal 503 when it cannot serve, 400 for a parameter that is none
   */
  async answer(page: StatusPage, target: string): Promise<Answer> {
    if (page === 'discovery') {
      const groups = await this.#components.discovery(new URL(target, 'http://localhost').searchParams)
      const headers = { 'Content-Type': 'application/json' }
      return { status: 200, body: Buffer.from(JSON.stringify(groups)), headers }
    }
    if (page === 'readyz') await this.#checkReady()
    const text = page === 'metrics' ? await this.#components.metrics.text() : 'ok\n'
    return {
      status: 200,
      body: Buffer.from(text),
      // Of Prometheus' text format; the others do not mind.
      headers: { 'Content-Type': 'text/plain; version=0.0.4; charset=utf-8' },
    }
  }

  async #checkReady(): Promise<void> {
    try {
      await inTime(this.#components.checkReady(), this.#components.clock)
    } catch (error) {
      this.#components.log.warn({ err: error }, 'the registry is not ready')
      // Who asks that is an operator's, or his proxy.
      throw new Refusal(503, reasonForOperator(error))
    }
  }
}
