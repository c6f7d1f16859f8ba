import { createPrivateKey, type KeyObject } from 'node:crypto'
import {
  type Authority,
  type NodeCertificate,
  readAuthority,
  readNodeCertificate,
} from '../../src/core/crypto/certificate.ts'
import type { IncomingMessage } from '../../src/core/session/conversations.ts'
import { type Destination, Sessions } from '../../src/core/session/sessions.ts'
import { nodeAddress, type Prefix } from '../../src/core/values/prefix.ts'
import { vectors } from './vectors.ts'

interface Pki {
  ca: string
  keys: Record<string, string>
  cases: { name: string; pem: string }[]
}
const pki = vectors<Pki>('pki.json')

/** Which key and certificate the recorded nodes use. */
const NODES: Readonly<Record<string, readonly [key: string, certificate: string]>> = {
  'node-a': ['node-a', 'node-a'],
  'node-b': ['node-b', 'node-b2'],
  'registry-node': ['registry-node', 'registry-node'],
}

/** A time before all recorded secrets, at which the recorded certificates are valid. */
export const RECORDED_MS = Date.parse('2026-11-23T17:00:00Z')

const recordedAuthority = mustBe<Authority>(readAuthority(pki.ca))
export const recordedCertificate = (name: string): NodeCertificate =>
  mustBe(readNodeCertificate(pki.cases.find((one) => one.name === name)?.pem ?? ''))

/** A machine with a recorded identity, and what it did. */
export class SessionNode {
  readonly authority = recordedAuthority
  readonly certificate: NodeCertificate
  readonly address: string
  readonly sessions: Sessions
  readonly sent: { readonly datagram: Buffer; readonly to: Destination }[] = []
  readonly ignored: string[] = []
  readonly received: IncomingMessage[] = []
  /** Peers that have begun a session with it. */
  readonly begun: Prefix[] = []
  /** What it said, and others have taken without a word. */
  readonly acknowledged: Buffer[] = []
  /** What it says first to whoever begins a session with it. */
  greeting: Uint8Array = new Uint8Array()
  /** Randomness of the secrets that it makes. */
  random: (length: number) => Buffer
  /** Answers what comes in. */
  answer: (message: IncomingMessage) => Uint8Array = () => new Uint8Array()
  /** How far its wall clock is from the other one. */
  wallOffsetMs = 0
  readonly privateKey: KeyObject
  /** Processor time of what it computed, as the test has it: each look at the stopwatch is half of a computation. */
  computedMs = 0

  constructor(name: string, nowMs: number, seed = 1, wallOffsetMs = 0, computationMs = 0) {
    this.wallOffsetMs = wallOffsetMs
    const [key = '', certificate = ''] = NODES[name] ?? []
    this.random = (length) => Buffer.alloc(length, seed)
    this.certificate = recordedCertificate(certificate)
    this.privateKey = createPrivateKey(pki.keys[key] ?? '')
    this.address = nodeAddress(recordedAuthority.network, this.certificate.prefix)
    this.sessions = new Sessions(
      {
        authority: recordedAuthority,
        certificate: this.certificate,
        privateKey: this.privateKey,
      },
      {
        send: (datagram, to) => this.sent.push({ datagram: Buffer.from(datagram), to }),
        answer: (message) => {
          this.received.push(message)
          return this.answer(message)
        },
        greeting: (prefix) => {
          this.begun.push(prefix)
          return this.greeting
        },
        acknowledged: (_, body) => this.acknowledged.push(Buffer.from(body)),
        ignored: (reason) => this.ignored.push(reason),
      },
      (length) => this.random(length),
      nowMs,
      (sameMs) => sameMs + this.wallOffsetMs,
      () => {
        this.computedMs += computationMs / 2
        return this.computedMs
      },
    )
  }
}

/** Delivers what was sent, until nothing is left; `fate` says how often each datagram arrives. */
export function deliver(nodes: readonly SessionNode[], nowMs: number, fate: () => number = () => 1): void {
  for (let round = 0; round < 50; round++) {
    const under = nodes.flatMap((from) => from.sent.splice(0).map((sent) => ({ from, ...sent })))
    if (under.length === 0) return
    for (const { from, datagram, to } of under) {
      const receiver = nodes.find(
        (node) => node !== from && to.address.startsWith(node.address.replace(/1$/, '')),
      )
      for (let copies = fate(); copies > 0; copies--)
        receiver?.sessions.receive(datagram, { address: from.address }, nowMs)
    }
  }
}

function mustBe<T>(result: { ok: true; value: T } | { ok: false; reason: string }): T {
  if (!result.ok) throw new Error(result.reason)
  return result.value
}
