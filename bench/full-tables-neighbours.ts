// Twenty neighbours of a router, in the namespace where it is started: on the interfaces `n0` to `n19`, with the addresses that
// these have. Says `ready` when the router hears all of them; tells it all routes when it reads a line; after that, each minute.
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { decodePacket } from '../src/core/babel/wire/decode.ts'
import { encodePackets } from '../src/core/babel/wire/encode.ts'
import type { OutgoingTlv } from '../src/core/babel/wire/tlv.ts'
import { openBabelSockets } from '../src/node/routing/babel/sockets.ts'
import { systemClock } from '../src/platform/clock.ts'
import { NEIGHBOURS, ROUTES, updateOf } from './full-table.ts'

/** Until the router hears all of them, so that nobody waits for that; after it, as in a network with the usual interval. */
const FIRST_HELLO_MS = 500
const HELLO_MS = 15_000
const MINUTE_MS = 60_000
/** The first time; a neighbour of ours, or babeld, is no slower. */
const FIRST_MS = 1_000
const TURN_MS = 5
/** Packets in a turn: on a busy machine, too, all of them go on reading, as twenty machines would. */
const TURN_PACKETS = 40
const UNREACHABLE = 0xffff
const MAX_BYTES = 1_300

const heard = new Set<number>()
const areAllHeard = (): boolean => heard.size === NEIGHBOURS

interface Speaker {
  readonly greet: (intervalMs: number) => void
  /** Each tells a part of all updates. */
  readonly updates: readonly (() => void)[]
}

/** One of them. */
async function speak(number: number, address: string): Promise<Speaker> {
  let seqno = 0
  let router: string | undefined
  const encoded = (tlvs: readonly OutgoingTlv[]) =>
    encodePackets(tlvs, {
      maxBytes: MAX_BYTES,
      sender: address,
      nowUs: () => systemClock.monotonicMs() * 1000,
    })
  const sockets = await openBabelSockets({
    iface: `n${number}`,
    address,
    onError: (error) => {
      throw error
    },
    onDatagram({ bytes, source }) {
      if (source === address) return
      router = source
      const tlvs = decodePacket(bytes, { sender: source })
      for (const tlv of tlvs.ok ? tlvs.value : []) {
        if (tlv.kind === 'acknowledgment-request')
          for (const packet of encoded([{ kind: 'acknowledgment', opaque: tlv.opaque }]))
            sockets.send(packet, source)
        if (tlv.kind === 'ihu' && tlv.rxcost < UNREACHABLE && (tlv.address ?? address) === address)
          hears(number)
      }
    },
  })
  const greet = (intervalMs: number) => {
    const hello = { kind: 'hello', unicast: false, seqno, intervalMs, stamped: false } as const
    seqno = (seqno + 1) & 0xffff
    const ihu = { kind: 'ihu', rxcost: 96, intervalMs: MINUTE_MS, address: router } as const
    for (const packet of encoded([hello, ...(router === undefined ? [] : [ihu])])) sockets.send(packet)
  }
  const updates = Array.from({ length: ROUTES }, (_, route) => updateOf(route, number, address, MINUTE_MS))
  return { greet, updates: encoded(updates).map((packet) => () => sockets.send(packet)) }
}

function hears(number: number): void {
  if (heard.has(number)) return
  heard.add(number)
  if (areAllHeard()) allAreHeard()
}

/** All of it, evenly; the neighbours take turns. */
async function tell(packets: readonly (() => void)[], overMs: number): Promise<void> {
  const startMs = systemClock.monotonicMs()
  for (let sent = 0; sent < packets.length; ) {
    const due = Math.min(1, (systemClock.monotonicMs() - startMs + TURN_MS) / overMs) * packets.length
    for (const end = Math.min(due, sent + TURN_PACKETS); sent < end; sent++) packets[sent]?.()
    if (sent < due) await nextTurn()
    else await systemClock.sleep(TURN_MS)
  }
}

/** The router is told of the longer interval at once: a hello has the one until the next (RFC 8966, 3.4.1). */
function allAreHeard(): void {
  beginning[Symbol.dispose]()
  for (const { greet } of speakers) greet(HELLO_MS)
  systemClock.every(HELLO_MS, () => {
    for (const { greet } of speakers) greet(HELLO_MS)
  })
  console.log('ready')
}

const addresses = JSON.parse(process.argv[2] ?? '') as readonly string[]
const speakers = await Promise.all(addresses.map((address, number) => speak(number, address)))
const beginning = systemClock.every(FIRST_HELLO_MS, () => {
  for (const { greet } of speakers) greet(FIRST_HELLO_MS)
})
const [first] = speakers
const packets = (first?.updates ?? []).flatMap((_, at) =>
  speakers.flatMap(({ updates }) => updates[at] ?? []),
)
await once(createInterface({ input: process.stdin }), 'line')
await tell(packets, FIRST_MS)
console.log('told')
for (;;) await tell(packets, MINUTE_MS)
