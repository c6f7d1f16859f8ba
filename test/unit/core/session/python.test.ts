import { describe, expect, it } from 'vitest'
import { decodeDatagram, LAST_HELLO } from '../../../../src/core/session/datagram.ts'
import type { SessionIdentity } from '../../../../src/core/session/handshakes.ts'
import { PythonSessions } from '../../../support/python-sessions.ts'
import { RECORDED_MS, SessionNode } from '../../../support/sessions.ts'

const START_MS = RECORDED_MS + 1_000
const [QUESTION, ANSWER, VERSION] = ['\x04', '\x040.581, Linux', '\0version'].map((text) =>
  Buffer.from(text, 'latin1'),
) as [Buffer, Buffer, Buffer]

/** A node of ours, and one whose sessions are those of the Python implementation. */
function besidePython() {
  const ours = new SessionNode('node-a', RECORDED_MS)
  const like = new SessionNode('node-b', RECORDED_MS)
  const identity: SessionIdentity = like
  const heard: Buffer[] = []
  let sent: Buffer[] = []
  /** Sequence numbers of messages, by who sent them. */
  const numbers = { ours: [] as number[], python: [] as number[] }
  const start = (nowMs: number) =>
    new PythonSessions(
      identity,
      (datagram) => sent.push(datagram),
      (body) => {
        if (body.length > 1 || body[0] === 4) heard.push(Buffer.from(body))
        return body[0] === 0 ? (body.length === 1 ? VERSION : Buffer.alloc(0)) : ANSWER
      },
      nowMs,
    )
  /** Those that run: each may be started again. */
  const node = { ours, python: start(START_MS - 500) }
  const deliver = (nowMs: number) => {
    for (let round = 0; round < 20; round++) {
      const [toPython, toOurs] = [node.ours.sent.splice(0).map(({ datagram }) => datagram), sent]
      sent = []
      for (const [from, datagrams] of [
        ['ours', toPython],
        ['python', toOurs],
      ] as const)
        for (const datagram of datagrams) {
          const read = decodeDatagram(datagram)
          if (read.ok && read.value.kind === 'message') numbers[from].push(read.value.sequence)
          if (from === 'ours') node.python.receive(datagram, ours.certificate.prefix, nowMs)
          else node.ours.sessions.receive(datagram, { address: like.address }, nowMs)
        }
    }
  }
  const pass = (fromMs: number, seconds: number) => {
    for (let second = 0; second <= seconds; second++) {
      node.ours.sessions.tick(fromMs + 1_000 * second)
      deliver(fromMs + 1_000 * second)
    }
  }
  return { ours, like, node, heard, numbers, start, deliver, pass }
}

describe('beside a Python node', () => {
  it.each(['ours', 'theirs'] as const)('%s begins: what is said arrives, both ways', (who) => {
    const { ours, like, node, heard, deliver } = besidePython()
    const peer = like.certificate.prefix
    ours.answer = () => ANSWER
    if (who === 'ours') ours.sessions.send(peer, QUESTION, START_MS)
    // It forgets the first, for want of a session.
    else node.python.say(ours.certificate.prefix, QUESTION, START_MS)
    deliver(START_MS)
    node.python.say(ours.certificate.prefix, QUESTION, START_MS + 1_000)
    ours.sessions.send(peer, QUESTION, START_MS + 1_000)
    deliver(START_MS + 1_000)
    expect(heard).toContainEqual(QUESTION)
    expect(ours.received.map(({ body }) => Buffer.from(body))).toContainEqual(QUESTION)
  })

  it.each(['ours', 'theirs'] as const)(
    'in a session that %s began, our numbers are every second one, and it takes all of them',
    (who) => {
      const { ours, like, node, heard, numbers, deliver } = besidePython()
      ours.answer = () => ANSWER
      if (who === 'ours') ours.sessions.send(like.certificate.prefix, QUESTION, START_MS)
      else node.python.say(ours.certificate.prefix, QUESTION, START_MS)
      deliver(START_MS)
      for (let count = 0; count < 20; count++) {
        ours.sessions.send(like.certificate.prefix, QUESTION, START_MS + 2_000 * count)
        deliver(START_MS + 2_000 * count)
        node.python.say(ours.certificate.prefix, QUESTION, START_MS + 2_000 * count)
        deliver(START_MS + 2_000 * count)
      }
      expect(heard.filter((body) => body.equals(QUESTION)).length).toBeGreaterThanOrEqual(20)
      const [first = 0] = numbers.ours
      expect(first).toBeGreaterThan(LAST_HELLO)
      expect(numbers.ours).toEqual(numbers.ours.map((_, index) => first + 2 * index))
      // The Python node counts by one, from the first number that there is.
      expect(numbers.python).toEqual(numbers.python.map((_, index) => LAST_HELLO + 1 + index))
    },
  )

  it('that began anew, as for each new configuration: what we say arrives within seconds', () => {
    const { ours, like, node, heard, start, deliver, pass } = besidePython()
    const peer = like.certificate.prefix
    ours.sessions.send(peer, QUESTION, START_MS)
    deliver(START_MS)
    node.python = start(START_MS + 20_000)
    heard.length = 0
    ours.sessions.send(peer, VERSION, START_MS + 30_000)
    pass(START_MS + 30_000, 6)
    expect(heard).toContainEqual(VERSION)
  })

  it('that keeps a session which we have lost: what we say arrives at once', () => {
    const { ours, like, node, heard, deliver } = besidePython()
    ours.sessions.send(like.certificate.prefix, QUESTION, START_MS)
    deliver(START_MS)
    node.ours = new SessionNode('node-a', START_MS + 20_000)
    heard.length = 0
    node.ours.sessions.send(like.certificate.prefix, VERSION, START_MS + 30_000)
    deliver(START_MS + 30_000)
    expect(heard).toContainEqual(VERSION)
  })
})
