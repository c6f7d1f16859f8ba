import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { systemClock } from '../src/platform/clock.ts'
import { helloRequest, PrecomputedClient, precomputedCalls } from './precomputed-client.ts'
import type { RegistryFlood } from './registry-flooder.ts'
import type { MeasuredRegistry } from './registry-process.ts'
import { percentile } from './statistics.ts'

/** How long a node that has a session waits for its answers while others flood the registry. */
export interface RegistryFloodResult {
  readonly what: string
  readonly calls: number
  /** That were not answered as they should be. */
  readonly failed: number
  readonly p50Ms: number
  readonly p99Ms: number
}

const FLOODER = fileURLToPath(new URL('./registry-flooder.ts', import.meta.url))
const FLOODS: readonly { readonly what: string; readonly flood: RegistryFlood | undefined }[] = [
  { what: 'nobody', flood: undefined },
  { what: 'one source: 1,500 calls on each connection, without waiting for answers', flood: 'pipelined' },
  { what: 'one source: 200 connections, a call at a time on each', flood: 'connections' },
  { what: 'one source: 200 connections that send a byte now and then', flood: 'slow' },
  { what: 'one source: as many connections as it gets that send nothing', flood: 'half-open' },
  { what: 'a thousand sources, a call at a time each', flood: 'sources' },
  { what: 'nobody, once more', flood: undefined },
]
const MEASURE_MS = 10_000
/** Addresses of loopback but the first count as any other machine's. */
const HONEST = '127.0.0.3'
/** Less than what one source may ask. */
const CALL_PAUSE_MS = 20
const CALLS = Math.ceil((FLOODS.length * MEASURE_MS) / CALL_PAUSE_MS)

/** Honest calls, in a session and for one, beside strangers of each kind. */
export async function measureRegistryFloods(registry: MeasuredRegistry): Promise<RegistryFloodResult[]> {
  const { host, port } = registry
  const owner = await registry.enrol()
  const connect = () => new PrecomputedClient(port, host, HONEST)
  let connection = connect()
  const calls = await precomputedCalls(connection, owner, 'getNetworkConfig', CALLS)
  // Another machine behind the same address: to say hello ends no session, but what was made ready of it.
  const other = await registry.enrol()
  const hello = helloRequest(other.prefix)
  const results: RegistryFloodResult[] = []
  for (const { what, flood } of FLOODS) {
    await using _ = flood === undefined ? undefined : await startFlood(registry, flood, owner.prefix)
    const times: number[] = []
    let failed = 0
    // It was idle while the flood began.
    connection[Symbol.dispose]()
    connection = connect()
    for (const startMs = performance.now(); performance.now() - startMs < MEASURE_MS; ) {
      const [next = ''] = calls
      for (const request of [next, hello]) {
        const begunMs = performance.now()
        try {
          await connection.ask(request)
          times.push(performance.now() - begunMs)
          // What was not answered was not used up.
          if (request === next) calls.shift()
        } catch {
          failed++
          connection[Symbol.dispose]()
          connection = connect()
        }
      }
      await systemClock.sleep(2 * CALL_PAUSE_MS)
    }
    results.push({
      what,
      calls: times.length + failed,
      failed,
      p50Ms: percentile(times, 0.5),
      p99Ms: percentile(times, 0.99),
    })
  }
  connection[Symbol.dispose]()
  return results
}

/** A process of its own, which leaves the processors to others: those of real floods are elsewhere. */
async function startFlood(
  { host, port }: MeasuredRegistry,
  flood: RegistryFlood,
  prefix: string,
): Promise<AsyncDisposable> {
  const flooder = spawn(
    'nice',
    ['-n', '19', process.execPath, '--import', 'tsx', FLOODER, flood, host, String(port), prefix],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  // It says when it has begun.
  await once(flooder.stdout, 'data')
  return {
    async [Symbol.asyncDispose]() {
      if (flooder.exitCode === null && flooder.kill('SIGKILL')) await once(flooder, 'exit')
    },
  }
}
