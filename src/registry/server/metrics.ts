import { readdirSync } from 'node:fs'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { DAY_MS } from '../../core/day.ts'
import type { Clock } from '../../platform/clock.ts'
import type { StandbyState } from '../standby/primary.ts'
import { inTime } from './in-time.ts'
import { oneAnswer } from './one-answer.ts'

/** What is looked up at each scrape. */
export interface MeasuredState {
  readonly certificates: () => Promise<number>
  readonly connections: () => number
  /** Connections of strangers that wait to be read. */
  readonly unread: () => number
  /** Calls that wait for their turn, by what they wait for. */
  readonly waitingCalls: () => Readonly<Record<'computing' | 'asking', number>>
  /** How many certificates end after one time and by another; without the other, after it. */
  readonly ending: (afterMs: number, untilMs?: number) => Promise<number>
  /** How many are revoked and would be valid still. */
  readonly revoked: () => Promise<number>
  /** Those of the authority, and of TLS if there is one. */
  readonly authorityEndMs: number
  readonly tlsEndMs: (() => number) | undefined
  /** What the database takes on the disk, in bytes. */
  readonly databaseBytes: () => Promise<number>
  readonly nowMs: () => number
  /** Throws what keeps the registry from serving. */
  readonly checkReady: () => Promise<void>
  readonly clock: Pick<Clock, 'after'>
  /** Of the primary of a pair. */
  readonly standby?: (() => StandbyState) | undefined
}

/** How many certificates end within so many days. */
const DAYS_LEFT = [1, 7, 30, 90]
const YEAR = 365
/** Certificates are counted at most this often. */
const COUNTED_MS = 15_000

