import { describe, expect, it } from 'vitest'
import { SECRET_LENGTH } from '../../../../src/core/crypto/secret.ts'
import { decodeDatagram } from '../../../../src/core/session/datagram.ts'
import { Session } from '../../../../src/core/session/session.ts'

const body = (text: string) => Buffer.from(text)
/** A question that can be answered, and its answer: they have the same code. */
const [QUESTION, ANSWER] = [body('\u0001?'), body('\u0001!')]

/** Both ends of a session. */
function pair() {
  const secret = Buffer.alloc(SECRET_LENGTH, 7)
  return { maker: new Session(secret, { isOurs: true }), other: new Session(secret, { isOurs: false }) }
}

/** What one makes of a datagram. */
function heard(session: Session, datagram: Uint8Array | undefined) {
  const decoded = decodeDatagram(datagram ?? new Uint8Array())
  if (!decoded.ok || decoded.value.kind !== 'message' || !datagram) throw new Error('no message')
  expect(session.isAuthentic(datagram)).toBe(true)
  return session.hear(decoded.value)
}

describe('a session', () => {
  it('takes each message once, in its order, and none of its own', () => {
    const { maker, other } = pair()
    const [first, second] = [maker.say(body('a'), 0), maker.say(body('b'), 0)]
    expect(heard(other, second)).toBeUndefined()
    expect(heard(other, second)).toBe('a message that came already, or too late')
    expect(heard(other, first)).toBe('a message that came already, or too late')
    expect(heard(maker, second)).toBe('a message of our own that came back')
    expect(pair().maker.isAuthentic(Buffer.from(second ?? []).fill(0, 5, 6))).toBe(false)
  })

  it('is doubted when nothing comes back, until something does', () => {
    const { maker, other } = pair()
    maker.say(body('a'), 0)
    expect([maker.isAlive(3_999), maker.isAlive(4_000)]).toEqual([true, false])
    expect(heard(maker, other.answer(body(''), 4_000))).toBeUndefined()
    expect(maker.isAlive(60_000)).toBe(true)
  })
})

describe('what was said', () => {
  it('is said again after a second, two and four more, five times in all', () => {
    const { maker } = pair()
    const saidAtMs: number[] = []
    maker.say(body('a'), 0)
    for (let ms = 0; ms < 60_000; ms += 500)
      for (const said of maker.takeDue(ms)) {
        saidAtMs.push(ms)
        maker.say(said.body, ms, said.attempts + 1)
      }
    expect(saidAtMs).toEqual([1_000, 3_000, 7_000, 15_000])
    expect(maker.takeAll()).toEqual([])
  })

  it('has arrived when it is acknowledged, the oldest first, or answered', () => {
    const { maker } = pair()
    maker.say(body('a'), 0)
    maker.say(QUESTION, 0)
    expect(maker.acknowledged()?.body).toEqual(body('a'))
    maker.answered(ANSWER)
    expect(maker.acknowledged()).toBeUndefined()
    expect(maker.takeDue(60_000)).toEqual([])
  })

  it('as an answer is not said again, and is what an acknowledgement is for before that which would be', () => {
    const { maker } = pair()
    maker.say(body('a'), 0)
    maker.answer(ANSWER, 0)
    expect(maker.acknowledged()?.body).toEqual(ANSWER)
    maker.answer(ANSWER, 0)
    expect(maker.takeAll().map((said) => said.body)).toEqual([body('a')])
    expect(maker.takeAll()).toEqual([])
  })
})
