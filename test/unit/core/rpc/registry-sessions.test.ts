import { describe, expect, it } from 'vitest'
import { RegistrySessions } from '../../../../src/core/rpc/registry-sessions.ts'
import { nextSecret, requestHmac } from '../../../../src/core/rpc/session.ts'
import { fc, test } from '../../../support/property.ts'

const PREFIX = '0101'
const HELLO = { protocol: 10, nowMs: 0 }
const TARGET = '/getDh?cn=0101'
const secret = (n: number) => Buffer.alloc(20, n)
const call = (sessions: RegistrySessions, key: Buffer, target = TARGET) =>
  sessions.authenticate(PREFIX, target, requestHmac(key, target)).kind

describe('sessions of the registry', () => {
  it('begin with hello, and each secret counts once', () => {
    const sessions = new RegistrySessions()
    expect(call(sessions, secret(1))).toBe('no-session')
    sessions.begin(PREFIX, secret(1), HELLO)
    expect(sessions.authenticate(PREFIX, TARGET, requestHmac(secret(1), TARGET))).toEqual({
      kind: 'authentic',
      protocol: 10,
      secret: secret(1),
    })
    expect(call(sessions, secret(1))).toBe('wrong-hmac')
    expect(call(sessions, nextSecret(secret(1)))).toBe('authentic')
  })

  it('are of one node, and one target', () => {
    const sessions = new RegistrySessions()
    sessions.begin(PREFIX, secret(1), HELLO)
    expect(sessions.authenticate('0110', TARGET, requestHmac(secret(1), TARGET)).kind).toBe('no-session')
    const another = requestHmac(secret(1), '/renewCertificate?cn=0101')
    expect(sessions.authenticate(PREFIX, TARGET, another).kind).toBe('wrong-hmac')
    expect(call(sessions, secret(1))).toBe('authentic')
  })

  it('are whichever the node uses, with the protocol it said, however often others say hello in its name', () => {
    const sessions = new RegistrySessions()
    for (let n = 1; n <= 20; n++) sessions.begin(PREFIX, secret(n), { protocol: n, nowMs: n * 50 })
    expect(sessions.protocolOf(PREFIX)).toBeUndefined()
    expect(call(sessions, secret(5))).toBe('authentic')
    expect(sessions.protocolOf(PREFIX)).toBe(5)
    expect(call(sessions, secret(20))).toBe('wrong-hmac')
    sessions.begin(PREFIX, secret(30), { protocol: 1, nowMs: 2_000 })
    expect(sessions.protocolOf(PREFIX)).toBe(5)
  })

  it('of which the secret was not sent leaves the others as they are', () => {
    const sessions = new RegistrySessions()
    sessions.begin(PREFIX, secret(1), HELLO)
    sessions.withdraw(PREFIX, secret(1))
    expect(call(sessions, secret(1))).toBe('no-session')
    for (const n of [1, 2, 3]) sessions.begin(PREFIX, secret(n), HELLO)
    expect(call(sessions, secret(1))).toBe('authentic')
    for (const n of [4, 5]) sessions.begin(PREFIX, secret(n), HELLO)
    sessions.withdraw(PREFIX, secret(4))
    expect(call(sessions, secret(4))).toBe('wrong-hmac')
    expect(call(sessions, nextSecret(secret(1)))).toBe('authentic')
  })

  it('are not kept longer than a node needs to use them', () => {
    const sessions = new RegistrySessions()
    sessions.begin(PREFIX, secret(1), { protocol: 10, nowMs: 0 })
    sessions.begin(PREFIX, secret(2), { protocol: 10, nowMs: 60_000 })
    expect(call(sessions, secret(1))).toBe('wrong-hmac')
    expect(call(sessions, secret(2))).toBe('authentic')
  })

  it('of too many nodes are those heard of last; hellos, which anybody can say, push out none', () => {
    const sessions = new RegistrySessions({ nodes: 3, offered: 2 })
    const authenticate = (prefix: string, key: Buffer) =>
      sessions.authenticate(prefix, TARGET, requestHmac(key, TARGET)).kind
    const nodes = ['000', '001', '010', '011']
    for (const prefix of nodes) {
      sessions.begin(prefix, secret(1), HELLO)
      expect(authenticate(prefix, secret(1))).toBe('authentic')
    }
    expect(authenticate('000', nextSecret(secret(1)))).toBe('no-session')
    expect(authenticate('001', nextSecret(secret(1)))).toBe('authentic')
    for (const prefix of ['100', '101', '110']) sessions.begin(prefix, secret(2), HELLO)
    // The oldest hello is forgotten: who has said it says it again.
    expect(authenticate('100', secret(2))).toBe('no-session')
    for (const prefix of ['010', '011']) expect(authenticate(prefix, nextSecret(secret(1)))).toBe('authentic')
    expect(authenticate('110', secret(2))).toBe('authentic')
  })

  it('of which a hello is all that is known are forgotten after a minute, when anybody says hello', () => {
    const sessions = new RegistrySessions()
    sessions.begin('000', secret(1), { protocol: 10, nowMs: 0 })
    sessions.begin(PREFIX, secret(2), { protocol: 10, nowMs: 60_000 })
    expect(sessions.stateOf('000')).toBeUndefined()
    expect(call(sessions, secret(2))).toBe('authentic')
  })

  it('end with the certificate', () => {
    const sessions = new RegistrySessions()
    sessions.begin(PREFIX, secret(1), HELLO)
    sessions.end(PREFIX)
    expect(call(sessions, secret(1))).toBe('no-session')
  })

  test(
    'of a node go on whatever others do in its name',
    fc.array(fc.constantFrom('call', 'hello of another', 'guess', 'replay'), { maxLength: 40 }),
    fc.uint8Array({ minLength: 0, maxLength: 40 }),
    (events, guess) => {
      const sessions = new RegistrySessions()
      let key: Buffer = secret(1)
      let heard = requestHmac(secret(0), TARGET)
      sessions.begin(PREFIX, key, HELLO)
      for (const [index, event] of events.entries()) {
        if (event === 'hello of another') sessions.begin(PREFIX, secret(100 + (index % 100)), HELLO)
        else if (event === 'guess')
          expect(sessions.authenticate(PREFIX, TARGET, guess).kind).toBe('wrong-hmac')
        else if (event === 'replay')
          expect(sessions.authenticate(PREFIX, TARGET, heard).kind).toBe('wrong-hmac')
        else {
          heard = requestHmac(key, TARGET)
          expect(sessions.authenticate(PREFIX, TARGET, heard)).toEqual({
            kind: 'authentic',
            protocol: 10,
            secret: key,
          })
          key = nextSecret(key)
        }
      }
    },
  )
})