/** Upper bounds in seconds: a call without computation takes a fraction of a millisecond, one that asks a node up to three seconds. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5]
const PREFIX = 're6st_registry_'

/** What Prometheus reads of a registry, in its text format. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #calls: Histogram<'method' | 'status'>

  readonly #questions: Counter<'result'>
  readonly #clock: Pick<Clock, 'after'>

  constructor(state: MeasuredState) {
    this.#clock = state.clock
    this.#calls = new Histogram({
      name: `${PREFIX}call_seconds`,
      help: 'Calls: how long it took until they were answered, waiting included.',
      labelNames: ['method', 'status'],
      buckets: SECONDS,
      registers: [this.#registry],
    })
    this.#gauge(`${PREFIX}ready`, '1: it can serve, as /readyz says.', () =>
      inTime(state.checkReady(), state.clock).then(
        () => 1,
        () => 0,
      ),
    )
    this.#gauge(`${PREFIX}certificates`, 'Prefixes that have a certificate.', state.certificates)
    this.#gauge(`${PREFIX}connections`, 'Open connections.', state.connections)
    this.#gauge(`${PREFIX}unread_connections`, 'Connections of strangers that wait to be read.', state.unread)
    this.#gauges(`${PREFIX}waiting_calls`, 'Calls that wait for others.', 'queue', () =>
      Object.entries(state.waitingCalls()),
    )
    const counts = certificateCounts(state)
    this.#gauges(
      `${PREFIX}certificates_by_state`,
      'Certificates by state. valid: they have not ended; revoked: serial numbers of the CRL that would be valid still.',
      'state',
      async () => (await counts()).states,
    )
    this.#gauges(
      `${PREFIX}certificates_ending`,
      'Valid certificates that end within so many days.',
      'days',
      async () => (await counts()).ending,
    )
    this.#gauge(
      `${PREFIX}authority_end_timestamp_seconds`,
      'End of the certificate of the authority.',
      () => state.authorityEndMs / 1000,
    )
    const { tlsEndMs } = state
    if (tlsEndMs)
      this.#gauge(
        `${PREFIX}tls_end_timestamp_seconds`,
        'End of the certificate for TLS.',
        () => tlsEndMs() / 1000,
      )
    this.#gauge(`${PREFIX}database_bytes`, 'What the database takes on the disk.', state.databaseBytes)
    const { standby } = state
    if (standby) {
      this.#gauge(
        `${PREFIX}standby_registered`,
        '1: nothing is given that the standby has not stored.',
        () => (standby().isRegistered ? 1 : 0),
      )
      this.#gauge(`${PREFIX}standby_current`, '1: the standby is connected, and has everything.', () =>
        standby().connection === 'current' ? 1 : 0,
      )
      this.#gauge(
        `${PREFIX}standby_behind_changes`,
        'Changes that the standby has not stored; NaN while it is not known.',
        () => standby().behind ?? Number.NaN,
      )
    }
    this.#questions = new Counter({
      name: `${PREFIX}udp_queries_total`,
      help: 'Questions to nodes, by UDP.',
      labelNames: ['result'],
      registers: [this.#registry],
    })
    for (const result of ['answered', 'unanswered'] as const) this.#questions.inc({ result }, 0)
    this.#gauge('process_open_fds', 'Open file descriptors.', () => readdirSync('/proc/self/fd').length)
    this.#gauge('process_resident_memory_bytes', 'Resident memory.', () => process.memoryUsage.rss())
    new Counter({
      name: 'process_cpu_seconds_total',
      help: 'Processor time.',
      registers: [this.#registry],
      collect() {
        const { user, system } = process.cpuUsage()
        this.reset()
        this.inc((user + system) / 1e6)
      },
    })
    const startSeconds = Date.now() / 1000 - process.uptime()
    this.#gauge('process_start_time_seconds', 'Start, since the Unix epoch.', () => startSeconds)
  }

  /** @param method one of ours: whatever a stranger asks for would be kept for ever */
  called(method: string, status: number, ms: number): void {
    this.#calls.observe({ method, status }, ms / 1000)
  }

  /** A node was asked something. */
  asked(isAnswered: boolean): void {
    this.#questions.inc({ result: isAnswered ? 'answered' : 'unanswered' })
  }

  text(): Promise<string> {
    return this.#registry.metrics()
  }

  /** NaN while the value is not known: the database may be away. */
  #gauge(name: string, help: string, value: () => number | Promise<number>): void {
    const known = this.#known(value)
    new Gauge({
      name,
      help,
      registers: [this.#registry],
      async collect() {
        this.set((await known()) ?? Number.NaN)
      },
    })
  }

  /** Without values while they are not known. */
  #gauges(name: string, help: string, label: string, values: () => Counted | Promise<Counted>): void {
    const known = this.#known(values)
    new Gauge({
      name,
      help,
      labelNames: [label],
      registers: [this.#registry],
      async collect() {
        const counted = await known()
        this.reset()
        for (const [key, value] of counted ?? []) this.set({ [label]: key }, value)
      },
    })
  }

  /** What is not known in time is left out, and the rest is told. */
  #known<T>(value: () => T | Promise<T>): () => Promise<T | undefined> {
    const ask = oneAnswer(async () => value())
    return () => inTime(ask(), this.#clock).catch(() => undefined)
  }
}

/** What a label names, and how many. */
type Counted = readonly (readonly [string, number])[]

interface CertificateCounts {
  readonly states: Counted
  readonly ending: Counted
}

/** Counts certificates by how long they are valid; not anew for each of those who ask at the same time. */
function certificateCounts({
  certificates,
  ending,
  revoked,
  nowMs,
}: Pick<MeasuredState, 'certificates' | 'ending' | 'revoked' | 'nowMs'>): () => Promise<CertificateCounts> {
  const count = async (now: number): Promise<CertificateCounts> => {
    const [all, expired] = [await certificates(), await ending(0, now)]
    const valid = all - expired
    const within: [string, number][] = []
    let [sum, fromMs] = [0, now]
    for (const days of DAYS_LEFT) {
      const untilMs = now + days * DAY_MS
      sum += await ending(fromMs, untilMs)
      within.push([String(days), sum])
      fromMs = untilMs
    }
    // Nearly all end within a year: the few others are counted.
    within.push([String(YEAR), valid - (await ending(now + YEAR * DAY_MS))])
    return { states: Object.entries({ valid, expired, revoked: await revoked() }), ending: within }
  }
  let counted: Promise<CertificateCounts> = Promise.resolve({ states: [], ending: [] })
  let countedMs = Number.NEGATIVE_INFINITY
  return () => {
    const now = nowMs()
    if (Math.abs(now - countedMs) < COUNTED_MS) return counted
    countedMs = now
    counted = count(now)
    counted.catch(() => {
      countedMs = Number.NEGATIVE_INFINITY
    })
    return counted
  }
}
