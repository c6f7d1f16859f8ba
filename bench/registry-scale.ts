import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { memoryMb } from '../lab/process-cost.ts'
import { CleanUp } from '../src/platform/clean-up.ts'
import { askRegistryOf } from '../src/registry/commands/ask-registry.ts'
import { openStore } from '../src/registry/database/open-store.ts'
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
  readonly database: 'SQLite' | 'PostgreSQL'
  readonly processes: number
  readonly certificates: number
  /** From the start of the process until it answers. */
  readonly startSeconds: number
  /** PSS of one process, after its start and after all that was measured. */
  readonly startedMb: number
  readonly memoryMb: number
  /** A page of 50 of the table of machines, by the end of the certificates, median. */
  readonly pageMs: number
  readonly rates: readonly RateResult[]
}

const SIZES = [1_000, 100_000, 1_000_000]
const CLIENTS = [1, 20, 200]
const MEASURE_MS = 2_000
const PROCESSES = 3
const PAGES = 20

/** Both databases with a thousand to a million certificates, and three processes that share the smallest. */
export async function measureRegistryScale(
  { nodes }: BenchOptions,
  { keep }: Progress<readonly RegistryScaleResult[]>,
): Promise<RegistryScaleResult[]> {
  const results: RegistryScaleResult[] = []
  for (const certificates of nodes ?? SIZES)
    for (const database of ['SQLite', 'PostgreSQL'] as const)
      for (const processes of database === 'PostgreSQL' && results.length < 2 ? [1, PROCESSES] : [1]) {
        results.push(await measureOne(database, certificates, processes))
        keep(results)
      }
  return results
}

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
  {
    await using store = await openStore(place)
    await fill(store, certificates - owners.length)
  }
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
  const pages: number[] = []
  while (pages.length < PAGES) {
    const askedMs = performance.now()
    await ask('machines', { query: { sort: 'notAfter', order: 'ascending', offset: 0, limit: 50 } })
    pages.push(performance.now() - askedMs)
  }
  return {
    ...{ database, processes, certificates, startSeconds, startedMb, rates },
    memoryMb: memoryMb(first.pid, 'Pss'),
    pageMs: median(pages),
  }
}
