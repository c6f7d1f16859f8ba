import { createPrivateKey } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { type NodeCertificate, readNodeCertificate } from '../../../../src/core/crypto/certificate.ts'
import { makeDecryptor, verifySignature } from '../../../../src/core/crypto/rsa.ts'
import {
  type Datagram,
  decodeDatagram,
  encodeFingerprintHello0,
  encodeHello,
  encodeHello0,
  encodeMessage,
  isMessageAuthentic,
} from '../../../../src/core/session/datagram.ts'
import { recordedCertificate, SessionNode } from '../../../support/sessions.ts'
import { hex, vectors } from '../../../support/vectors.ts'

interface Entry {
  from?: string
  source: string
  to?: string
  datagram: string
  received_by?: string
  receiver_state?: { session: string | null } | null
  dropped?: boolean
}
interface Conversation {
  name: string
  log?: Entry[]
}
const { cases } = vectors<{ cases: Conversation[] }>('handshake-udp.json')
const pki = vectors<{ keys: Record<string, string> }>('pki.json')
const decryptors = new Map(
  ['node-a', 'node-b', 'registry-node'].map((name) => [
    name,
    makeDecryptor(createPrivateKey(pki.keys[name] ?? '')),
  ]),
)

/** What one node said to another, and arrived: with the session's secret, as the receiver knows it afterwards. */
interface Said {
  readonly from: string
  readonly to: string
  readonly source: string
  readonly datagram: Buffer
  readonly secret: Buffer
}
const saidIn = ({ log = [] }: Conversation): Said[] =>
  log.flatMap(({ from, source, datagram, received_by, receiver_state }) =>
    from !== undefined && received_by !== undefined && decryptors.has(from) && source.startsWith('2001:')
      ? [
          {
            from,
            to: received_by,
            source,
            datagram: hex(datagram),
            secret: hex(receiver_state?.session ?? ''),
          },
        ]
      : [],
  )

const decoded = (datagram: Uint8Array): Datagram => {
  const result = decodeDatagram(datagram)
  if (!result.ok) throw new Error(result.reason)
  return result.value
}
const certificateIn = (der: Uint8Array): NodeCertificate => {
  const certificate = readNodeCertificate(der)
  if (!certificate.ok) throw new Error(certificate.reason)
  return certificate.value
}

describe('every recorded datagram is what we would write, byte for byte', () => {
  it.each(cases.filter((one) => saidIn(one).length > 0))('$name', (conversation) => {
    for (const { from, to, datagram, secret } of saidIn(conversation)) {
      const read = decoded(datagram)
      switch (read.kind) {
        case 'hello0':
          expect(encodeHello0(certificateIn(read.certificate).der)).toEqual(datagram)
          break
        case 'hello0-fingerprint': {
          const [reading] = read.readings
          const certificate = certificateIn(reading?.certificate ?? Buffer.alloc(0))
          const names = to === 'node-b' ? ['node-b', 'node-b2'] : [to]
          expect(names.map((name) => recordedCertificate(name).fingerprintSha1)).toContainEqual(
            Buffer.from(reading?.fingerprint ?? []),
          )
          expect(
            encodeFingerprintHello0(
              reading?.protocol ?? 0,
              reading?.fingerprint ?? Buffer.alloc(0),
              certificate.der,
            ),
          ).toEqual(datagram)
          break
        }
        case 'hello': {
          expect(decryptors.get(to)?.(read.encrypted)).toEqual(secret)
          const { publicKey } = recordedCertificate(from === 'node-b' ? 'node-b2' : from)
          expect(verifySignature(publicKey, read.encrypted, read.signature)).toBe(true)
          expect(encodeHello(read.protocol, read.encrypted, read.signature)).toEqual(datagram)
          break
        }
        case 'message':
          // A message of a session that the receiver does not have any more.
          if (secret.length === 0) break
          expect(encodeMessage(read.sequence, read.body, secret)).toEqual(datagram)
      }
    }
  })
})

/** Shortly before the first recorded secret was made. */
const FIRST_MS = Date.parse('2026-11-23T16:40:00Z')

