import { Gauge, Histogram, Registry } from 'prom-client'

/** What is looked up at each scrape. */
export interface MeasuredState {
  readonly certificates: () => number
  readonly connections: () => number
  /** Connections of strangers that wait to be read. */
  readonly unread: () => number
  /** Calls that wait for their turn. */
  readonly waitingCalls: () => number
}

/** Upper bounds in seconds: a call without computation takes a fraction of a millisecond, one that asks a node up to three seconds. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const PREFIX = 're6st_registry_'

/** What Prometheus reads of a registry, in its text format. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #calls: Histogram<'method' | 'status'>

  constructor(state: MeasuredState) {
    this.#calls = new Histogram({
      name: `${PREFIX}call_seconds`,
      help: 'Calls: how long it took until they were answered, waiting included.',
      labelNames: ['method', 'status'],
      buckets: SECONDS,
      registers: [this.#registry],
    })
    this.#gauge(`${PREFIX}certificates`, 'Prefixes that have a certificate.', state.certificates)
    this.#gauge(`${PREFIX}connections`, 'Open connections.', state.connections)
    this.#gauge(`${PREFIX}unread_connections`, 'Connections of strangers that wait to be read.', state.unread)
    this.#gauge(`${PREFIX}waiting_calls`, 'Calls that wait for others.', state.waitingCalls)
    this.#gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
    this.#gauge('process_cpu_seconds_total', 'Processor time.', () => {
      const { user, system } = process.cpuUsage()
      return (user + system) / 1e6
    })
    const startSeconds = Date.now() / 1000 - process.uptime()
    this.#gauge('process_start_time_seconds', 'Start, since the Unix epoch.', () => startSeconds)
  }

  /** @param method one of ours: whatever a stranger asks for would be kept for ever */
  called(method: string, status: number, ms: number): void {
    this.#calls.observe({ method, status }, ms / 1000)
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  #gauge(name: string, help: string, value: () => number): void {
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      collect() {
        this.set(value())
      },
    })
  }
}
