import type { RegistryScaleResult } from './registry-scale.ts'
import { table } from './table.ts'

/** What a process needs, how long the page waits, and what it answers to nodes. */
export function registryScaleReport(results: readonly RegistryScaleResult[]): string {
  const of = ({ database, processes }: Pick<RegistryScaleResult, 'database' | 'processes'>) =>
    processes === 1 ? database : `${database}, ${processes} processes`
  return `${table(
    ['database', 'certificates', 'filled in', 'start', 'memory after it', 'after all calls', 'allowed'],
    results.map((one) => [
      of(one),
      String(one.certificates),
      `${one.fillSeconds.toFixed(0)} s`,
      `${one.startSeconds.toFixed(2)} s`,
      `${one.startedMb.toFixed(0)} MB`,
      `${one.memoryMb.toFixed(0)} MB`,
      `${(90 + one.certificates / 10_000).toFixed(0)} MB`,
    ]),
  )}

${table(
  ['database', 'certificates', 'first page', 'last page', 'a name', 'part of an e-mail address', 'overview'],
  results.map(({ pageMs, ...one }) => [
    of(one),
    String(one.certificates),
    ...[pageMs.first, pageMs.last, pageMs.byName, pageMs.byEmail, pageMs.overview].map(
      (ms) => `${ms.toFixed(1)} ms`,
    ),
  ]),
)}

${table(
  ['call', 'database', 'certificates', 'clients', 'a second', 'p50', 'p99', 'CPU a call', 'too busy'],
  results
    .flatMap((one) => one.rates.map((rate) => ({ one, rate })))
    .sort((a, b) => a.rate.what.localeCompare(b.rate.what) || a.rate.clients - b.rate.clients)
    .map(({ one, rate: { what, clients, perSecond, p50Ms, p99Ms, registryCpuMs, busy = 0 } }) => [
      what,
      of(one),
      String(one.certificates),
      String(clients),
      perSecond.toFixed(0),
      `${p50Ms.toFixed(1)} ms`,
      `${p99Ms.toFixed(1)} ms`,
      `${registryCpuMs.toFixed(2)} ms`,
      String(busy),
    ]),
)}

“Too busy” counts answers with 503, after which a client asks again in a quarter of a second; what it waits counts. Memory is that of one process (PSS). Clients, PostgreSQL and all registries share the processors of one machine: several processes can
be quicker there only while one leaves some of them idle.${results.some(({ isInMemory }) => isInMemory) ? ' The databases are on a tmpfs: no certificate waits for a disk here, as it does elsewhere.' : ''}`
}
