import { createPrivateKey, sign } from 'node:crypto'
import { cpuSeconds, memoryMb } from '../lab/process-cost.ts'
import { formatTarget } from '../src/core/rpc/request-target.ts'
import {
  Busy,
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
  /** Calls that were turned away for a while, because too many waited. */
  readonly busy?: number
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
/** Calls of sessions that are made ready: more than are answered in time. */
const CALLS_PER_MS = 12

/** After the registry was too busy: less than it says, since what is measured takes a few seconds. */
const BUSY_PAUSE_MS = 250

/** The next request of a client; undefined when there is nothing more to ask. */
type Requests = (client: number) => string | undefined

/** Certificates, hellos and authenticated calls, with one client and with twenty, on an empty and on a full database. */
export async function measureRegistry(): Promise<RegistryResult> {
  await using registry = await startMeasuredRegistry()
  const owners: SessionOwner[] = []
  while (owners.length < Math.max(...CLIENTS)) owners.push(await registry.enrol())
  let issued = owners.length
  const request = enrolment(registry.csr)
  const enrolling = () => {
    issued++
    return request
  }
  const round = async (certificates: number): Promise<RateResult[]> => {
    const results: RateResult[] = []
    for (const clients of CLIENTS)
      results.push(
        ...(await measureRates({
          ...{ registries: [registry], owners, certificates, clients, measureMs: MEASURE_MS },
        })),
      )
    return results
  }
  // A registry runs for months: its first seconds, in which its code is compiled, are not of interest.
  const warm = connectionsTo([registry], Math.max(...CLIENTS))
  await rate(warm, enrolling, MEASURE_MS)
  const empty = [yardstick(registry), ...(await round(0))]
  const filling = connectionsTo([registry], Math.max(...CLIENTS))
  await Promise.all(
    filling.map(async (_, client) => {
      while (issued < MANY) await filling[client]?.ask(enrolling())
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

/** What is measured, and with what. */
export interface RatesOptions {
  /** Processes that serve one network: clients are spread over them. */
  readonly registries: readonly MeasuredRegistry[]
  /** At least as many as clients. */
  readonly owners: readonly SessionOwner[]
  readonly certificates: number
  readonly clients: number
  /** How long each kind of call. */
  readonly measureMs: number
}

/** Certificates, hellos and authenticated calls with so many clients, each on a connection of its own. */
export async function measureRates({
  registries,
  owners,
  certificates,
  clients,
  measureMs,
}: RatesOptions): Promise<RateResult[]> {
  const results: RateResult[] = []
  const pids = registries.map(({ pid }) => pid)
  const measured = async (what: string, prepare: () => Promise<Requests> | Requests) => {
    const requests = await prepare()
    const connections = connectionsTo(registries, clients)
    const before = cpuSeconds(pids)
    const numbers = await rate(connections, requests, measureMs)
    const registryCpuMs = (1000 * (cpuSeconds(pids) - before)) / numbers.calls
    results.push({ what, certificates, clients, registryCpuMs, ...numbers })
    for (const connection of connections) connection[Symbol.dispose]()
  }
  const enrol = enrolment(registries[0]?.csr ?? '')
  await measured('requestCertificate', () => () => enrol)
  const hellos = owners.map(({ prefix }) => helloRequest(prefix))
  await measured('hello', () => (client) => hellos[client])
  await measured('getNetworkConfig in a session', () =>
    configurationCalls(registries, owners.slice(0, clients), Math.ceil((measureMs * CALLS_PER_MS) / clients)),
  )
  return results
}

/** Asks for a certificate without a token. */
const enrolment = (csr: string): string =>
  requestFor(formatTarget('requestCertificate', { token: '', req: csr }))

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
  registries: readonly MeasuredRegistry[],
  owners: readonly SessionOwner[],
  callsEach: number,
): Promise<Requests> {
  const calls: string[][] = []
  for (const owner of owners) {
    // Each by its own: many take a while, and the registry closes connections on which nothing is asked.
    using connection = connectionTo(registries, 0)
    calls.push(await precomputedCalls(connection, owner, 'getNetworkConfig', callsEach))
  }
  const next = calls.map(() => 0)
  return (client) => {
    const at = next[client] ?? 0
    next[client] = at + 1
    return calls[client]?.[at]
  }
}

const connectionsTo = (registries: readonly MeasuredRegistry[], count: number): PrecomputedClient[] =>
  Array.from({ length: count }, (_, client) => connectionTo(registries, client))

function connectionTo(registries: readonly MeasuredRegistry[], client: number): PrecomputedClient {
  const { port, host } = registries[client % registries.length] ?? { port: 0, host: '' }
  // Of this machine, whose calls are not limited: the limits are not what is measured.
  return new PrecomputedClient(port, host)
}

type Numbers = Pick<RateResult, 'perSecond' | 'p50Ms' | 'p99Ms' | 'clientCpuMs' | 'busy'> & {
  readonly calls: number
}

/** Calls, each client one after another, for some seconds or until one has no more. */
async function rate(
  connections: readonly PrecomputedClient[],
  requests: Requests,
  measureMs: number,
): Promise<Numbers> {
  const times: number[] = []
  let busy = 0
  const startMs = performance.now()
  const before = process.cpuUsage()
  const isOver = () => performance.now() - startMs >= measureMs
  await Promise.all(
    connections.map(async (connection, client) => {
      while (!isOver()) {
        let request = requests(client)
        if (request === undefined) return
        const begunMs = performance.now()
        while (!(await isAnswered(connection, request))) {
          busy++
          if (isOver()) return
          await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS))
          // Of a session, the secret is used up.
          request = requests(client)
          if (request === undefined) return
        }
        times.push(performance.now() - begunMs)
      }
    }),
  )
  return { ...summary(times, startMs, before), busy }
}

/** @throws Error unless it was answered, or the registry too busy */
async function isAnswered(connection: PrecomputedClient, request: string): Promise<boolean> {
  try {
    await connection.ask(request)
    return true
  } catch (error) {
    if (error instanceof Busy) return false
    throw error
  }
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
