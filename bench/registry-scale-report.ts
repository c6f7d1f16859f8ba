import type { RegistryScaleResult } from './registry-scale.ts'
import { table } from './table.ts'

/** Two tables: what a process needs, and what it answers. */
export function registryScaleReport(results: readonly RegistryScaleResult[]): string {
  const of = ({ database, processes }: RegistryScaleResult) =>
    processes === 1 ? database : `${database}, ${processes} processes`
  return `${table(
    ['database', 'certificates', 'start', 'memory after it', 'after all calls', 'page of machines, p50'],
    results.map((one) => [
      of(one),
      String(one.certificates),
      `${one.startSeconds.toFixed(2)} s`,
      `${one.startedMb.toFixed(0)} MB`,
      `${one.memoryMb.toFixed(0)} MB`,
      `${one.pageMs.toFixed(1)} ms`,
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
be quicker there only while one leaves some of them idle.`
}
