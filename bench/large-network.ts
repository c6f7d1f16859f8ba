import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { BabelEngine } from '../src/core/babel/engine/engine.ts'
import type { LinkParameters } from '../src/core/babel/engine/ports.ts'
import { decodePacket } from '../src/core/babel/wire/decode.ts'
import { encodePackets } from '../src/core/babel/wire/encode.ts'
import type { OutgoingTlv } from '../src/core/babel/wire/tlv.ts'
import { NEIGHBOURS, ROUTES, updateOf } from './full-table.ts'
import { type FullTablesResult, fullTablesReport, measureFullTables } from './full-tables.ts'
import type { BenchOptions } from './options.ts'

/** What a large network costs a node. */
export interface LargeNetworkResult extends EngineCost {
  /** Whole routers with their sockets and the kernel. */
  readonly routers?: readonly FullTablesResult[]
}

/** The routing engine with its packets, without sockets and kernel. */
interface EngineCost {
  /** From the first packet to the last: all decoded, all routes selected, what neighbours are told encoded. */
  readonly seconds: number
  readonly memoryMb: number
  /** Processor time of a minute in which each neighbour tells everything once more, and is told everything. */
  readonly steadySeconds: number
}

const ROUTES_PER_PACKET = 40
const MINUTE_MS = 60_000
const OWN = '02:00:00:00:00:ff:00:01'
const PARAMETERS: LinkParameters = {
  helloIntervalMs: 15_000,
  updateIntervalMs: MINUTE_MS,
  rxcost: 96,
  maxRttPenalty: 5_000,
  rttMinMs: 10,
  rttMaxMs: 500,
  rttDecay: 125,
  splitHorizon: false,
}

interface Packet {
  readonly neighbour: number
  readonly bytes: Uint8Array
}

/** 10,000 routes from each of 20 neighbours: for the engine, for our router, and for babeld. */
export async function measureLargeNetwork({ router }: BenchOptions): Promise<LargeNetworkResult> {
  const engine = measureEngine()
  const routers: FullTablesResult[] = []
  for (const name of ['re6st', 'babeld'] as const)
    if (router === undefined || router === name) routers.push(await measureFullTables(name))
  return { ...engine, routers }
}

function measureEngine(): EngineCost {
  const packets = [...allPackets()]
  const forwarding = new Map<string, string>()
  const acknowledgments: { readonly neighbour: number; readonly opaque: number }[] = []
  let nowMs = 1_000
  const before = memory()
  const engine = new BabelEngine({
    routerId: OWN,
    seqno: 1,
    random: { next: () => 0.5 },
    output: {
      send(iface, _, tlvs) {
        encode(tlvs, 'fe80::1')
        for (const tlv of tlvs)
          if (tlv.kind === 'acknowledgment-request')
            acknowledgments.push({ neighbour: Number(iface), opaque: tlv.opaque })
      },
      forward({ prefix }, route) {
        if (route && route !== 'unreachable') forwarding.set(prefix, route.nextHop)
        else forwarding.delete(prefix)
      },
      neighbour() {},
      route() {},
    },
  })
  const hear = (neighbour: number, tlvs: Parameters<typeof engine.receive>[1]['tlvs']) =>
    engine.receive(nowMs, {
      iface: String(neighbour),
      source: addressOf(neighbour),
      multicast: true,
      tlvs,
      receivedMs: nowMs,
      isLate: false,
    })
  const pass = (ms: number) => {
    const endMs = nowMs + ms
    for (;;) {
      for (const { neighbour, opaque } of acknowledgments.splice(0))
        hear(neighbour, [{ kind: 'acknowledgment', opaque }])
      if (engine.nextDeadlineMs > endMs) break
      nowMs = Math.max(nowMs, engine.nextDeadlineMs)
      engine.tick(nowMs)
    }
    nowMs = endMs
  }
  const play = (overMs: number) => {
    for (const { neighbour, bytes } of packets) {
      const tlvs = decodePacket(bytes, { sender: addressOf(neighbour) })
      if (tlvs.ok) hear(neighbour, tlvs.value)
      pass(overMs / packets.length)
    }
  }

  engine.setLocalRoutes(nowMs, [{ prefix: '2001:db8:ffff::/48', from: '::/0', metric: 0 }])
  for (let neighbour = 0; neighbour < NEIGHBOURS; neighbour++) {
    engine.setParameters(nowMs, String(neighbour), PARAMETERS)
    engine.interfaceUp(nowMs, { name: String(neighbour), kind: 'tunnel', address: 'fe80::1' })
    hear(neighbour, [
      { kind: 'hello', unicast: false, seqno: 1, intervalMs: 10 * MINUTE_MS },
      { kind: 'ihu', rxcost: 96, intervalMs: 10 * MINUTE_MS, address: 'fe80::1' },
    ])
  }
  const seconds = processorSeconds(() => {
    play(1_000)
    pass(2_000)
  })
  if (forwarding.size !== ROUTES) throw new Error(`${forwarding.size} routes instead of ${ROUTES}`)
  const memoryMb = (memory() - before) / 1e6
  pass(MINUTE_MS)
  return { seconds, memoryMb, steadySeconds: processorSeconds(() => play(MINUTE_MS)) }
}

function* allPackets(): Generator<Packet> {
  for (let first = 0; first < ROUTES; first += ROUTES_PER_PACKET)
    for (let neighbour = 0; neighbour < NEIGHBOURS; neighbour++) {
      const tlvs = Array.from({ length: ROUTES_PER_PACKET }, (_, at) =>
        updateOf(first + at, neighbour, addressOf(neighbour), MINUTE_MS),
      )
      for (const bytes of encode(tlvs, addressOf(neighbour))) yield { neighbour, bytes }
    }
}

const addressOf = (neighbour: number): string => `fe80::2:${(neighbour + 1).toString(16)}`

const encode = (tlvs: readonly OutgoingTlv[], sender: string): readonly Uint8Array[] =>
  encodePackets(tlvs, { maxBytes: 1_300, sender, nowUs: () => 0 })

function processorSeconds(action: () => void): number {
  const before = process.cpuUsage()
  action()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

/** Of what is still used. */
function memory(): number {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** The section of the report. */
export const largeNetworkReport = ({
  seconds,
  memoryMb,
  steadySeconds,
  routers = [],
}: LargeNetworkResult): string =>
  `10,000 routes from each of 20 neighbours, for the routing engine of our own: packets are decoded, routes selected, and all
neighbours told. Without MACs, sockets and the kernel.

| what | |
| --- | --- |
| processor seconds until all are in use | ${seconds.toFixed(1)} |
| memory | ${memoryMb.toFixed(0)} MB |
| processor seconds a minute when nothing changes | ${steadySeconds.toFixed(1)} |

${fullTablesReport(routers)}
`
