import type { RegistryScaleResult } from './registry-scale.ts'
import { table } from './table.ts'

const PAGE_NAMES = [
  ['first', 'first page'],
  ['last', 'last page'],
  ['byName', 'a name'],
  ['offline', 'first page of those that are offline'],
  ['byEmail', 'first page of those with a word in their e-mail address'],
  ['byLastSeen', 'first page by last seen'],
  ['byCountry', 'first page by country'],
  ['byVersion', 'first page by version'],
  ['byState', 'first page by state'],
  ['unseen', 'first page of those that were never seen'],
  ['expiring', 'first page of those that expire, by e-mail address'],
  ['keys', 'rotation of the keys'],
  ['overview', 'overview'],
] as const satisfies readonly (readonly [keyof RegistryScaleResult['pageMs'], string])[]

/** As long as with few, or so many times that: more is not flat. */
const FLAT = 2

/** How many times as long everything takes with the most certificates as with the fewest, of each database. */
function growth(results: readonly RegistryScaleResult[]): string {
  const rows = ['SQLite', 'PostgreSQL'].flatMap((database) => {
    const own = results.filter((one) => one.database === database && one.processes === 1)
    const [few, many] = [own[0], own.at(-1)]
    if (!few || !many || few === many) return []
    const p50 = ({ rates }: RegistryScaleResult, call: string) =>
      rates.find(({ what, clients }) => what.startsWith(call) && clients === 1)?.p50Ms ?? Number.NaN
    const times = (of: (one: RegistryScaleResult) => number | undefined) => {
      const ratio = (of(many) ?? Number.NaN) / (of(few) ?? Number.NaN)
      return Number.isNaN(ratio) ? '–' : ratio.toFixed(1)
    }
    return [
      [
        ...[
          database,
          `${few.certificates} to ${many.certificates}`,
          times(({ startSeconds }) => startSeconds),
        ],
        ...CALLS.map((call) => times((one) => p50(one, call))),
        ...PAGE_NAMES.map(([page]) => times(({ pageMs }) => pageMs[page])),
      ],
    ]
  })
  if (rows.length === 0) return ''
  return `How many times as long it takes with the most certificates as with the fewest, with one client (target: ${FLAT}).

${table(['database', 'certificates', 'start', ...CALLS, ...PAGE_NAMES.map(([, name]) => name)], rows)}

`
}

const CALLS = ['requestCertificate', 'hello', 'getNetworkConfig']

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
  ['database', 'certificates', ...PAGE_NAMES.map(([, name]) => name)],
  results.map(({ pageMs, ...one }) => [
    of(one),
    String(one.certificates),
    ...PAGE_NAMES.map(([page]) => (pageMs[page] === undefined ? '–' : `${pageMs[page].toFixed(1)} ms`)),
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

${growth(results)}“Too busy” counts answers with 503, after which a client asks again in a quarter of a second; what it waits counts. Memory is that of one process (PSS). Clients, PostgreSQL and all registries share the processors of one machine: several processes can
be quicker there only while one leaves some of them idle.${results.some(({ isInMemory }) => isInMemory) ? ' The databases are on a tmpfs: no certificate waits for a disk here, as it does elsewhere.' : ''}`
}
