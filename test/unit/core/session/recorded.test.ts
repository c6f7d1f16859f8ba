import { describe, expect, it } from 'vitest'
import { encodeHello0 } from '../../../../src/core/session/datagram.ts'
import { RECORDED_MS, recordedCertificate, SessionNode } from '../../../support/sessions.ts'
import { hex, vectors } from '../../../support/vectors.ts'

interface Entry {
  name: string
  log: { to?: string; source: string; datagram: string; answered?: boolean }[]
}
const recorded = vectors<{ more: Entry[] }>('handshake-udp.json')

/** Where ours does something else, and why. */
const DIFFERENT: Readonly<Record<string, string>> = {
  'hello with secrets of 0, 1, 8, 19, 21 and 40 bytes: the length is not checked, only the order of bytes':
    'a secret has 20 bytes: what is encrypted to another decrypts to any length',
  'hello0 with a certificate of the CA whose common name is 0/0, from 2001:db8:42:1::1':
    'a prefix has at least one bit',
}

/** A minute is over: a hello0 is answered again. */
const LATER_MS = 61_000
const isHello = (datagram: string) => datagram.startsWith('00000002')
const isMessage = (datagram: string) => !/^0000000[012]/.test(datagram)

/** Entries without a session that was made before: those are in sessions.test.ts, with sessions of our own. */
const entries = recorded.more.filter(
  ({ name, log }) =>
    log.some(({ answered }) => answered !== undefined) &&
    !log.some(({ datagram, answered }) => answered !== undefined && isMessage(datagram)) &&
    !name.startsWith('b’s process') &&
    !name.startsWith("b's process"),
)

describe('recorded datagrams get an answer, or none, as recorded', () => {
  it.each(entries)('$name', ({ name, log }) => {
    const nodes = new Map<string, SessionNode>()
    let nowMs = RECORDED_MS
    const answers: boolean[] = []
    for (const { to = '', source, datagram, answered } of log) {
      if (answered === undefined) continue
      let node = nodes.get(to)
      if (!node) {
        node = new SessionNode(to, RECORDED_MS - 2 * LATER_MS)
        nodes.set(to, node)
        // A hello comes from somebody whose certificate was exchanged before.
        if (isHello(datagram) && !name.includes('not known') && source.startsWith('2001:db8:42:1:'))
          node.sessions.receive(
            encodeHello0(recordedCertificate('node-a').der),
            { address: source },
            RECORDED_MS - LATER_MS,
          )
      }
      nowMs += name.includes('61 s later') && answers.length > 1 ? LATER_MS : 1_500
      node.sent.length = 0
      node.sessions.receive(hex(datagram), { address: source }, nowMs)
      answers.push(node.sent.length > 0)
    }
    const expected = log.flatMap(({ answered }) => answered ?? [])
    if (name in DIFFERENT) expect(answers).not.toEqual(expected)
    else expect(answers).toEqual(expected)
  })
})