/** Who starts anew before a conversation. */
const RESTARTED: Readonly<Record<string, string>> = {
  "b restarted: a's message of the old session is ignored": 'node-b',
  "a restarted and knows nothing: type 0, b knows a's certificate and answers type 1, a answers hello":
    'node-a',
  'registry asks another node: no session yet, only the handshake': 'node-a',
}
/** Here the receiver must not answer: it was started again, or the sender's certificate is revoked. */
const SILENT = /restarted.* is ignored$/

describe('our nodes in the place of the recorded ones', () => {
  it('say the same, and understand what was said', () => {
    const nodes = new Map<string, SessionNode>()
    let nowMs = FIRST_MS
    const start = (name: string): SessionNode => {
      const node = new SessionNode(name, nowMs)
      nodes.set(name, node)
      return node
    }
    const node = (name: string) => nodes.get(name) ?? start(name)
    let compared = 0

    for (const conversation of cases) {
      const { name } = conversation
      if (name.startsWith('hello0 of a revoked')) continue
      // There the other certificate is the older one: ours keeps the newer, which is public knowledge to repeat.
      if (name.includes('with another certificate') || name.includes('the fingerprint does not match'))
        continue
      const restarted = RESTARTED[name]
      if (restarted !== undefined) start(restarted)
      const said = saidIn(conversation)
      for (const [index, entry] of said.entries()) {
        const [sender, receiver] = [node(entry.from), node(entry.to)]
        const read = decoded(entry.datagram)
        if (sender.sent.length === 0) beginAs(sender, receiver, read)
        expectSame(sender.sent.shift()?.datagram, entry, name)
        sender.sent.length = 0
        compared++

        // What the receiver says next is said with the recorded chance, at the recorded time.
        const next = said[index + 1]
        const nextRead = next && decoded(next.datagram)
        if (next && nextRead?.kind === 'hello') {
          nowMs = Math.max(nowMs, (Number(next.secret.readBigUInt64BE()) + 0.5) / 1000)
          receiver.random = () => Buffer.concat([next.secret.subarray(8), Buffer.alloc(8)])
        } else nowMs += 10
        receiver.answer = () => (nextRead?.kind === 'message' ? nextRead.body : Buffer.alloc(0))
        receiver.greeting = nextRead?.kind === 'message' ? nextRead.body : Buffer.alloc(0)
        receiver.received.length = 0
        receiver.sessions.receive(entry.datagram, { address: entry.source }, nowMs)
        if (SILENT.test(name)) expect(receiver.sent, name).toEqual([])
        else if (read.kind === 'message' && read.body.length > 0)
          expect(
            receiver.received.map(({ body }) => Buffer.from(body)),
            name,
          ).toEqual([Buffer.from(read.body)])
        if (!next) expect(receiver.sent, name).toEqual([])
      }
    }
    expect(compared).toBeGreaterThan(45)

    /** Of its own accord. The recorded nodes forget what they wanted to say when there is no session. */
    function beginAs(sender: SessionNode, receiver: SessionNode, read: Datagram): void {
      const { prefix } = receiver.certificate
      if (read.kind === 'message') return sender.sessions.send(prefix, read.body, nowMs)
      if (sender.sessions.isConnected(prefix, nowMs)) {
        // Unanswered for a minute; the recorded secrets leave no room for more.
        sender.sessions.send(prefix, Buffer.of(7), nowMs)
        sender.sent.length = 0
        nowMs += 60_000
      }
      sender.sessions.send(prefix, Buffer.of(7), nowMs)
      const [hello0] = sender.sent
      // Ours would say it as soon as it can: it has given up when the answer comes.
      for (const laterMs of [11_000, 22_000]) sender.sessions.tick(nowMs + laterMs)
      sender.sent.splice(0, sender.sent.length, ...(hello0 ? [hello0] : []))
    }

    function expectSame(ours: Buffer | undefined, { datagram, to, secret }: Said, name: string): void {
      const [read, wanted] = [ours && decoded(ours), decoded(datagram)]
      expect(read?.kind, name).toBe(wanted.kind)
      if (!ours || !read) return
      if (read.kind === 'hello') expect(decryptors.get(to)?.(read.encrypted), name).toEqual(secret)
      else if (read.kind !== 'message' || wanted.kind !== 'message') expect(ours, name).toEqual(datagram)
      else if (secret.length > 0) {
        expect(isMessageAuthentic(ours, secret), name).toBe(true)
        expect(Buffer.from(read.body), name).toEqual(Buffer.from(wanted.body))
      }
    }
  })
})
