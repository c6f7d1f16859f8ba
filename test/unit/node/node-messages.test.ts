import { describe, expect, it } from 'vitest'
import { MESSAGE_CODE } from '../../../src/core/session/message-codes.ts'
import { decodeMessageBody, encodeMessageBody, type Message } from '../../../src/core/session/messages.ts'
import { parseAddressList } from '../../../src/core/values/address-list.ts'
import { type Prefix, prefixOfBits } from '../../../src/core/values/prefix.ts'
import { NodeMessages } from '../../../src/node/node-messages.ts'
import type { EndpointHandlers } from '../../../src/node/sessions/udp-endpoint.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const [OWN, PEER, OTHER] = ['0000', '0001', '0010'].map(prefixOfBits) as [Prefix, Prefix, Prefix]
const [OLD, SAME, NEW] = [1, 2, 3].map((number) => Buffer.of(number)) as [Buffer, Buffer, Buffer]
const ADDRESSES = '192.0.2.1,1194,tcp,FR;2001:db8::1,1194,tcp6,FR'

/** The messages of a node whose registry's node is this one, and all that they bring about. */
function node({ registryPrefix = OWN }: { registryPrefix?: Prefix } = {}) {
  const happened: unknown[] = []
  const sent: { readonly to: Prefix; readonly message: Message }[] = []
  const note =
    (what: string) =>
    (...about: unknown[]) =>
      void happened.push([what, ...about])
  const lines: string[] = []
  const write = (_fields: unknown, text: string) => void lines.push(text)
  const clock = steppedClock()
  const heard = (version: Uint8Array) =>
    version[0] === 0
      ? { ok: false, reason: 'not signed' }
      : { ok: true, value: (['older', 'same', 'newer'] as const)[(version[0] ?? 0) - 1] }
  let handlers: EndpointHandlers | undefined
  const components = {
    clock,
    log: { ...silentLog, debug: write, info: write, warn: write },
    identity: () => ({ certificate: { prefix: OWN } }),
    keeper: { config: { registryPrefix }, newestVersion: SAME, heard, announced: note('announced') },
    cache: { storeAnnounced: (_: Prefix, list: readonly unknown[]) => list.slice(0, 1) },
    advertised: () => parseAddressList(ADDRESSES).addresses,
    dialAll: async (addresses: readonly { host: string }[]) =>
      addresses.map(({ host }) => ({ address: `${host},1194,tcp`, reached: true, reason: undefined })),
    wayTo: (target: Prefix) => ({ target, next: OTHER, rttMs: 1.5, metric: 96 }),
    platform: 'Linux',
    signal: new AbortController().signal,
  } as unknown as ConstructorParameters<typeof NodeMessages>[0]
  const messages = new NodeMessages(components, (given) => {
    handlers = given
    return {
      start: () => Promise.resolve(),
      send: (to, body) => void sent.push({ to, message: messageIn(body) as Message }),
      setIdentity: note('identity'),
      setRevoked: () => [],
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  })
  const hearers = {
    tunnels: {
      clientTunnelPeers: () => [PEER],
      servedPeers: () => [OTHER],
      addressesLearnt: note('learnt'),
      seenAt: note('seen at'),
      closing: { peerAsks: note('asks to close'), peerDrained: note('drained') },
    },
    spread: { shown: note('shown') },
    probe: { answered: note('answered'), dialled: note('dialled') },
    ways: { answered: note('way'), acknowledged: note('way not understood') },
  } as unknown as Parameters<NodeMessages['start']>[0]
  const started = () => {
    if (!handlers) throw new Error('the endpoint was not opened')
    return handlers
  }
  /** What a peer that says this is answered. */
  const answerTo = (body: Uint8Array, prefix = PEER, protocol = 10) =>
    messageIn(started().answer({ prefix, protocol, body }))
  const says = (message: Message, prefix = PEER, protocol = 10) =>
    answerTo(encodeMessageBody(message), prefix, protocol)
  void messages.start(hearers)
  return { messages, happened, sent, lines, clock, says, answerTo, handlers: started }
}

/** Undefined: only an acknowledgement. */
function messageIn(body: Uint8Array): Message | undefined {
  if (body.length === 0) return undefined
  const decoded = decodeMessageBody(body)
  if (!decoded.ok) throw new Error(decoded.reason)
  return decoded.value.message
}

describe('a version', () => {
  it('that is older is answered by ours; others are noted, and acknowledged', () => {
    const { says, happened } = node()
    expect(says({ kind: 'network-version', version: OLD })).toEqual({
      kind: 'network-version',
      version: SAME,
    })
    expect(happened).toEqual([])
    for (const version of [SAME, NEW]) expect(says({ kind: 'network-version', version })).toBeUndefined()
    expect(happened).toEqual([
      ['shown', PEER, SAME],
      ['shown', PEER, NEW],
    ])
  })

  it('that nobody has signed is not answered, and not noted', () => {
    const { says, happened } = node()
    expect(says({ kind: 'network-version', version: Buffer.of(0) })).toBeUndefined()
    expect(happened).toEqual([])
  })

  it('that was acknowledged is noted; ours greets whoever begins a session, and is said on request', () => {
    const { messages, handlers, happened, sent } = node()
    handlers().acknowledged(PEER, encodeMessageBody({ kind: 'network-version', version: SAME }))
    handlers().acknowledged(PEER, encodeMessageBody({ kind: 'close-tunnel' }))
    expect(happened).toEqual([['shown', PEER, SAME]])
    const ours = { kind: 'network-version', version: SAME }
    expect(messageIn(handlers().greeting(PEER))).toEqual(ours)
    messages.sendVersion(OTHER)
    expect(sent).toEqual([{ to: OTHER, message: ours }])
  })
})

describe('addresses', () => {
  it('of ours are told to who asks: without countries to old nodes', () => {
    const { says } = node()
    const question: Message = { kind: 'addresses', addresses: '' }
    expect(says(question)).toEqual({ kind: 'addresses', addresses: ADDRESSES })
    expect(says(question, PEER, 6)).toEqual({
      kind: 'addresses',
      addresses: ADDRESSES.replaceAll(',FR', ''),
    })
  })

  it('of a peer are remembered, and go to the tunnels as the cache has them', () => {
    const { says, happened, lines } = node()
    expect(says({ kind: 'addresses', addresses: `nonsense;${ADDRESSES}` })).toBeUndefined()
    expect(happened).toEqual([['learnt', PEER, parseAddressList(ADDRESSES).addresses.slice(0, 1)]])
    for (let count = 0; count < 50; count++) says({ kind: 'addresses', addresses: 'nonsense' })
    expect(lines.length, 'one that says it often fills no log').toBeLessThan(20)
  })

  it('at which a peer sees us count if they are some', () => {
    const { says, happened } = node()
    says({ kind: 'seen-at', address: '198.51.100.7' })
    says({ kind: 'seen-at', address: 'somewhere' })
    expect(happened).toEqual([['seen at', PEER, '198.51.100.7']])
  })
})

describe('who asks about this node', () => {
  it('is told its version; what answers our own question is not answered', () => {
    const { says, happened } = node()
    expect(says({ kind: 'node-information', information: '' })).toMatchObject({
      information: expect.stringMatching(/^\S+, Linux$/),
    })
    expect(says({ kind: 'node-information', information: '1.0, Linux' })).toBeUndefined()
    expect(happened).toEqual([['answered', PEER]])
  })

  it('hears of its tunnels if it is the node of the registry, and nothing else', () => {
    const { says } = node({ registryPrefix: PEER })
    const question: Message = { kind: 'topology', topology: '' }
    expect(says(question)).toEqual({ kind: 'topology', topology: '1 1/4 2/4' })
    expect(says(question, OTHER)).toBeUndefined()
  })

  it('through the registry is answered in the same way, with the mark of the question', () => {
    const { handlers } = node()
    const body = encodeMessageBody({ kind: 'node-information', information: '' }, true)
    const answer = decodeMessageBody(handlers().answer({ prefix: PEER, protocol: 10, body }))
    expect(answer).toMatchObject({ ok: true, value: { isForwarded: true } })
  })

  it('on this machine is answered if it asks what a registry asks', () => {
    const { handlers } = node()
    const asked = (code: number, argument = '') =>
      handlers().answerRegistry(code, Buffer.from(argument))?.toString()
    expect(asked(MESSAGE_CODE.addresses)).toBe(ADDRESSES)
    expect(asked(MESSAGE_CODE.topology)).toBe('1 1/4 2/4')
    expect(asked(MESSAGE_CODE.way, '5/4')).toBe('5/4 2/4 1.500 96')
    expect(asked(MESSAGE_CODE.way)).toBeUndefined()
    expect(asked(MESSAGE_CODE.log)).toBeUndefined()
    expect(handlers().isBesideRegistry()).toBe(true)
    expect(node({ registryPrefix: PEER }).handlers().isBesideRegistry()).toBe(false)
  })
})

it('what concerns a tunnel goes to whoever closes it', () => {
  const { messages, says, happened, sent } = node()
  says({ kind: 'close-tunnel' })
  says({ kind: 'tunnel-drained' }, OTHER)
  expect(happened).toEqual([
    ['asks to close', PEER],
    ['drained', OTHER],
  ])
  messages.sendClosing(PEER, 'close-tunnel')
  expect(sent).toEqual([{ to: PEER, message: { kind: 'close-tunnel' } }])
})

it('what is not understood is acknowledged, and no more', () => {
  const { answerTo, happened } = node()
  expect(answerTo(Buffer.of(99, 1, 2, 3))).toBeUndefined()
  expect(happened).toEqual([])
})

describe('a neighbour that asks whether it can be reached', () => {
  const question: Message = { kind: 'dial-request', addresses: '8.8.8.8,1194,tcp' }
  const results: Message = { kind: 'dial-result', results: '8.8.8.8,1194,tcp ok' }

  it('is told, after its addresses were tried', async () => {
    const { says, sent, clock, happened } = node()
    expect(says(question)).toBeUndefined()
    await clock.pass(0)
    expect(sent).toEqual([{ to: PEER, message: results }])
    says(results)
    expect(happened).toEqual([['dialled', PEER, expect.any(Array)]])
  })

  it('and does so without end takes nothing from the others', async () => {
    const { says, sent, clock } = node()
    for (let count = 0; count < 200; count++) says(question)
    await clock.pass(0)
    expect(sent).toHaveLength(3)
    says(question, OTHER)
    await clock.pass(0)
    expect(sent.at(-1)).toEqual({ to: OTHER, message: results })
  })

  it('has nothing tried that leads to this machine, or to none', async () => {
    const { says, sent, clock } = node()
    says({ kind: 'dial-request', addresses: '127.0.0.1,9,tcp;nonsense' })
    await clock.pass(60_000)
    expect(sent).toEqual([])
  })
})

describe('a way', () => {
  const question: Message = { kind: 'way', text: '5/4' }
  const target = prefixOfBits('0101')

  it('that is asked for is told: next hop, round-trip time, metric', () => {
    expect(node().says(question)).toEqual({ kind: 'way', text: '5/4 2/4 1.500 96' })
  })

  it('that was asked for is noted; so is that a node does not know the question; what is neither is ignored', () => {
    const { messages, says, happened, sent, handlers } = node()
    messages.askWay(PEER, target)
    expect(sent).toEqual([{ to: PEER, message: question }])
    says({ kind: 'way', text: '5/4 2/4 1.500 96' })
    handlers().acknowledged(PEER, encodeMessageBody(question))
    says({ kind: 'way', text: 'nonsense' })
    expect(happened).toEqual([
      ['way', PEER, { kind: 'answer', target, next: OTHER, rttMs: 1.5, metric: 96 }],
      ['way not understood', PEER, target],
    ])
  })
})
