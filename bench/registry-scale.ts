import { mkdirSync, mkdtempSync, rmSync, statfsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryMb } from '../lab/process-cost.ts'
import { CleanUp } from '../src/platform/clean-up.ts'
import { type AskRegistry, askRegistryOf } from '../src/registry/commands/ask-registry.ts'
import type { BenchOptions } from './options.ts'
import { startPostgres } from './postgres.ts'
import type { SessionOwner } from './precomputed-client.ts'
import type { Progress } from './progress.ts'
import { measureRates, type RateResult } from './registry.ts'
import { fill } from './registry-filling.ts'
import { type MeasuredRegistry, startMeasuredRegistry } from './registry-process.ts'
import { median } from './statistics.ts'

/** A registry with so many certificates. */
export interface RegistryScaleResult {
  readonly database: (typeof DATABASES)[number]
  readonly processes: number
  readonly certificates: number
  /** From the start of the process until it answers. */
  readonly startSeconds: number
  /** PSS of one process, after its start and after all that was measured. */
  readonly startedMb: number
  readonly memoryMb: number
  /** Whether the database is on a tmpfs: no disk is waited for. */
  readonly isInMemory: boolean
  /** How long it took to fill the database. */
  readonly fillSeconds: number
  /** What the page asks for, median; what was not asked for yet when it was measured is missing. */
  readonly pageMs: { readonly [Asked in keyof typeof PAGES]?: number }
  readonly rates: readonly RateResult[]
}

const SIZES = [1_000, 100_000, 1_000_000]
const DATABASES = ['SQLite', 'PostgreSQL'] as const
const CLIENTS = [1, 20, 200]
const MEASURE_MS = 2_000
const PROCESSES = 3
const TIMES = 20
/** Of a tmpfs, in statfs(2). */
const TMPFS_MAGIC = 0x01021994

/** What an operator's page asks for: 50 machines each, and the head of the page. */
const PAGES = {
  first: (ask: AskRegistry) => ask('machines', { query: { sort: 'notAfter', order: 'ascending', ...FIRST } }),
  last: async (ask: AskRegistry) => {
    const { total } = await ask('machines', { query: { limit: 1 } })
    return ask('machines', { query: { sort: 'notAfter', offset: total - 50, limit: 50 } })
  },
  byName: (ask: AskRegistry) => ask('machines', { query: { search: '1073741833/32', ...FIRST } }),
  offline: (ask: AskRegistry) => ask('machines', { query: { state: 'offline', ...FIRST } }),
  byEmail: (ask: AskRegistry) => ask('machines', { query: { search: 'exam', ...FIRST } }),
  byLastSeen: (ask: AskRegistry) =>
    ask('machines', { query: { sort: 'lastSeen', order: 'descending', ...FIRST } }),
  byCountry: (ask: AskRegistry) => ask('machines', { query: { sort: 'country', ...FIRST } }),
  byVersion: (ask: AskRegistry) => ask('machines', { query: { sort: 'version', ...FIRST } }),
  byState: (ask: AskRegistry) => ask('machines', { query: { sort: 'state', ...FIRST } }),
  unseen: (ask: AskRegistry) => ask('machines', { query: { state: 'never-seen', ...FIRST } }),
  expiring: (ask: AskRegistry) => ask('machines', { query: { state: 'expiring', sort: 'email', ...FIRST } }),
  keys: (ask: AskRegistry) => ask('keyRotation'),
  overview: (ask: AskRegistry) => ask('overview'),
} as const
const FIRST = { offset: 0, limit: 50 } as const

/**
 * Both databases with a thousand to a million certificates, and three processes that share PostgreSQL. In parts, if only some sizes or
 * one database are asked for: what was measured of the others stays.
 */
export async function measureRegistryScale(
  { nodes, database: only, resume = false }: BenchOptions,
  { before = [], keep }: Progress<readonly RegistryScaleResult[]>,
): Promise<RegistryScaleResult[]> {
  const isPart = resume || nodes !== undefined || only !== undefined
  let results = isPart ? [...before] : []
  for (const certificates of nodes ?? SIZES)
    for (const database of DATABASES.filter(
      (one) => only === undefined || one.toLowerCase().startsWith(only),
    ))
      for (const processes of database === 'PostgreSQL' ? [1, PROCESSES] : [1]) {
        const isThis = (one: RegistryScaleResult) =>
          one.certificates === certificates && one.database === database && one.processes === processes
        if (resume && results.some(isThis)) continue
        const result = await measureOne(database, certificates, processes)
        results = [...results.filter((one) => !isThis(one)), result].sort(inOrder)
        keep(results)
      }
  return results
}

const inOrder = (one: RegistryScaleResult, other: RegistryScaleResult): number =>
  one.certificates - other.certificates ||
  DATABASES.indexOf(one.database) - DATABASES.indexOf(other.database) ||
  one.processes - other.processes

async function measureOne(
  database: RegistryScaleResult['database'],
  certificates: number,
  processes: number,
): Promise<RegistryScaleResult> {
  const directory = mkdtempSync(join(tmpdir(), 're6st-bench-'))
  mkdirSync(join(directory, 'sockets'))
  await using stack = new CleanUp()
  stack.defer(() => rmSync(directory, { recursive: true }))
  const place = database === 'SQLite' ? join(directory, 'registry.db') : stack.use(await startPostgres()).url
  const socket = (process: number) => join(directory, 'sockets', String(process))
  const start = (process: number) =>
    startMeasuredRegistry({ database: place, commandSocket: socket(process) })
  const owners: SessionOwner[] = []
  {
    await using first = await start(0)
    while (owners.length < Math.max(...CLIENTS)) owners.push(await first.enrol())
  }
  const fillingMs = performance.now()
  await fill(place, certificates - owners.length)
  const fillSeconds = (performance.now() - fillingMs) / 1000
  const registries: MeasuredRegistry[] = []
  const begunMs = performance.now()
  while (registries.length < processes) registries.push(stack.use(await start(registries.length)))
  const [first] = registries
  if (!first) throw new Error('no registry')
  const startSeconds = (performance.now() - begunMs) / 1000 / processes
  const startedMb = memoryMb(first.pid, 'Pss')
  const rates: RateResult[] = []
  for (const clients of CLIENTS)
    rates.push(...(await measureRates({ registries, owners, certificates, clients, measureMs: MEASURE_MS })))
  const ask = askRegistryOf({ database: place, commandSocket: socket(0) })
  const medianOf = async (asked: (ask: AskRegistry) => Promise<unknown>) => {
    const times: number[] = []
    while (times.length < TIMES) {
      const askedMs = performance.now()
      await asked(ask)
      times.push(performance.now() - askedMs)
    }
    return median(times)
  }
  const pageMs: Partial<Record<keyof typeof PAGES, number>> = {}
  for (const page of Object.keys(PAGES) as (keyof typeof PAGES)[]) pageMs[page] = await medianOf(PAGES[page])
  return {
    ...{ database, processes, certificates, startSeconds, startedMb, rates, fillSeconds, pageMs },
    isInMemory: statfsSync(directory).type === TMPFS_MAGIC,
    memoryMb: memoryMb(first.pid, 'Pss'),
  }
}
