// Loaded into a node before its own code: writes, at its end, how much later than its time each hello left that a timer sent.
import dgram from 'node:dgram'
import { writeFileSync } from 'node:fs'
import { decodePacket } from '../src/core/babel/wire/decode.ts'
import { BABEL_PORT } from '../src/core/babel/wire/numbers.ts'

/** One hello. */
export interface HelloTime {
  /** Since the Unix epoch. */
  readonly leftMs: number
  readonly lateMs: number
}

const times: HelloTime[] = []
/** While a timer's work is done: when that was to be. */
let dueMs: number | undefined

const wait = globalThis.setTimeout
const timed = (action: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
  const thenMs = performance.now() + ms
  return wait(() => {
    dueMs = thenMs
    try {
      action(...args)
    } finally {
      dueMs = undefined
    }
  }, ms)
}
globalThis.setTimeout = Object.assign(timed, wait) as typeof wait

// What is to be said goes out together once all packets are read: it belongs to the timer all the same.
const next = globalThis.setImmediate
const soon = (action: (...args: unknown[]) => void, ...args: unknown[]) => {
  const thenMs = dueMs
  return next(() => {
    dueMs = thenMs
    try {
      action(...args)
    } finally {
      dueMs = undefined
    }
  })
}
globalThis.setImmediate = Object.assign(soon, next) as typeof next

const { send } = dgram.Socket.prototype
dgram.Socket.prototype.send = function (this: dgram.Socket, ...words: unknown[]) {
  Reflect.apply(send, this, words)
  const [bytes, port] = words
  if (dueMs === undefined || port !== BABEL_PORT || !(bytes instanceof Uint8Array)) return
  const lateMs = performance.now() - dueMs
  const tlvs = decodePacket(bytes, { sender: 'fe80::1' })
  // The others are said in between.
  for (const tlv of tlvs.ok ? tlvs.value : [])
    if (tlv.kind === 'hello' && tlv.intervalMs > 0) times.push({ leftMs: Date.now(), lateMs })
}

process.on('exit', () => {
  // Programs that the node starts have the same environment.
  if (times.length > 0) writeFileSync(process.env['RE6ST_HELLO_TIMES'] ?? '', JSON.stringify(times))
})
