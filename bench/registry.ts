import { createPrivateKey, sign } from 'node:crypto'
import { cpuSeconds, memoryMb } from '../lab/process-cost.ts'
import { formatTarget } from '../src/core/rpc/request-target.ts'
import {
  helloRequest,
  PrecomputedClient,
  precomputedCalls,
  requestFor,
  type SessionOwner,
} from './precomputed-client.ts'
import { measureRegistryFloods, type RegistryFloodResult } from './registry-flood.ts'
import { type MeasuredRegistry, startMeasuredRegistry } from './registry-process.ts'
import { percentile } from './statistics.ts'

/** Calls a second, and how long one takes. */
export interface RateResult {
  readonly what: string
  readonly certificates: number
  readonly clients: number
  readonly perSecond: number
  readonly p50Ms: number
  readonly p99Ms: number
  /** Processor time of the registry for one call: tells what it can do when others use the machine, too. */
  readonly registryCpuMs: number
  /** Processor time of the client for one call. */
  readonly clientCpuMs: number
}

/** What a registry answers, and what it needs for that. */
export interface RegistryResult {
  readonly rates: readonly RateResult[]
  /** PSS, when all that was measured. */
  readonly memoryMb: number
  readonly floods: readonly RegistryFloodResult[]
}

const MEASURE_MS = 5_000
const CLIENTS = [1, 20] as const
const MANY = 20_000
/** Calls of a session that are made ready: more than are answered in time. */
const MAX_CALLS = 60_000

/** Asks once; undefined when there is nothing more to ask. */
type Call = (client: number) => Promise<unknown> | undefined

/** Certificates, hellos and authenticated calls, with one client and with twenty, on an empty and on a full database. */
export async function measureRegistry(): Promise<RegistryResult> {
  await using registry = await startMeasuredRegistry()
  const owners: SessionOwner[] = []
  while (owners.length < Math.max(...CLIENTS)) owners.push(await registry.enrol())
  let issued = owners.length
  const certificateRequest = requestFor(formatTarget('requestCertificate', { token: '', req: registry.csr }))
  /** Certificates, each client on a connection of its own. */
  const enrolling = (clients: readonly PrecomputedClient[]) => async (client: number) => {
    await clients[client]?.ask(certificateRequest)
    issued++
  }
  const round = async (certificates: number): Promise<RateResult[]> => {
    const results: RateResult[] = []
    for (const clients of CLIENTS) {
      const measured = async (
        what: string,
        prepare: (connections: PrecomputedClient[]) => Promise<Call> | Call,
      ) => {
        const connections = connectionsTo(registry, clients)
        const call = await prepare(connections)
        const before = cpuSeconds([registry.pid])
        const numbers = await rate(clients, call)
        const registryCpuMs = (1000 * (cpuSeconds([registry.pid]) - before)) / numbers.calls
        results.push({ what, certificates, clients, registryCpuMs, ...numbers })
        for (const connection of connections) connection[Symbol.dispose]()
      }
      await measured('requestCertificate', enrolling)
      await measured('hello', (connections) => (client) => {
        const request = helloRequest(owners[client]?.prefix ?? '')
        return connections[client]?.ask(request)
      })
      await measured('getNetworkConfig in a session', (connections) =>
        configurationCalls(connections, owners),
      )
    }
    return results
  }
  // A registry runs for months: its first seconds, in which its code is compiled, are not of interest.
  const warm = connectionsTo(registry, Math.max(...CLIENTS))
  await rate(warm.length, enrolling(warm))
  const empty = [yardstick(registry), ...(await round(0))]
  const filling = connectionsTo(registry, Math.max(...CLIENTS))
  await Promise.all(
    filling.map(async (_, client) => {
      while (issued < MANY) await enrolling(filling)(client)
    }),
  )
  for (const connection of [...warm, ...filling]) connection[Symbol.dispose]()
  const full = [yardstick(registry), ...(await round(MANY))]
  const rates = [...empty, ...full.map((result) => ({ ...result, certificates: MANY }))]
  return {
    rates,
    memoryMb: memoryMb(registry.pid, 'Pss'),
    floods: await measureRegistryFloods(registry),
  }
}

/** These machines are not always equally fast: what one thread can do at this time. */
function yardstick({ caKeyPem, csr }: MeasuredRegistry): RateResult {
  const caKey = createPrivateKey(caKeyPem)
  const times: number[] = []
  const startMs = performance.now()
  const before = process.cpuUsage()
  while (performance.now() - startMs < MEASURE_MS) {
    const begunMs = performance.now()
    sign('sha512', Buffer.from(csr), caKey)
    times.push(performance.now() - begunMs)
  }
  return {
    what: 'yardstick: RSA signatures of one thread',
    certificates: 0,
    clients: 1,
    registryCpuMs: 0,
    ...summary(times, startMs, before),
  }
}

async function configurationCalls(
  connections: readonly PrecomputedClient[],
  owners: readonly SessionOwner[],
): Promise<Call> {
  const calls: string[][] = []
  for (const [client, connection] of connections.entries()) {
    const owner = owners[client]
    if (owner)
      calls.push(
        await precomputedCalls(
          connection,
          owner,
          'getNetworkConfig',
          Math.ceil(MAX_CALLS / connections.length),
        ),
      )
  }
  const next = calls.map(() => 0)
  return (client) => {
    const at = next[client] ?? 0
    next[client] = at + 1
    const call = calls[client]?.[at]
    return call === undefined ? undefined : connections[client]?.ask(call)
  }
}

const connectionsTo = ({ host, port }: MeasuredRegistry, count: number): PrecomputedClient[] =>
  Array.from({ length: count }, () => new PrecomputedClient(port, host))

type Numbers = Pick<RateResult, 'perSecond' | 'p50Ms' | 'p99Ms' | 'clientCpuMs'> & { readonly calls: number }

/** Calls, each client one after another, for some seconds or until one has no more. */
async function rate(clients: number, call: Call): Promise<Numbers> {
  const times: number[] = []
  const startMs = performance.now()
  const before = process.cpuUsage()
  await Promise.all(
    Array.from({ length: clients }, async (_, client) => {
      while (performance.now() - startMs < MEASURE_MS) {
        const begunMs = performance.now()
        const answer = call(client)
        if (answer === undefined) return
        await answer
        times.push(performance.now() - begunMs)
      }
    }),
  )
  return summary(times, startMs, before)
}

function summary(times: readonly number[], startMs: number, before: NodeJS.CpuUsage): Numbers {
  const { user, system } = process.cpuUsage(before)
  return {
    calls: times.length,
    perSecond: (1000 * times.length) / (performance.now() - startMs),
    p50Ms: percentile(times, 0.5),
    p99Ms: percentile(times, 0.99),
    clientCpuMs: (user + system) / 1000 / Math.max(1, times.length),
  }
}
