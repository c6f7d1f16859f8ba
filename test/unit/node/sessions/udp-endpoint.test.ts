import { createPrivateKey } from 'node:crypto'
import type { RemoteInfo, Socket, SocketOptions } from 'node:dgram'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { waitFor } from '../../../../lab/wait-for.ts'
import { readAuthority } from '../../../../src/core/crypto/certificate.ts'
import type { IncomingMessage } from '../../../../src/core/session/conversations.ts'
import { MESSAGE_CODE, NODE_PORT } from '../../../../src/core/session/message-codes.ts'
import { decodeRegistryDatagram, encodeRegistryDatagram } from '../../../../src/core/session/registry-link.ts'
import { nodeAddress, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { UdpEndpoint } from '../../../../src/node/sessions/udp-endpoint.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { LocalNode } from '../../../../src/registry/local-node.ts'
import { collectVersions, walkTopology } from '../../../../src/registry/topology.ts'
import { recordedClock } from '../../../support/recorded-registry.ts'
import { RECORDED_MS, recordedCertificate } from '../../../support/sessions.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'
import { vectors } from '../../../support/vectors.ts'

const DEADLINE_MS = 20_000
const pki = vectors<{ ca: string; keys: Record<string, string> }>('pki.json')
const authority = readAuthority(pki.ca)
if (!authority.ok) throw new Error(authority.reason)
const { network } = authority.value

/**
 * The network between the nodes: loopback has the sockets' own addresses only, so what is sent to a node's subnet is
 * handed to the socket of that node. Everything else goes where it is sent.
 */
const mesh = vi.hoisted(() => {
  const members: { readonly address: string; readonly socket: Socket }[] = []
  return {
    members,
    /** Address of the node whose socket is made next. */
    next: undefined as string | undefined,
    /** How many datagrams are lost from now on. */
    losses: 0,
    join(socket: Socket, address: string) {
      members.push({ address, socket })
      const send = socket.send.bind(socket) as (...parameters: unknown[]) => void
      const routed = (
        datagram: Uint8Array,
        port: number,
        to: string,
        sent: (error: Error | null) => void,
      ) => {
        if (to === '::1') return send(datagram, port, to, sent)
        const receiver = members.find((member) => to.startsWith(member.address.replace(/1$/, '')))
        const source: RemoteInfo = { address, port: 326, family: 'IPv6', size: datagram.length }
        sent(null)
        if (mesh.losses > 0) return void mesh.losses--
        setImmediate(() => receiver?.socket.emit('message', Buffer.from(datagram), source))
      }
      Object.assign(socket, { send: routed })
    },
  }
})
vi.mock('node:dgram', async (original) => {
  const dgram = await original<typeof import('node:dgram')>()
  const createSocket = (options: SocketOptions) => {
    const socket = dgram.createSocket(options)
    if (mesh.next !== undefined) mesh.join(socket, mesh.next)
    mesh.next = undefined
    return socket
  }
  return { ...dgram, createSocket }
})

/** A node with a recorded identity on a port of its own, and what it was told. */
class TestNode {
  readonly prefix
  readonly messages: IncomingMessage[] = []
  readonly registryAsked: number[] = []
  announcements = 0
  isBesideRegistry = true
  answer: (body: Uint8Array) => Uint8Array = () => new Uint8Array()
  answerRegistry: (code: number, argument: Uint8Array) => Uint8Array | undefined = () => undefined
  readonly endpoint: UdpEndpoint

  constructor(key: string, certificateName: string) {
    const certificate = recordedCertificate(certificateName)
    this.prefix = certificate.prefix
    mesh.next = nodeAddress(network, certificate.prefix)
    this.endpoint = new UdpEndpoint(
      {
        clock: { ...systemClock, now: () => RECORDED_MS + performance.now() },
        log: silentLog,
        random: (length) => Buffer.alloc(length, 1),
      },
      {
        answer: (message) => {
          this.messages.push(message)
          return this.answer(message.body)
        },
        greeting: () => new Uint8Array(),
        acknowledged: () => {},
        isBesideRegistry: () => this.isBesideRegistry,
        answerRegistry: (code, argument) => {
          this.registryAsked.push(code)
          return this.answerRegistry(code, argument)
        },
        versionAnnounced: () => {
          this.announcements++
        },
      },
      {
        authority: (authority as Extract<typeof authority, { ok: true }>).value,
        certificate,
        privateKey: createPrivateKey(pki.keys[key] ?? ''),
      },
    )
  }
}

const { createSocket } = await import('node:dgram')
/** A port that is free now. */
async function freePort(): Promise<number> {
  const socket = createSocket({ type: 'udp6', ipv6Only: true })
  socket.bind(0, '::1')
  await once(socket, 'listening')
  const { port } = socket.address() as AddressInfo
  socket.close()
  return port
}

let port: number
let [own, a, b]: TestNode[] = []
let localNode: LocalNode

beforeEach(async () => {
  own = new TestNode('registry-node', 'registry-node')
  a = new TestNode('node-a', 'node-a')
  b = new TestNode('node-b', 'node-b2')
  port = await freePort()
  await own.endpoint.start(port)
  for (const node of [a, b]) await node.endpoint.start(await freePort())
  localNode = new LocalNode({ clock: recordedClock, log: silentLog }, port)
})
afterEach(async () => {
  localNode[Symbol.dispose]()
  mesh.members.length = 0
  for (const node of [own, a, b]) await node?.endpoint[Symbol.asyncDispose]()
})

const must = (node: TestNode | undefined): TestNode => {
  if (!node) throw new Error('the nodes were not made')
  return node
}

describe('the registry, by the node on its own machine', () => {
  it('asks that node itself', async () => {
    const node = must(own)
    node.answerRegistry = (code) => Buffer.from(`answer to ${code}`)
    const answer = await localNode.ask(node.prefix, MESSAGE_CODE.nodeInformation)
    expect(answer?.toString()).toBe('answer to 4')
    expect(node.registryAsked).toEqual([4])
  })

  it('asks that node itself until it hears, which may be starting; others once', async () => {
    const { prefix } = must(own)
    const { prefix: other } = must(a)
    const code = MESSAGE_CODE.addresses
    const starting = createSocket('udp6')
    const place = await freePort()
    const clock = steppedClock()
    using asking = new LocalNode({ clock, log: silentLog }, place)
    const answers = [asking.ask(prefix, code, { isOwn: true }), asking.ask(prefix, code, { isOwn: true })]
    const ofOther = asking.ask(other, code)
    await clock.pass(1_000)
    const heard: string[] = []
    starting.on('message', (datagram, { port: asker }) => {
      const question = decodeRegistryDatagram(datagram)
      if (!question.ok) return
      heard.push(question.value.prefix)
      const argument = Buffer.from('198.51.100.1,1194,tcp')
      starting.send(encodeRegistryDatagram({ prefix, code, argument }), asker, '::1')
    })
    starting.bind(place, '::1')
    await once(starting, 'listening')
    await clock.pass(100)
    for (const answer of await Promise.all(answers)) expect(answer?.toString()).toBe('198.51.100.1,1194,tcp')
    await clock.pass(3_000)
    expect(await ofOther).toBeUndefined()
    expect(heard).toEqual([prefix])
    starting.close()
  })

  it('takes no answer from another program of this machine', async () => {
    const { prefix } = must(own)
    const code = MESSAGE_CODE.nodeInformation
    const [node, forger] = [createSocket('udp6'), createSocket('udp6')]
    const answer = (text: string) => encodeRegistryDatagram({ prefix, code, argument: Buffer.from(text) })
    node.on('message', (_, { port: asker }) =>
      forger.send(answer('forged'), asker, '::1', () => node.send(answer('true'), asker, '::1')),
    )
    node.bind(0, '::1')
    await once(node, 'listening')
    using asking = new LocalNode({ clock: recordedClock, log: silentLog }, node.address().port)
    expect((await asking.ask(prefix, code))?.toString()).toBe('true')
    for (const socket of [node, forger]) socket.close()
  })

  it('tells it of a new network version; that is no question', async () => {
    const node = must(own)
    localNode.announceVersion(node.prefix)
    await waitFor(() => node.announcements === 1, {
      what: 'the news',
      deadlineMs: DEADLINE_MS,
      intervalMs: 5,
    })
    expect(node.registryAsked).toEqual([])
  })

  it('asks other nodes: they see who asks, and that it is for the registry', async () => {
    const [node, registryNode] = [must(a), must(own)]
    node.answer = (body) => Buffer.concat([body, Buffer.from('198.51.100.2,1194,tcp')])
    const answer = await localNode.ask(node.prefix, MESSAGE_CODE.addresses)
    expect(answer?.toString()).toBe('198.51.100.2,1194,tcp')
    expect(node.messages.map(({ prefix, body }) => ({ prefix, body: [...body] }))).toEqual([
      { prefix: registryNode.prefix, body: [MESSAGE_CODE.addresses | 0x80] },
    ])
    // The answer is for the registry: the node itself has nothing to do with it.
    expect(registryNode.messages).toEqual([])
  })

  it('asks nodes for their ways, each for several at once; who does not know the question says so', async () => {
    // Its clock is that of the nodes, unlike the other one's, which runs ahead.
    using asking = new LocalNode({ clock: systemClock, log: silentLog }, port)
    const [node, other, old] = [must(own), must(a), must(b)]
    const far = [prefixOfBits('0000000000000101'), prefixOfBits('0000000000000110')] as const
    node.answerRegistry = (_, argument) => Buffer.from(`${String(Buffer.from(argument))} 1/16 12.345 96`)
    other.answer = (body) => Buffer.concat([body, Buffer.from(' 2/16 - 192')])
    expect(await asking.askWay(node.prefix, far[0])).toMatchObject({
      target: far[0],
      rttMs: 12.345,
      metric: 96,
    })
    const both = await Promise.all(far.map((target) => asking.askWay(other.prefix, target)))
    expect(both).toMatchObject(far.map((target) => ({ target, next: old.prefix, metric: 192 })))
    expect(await asking.askWay(old.prefix, far[0])).toBe('not understood')
    expect(await localNode.askWay(prefixOfBits('0000000000000111'), far[0])).toBe('no answer')
  })

  it('waits for the answer of who has answered the same a moment ago, also when the question is lost', async () => {
    using asking = new LocalNode({ clock: systemClock, log: silentLog }, port)
    const other = must(a)
    const far = prefixOfBits('0000000000000101')
    other.answer = (body) => Buffer.concat([body, Buffer.from(' 2/16 - 192')])
    // It acknowledges the session, too, which may be taken for that of the question.
    expect(await asking.askWay(other.prefix, far)).toMatchObject({ metric: 192 })
    mesh.losses = 1
    expect(await asking.askWay(other.prefix, far)).toMatchObject({ metric: 192 })
    expect(mesh.losses).toBe(0)
  })

  it('collects versions and walks the topology', async () => {
    const [first, second, third] = [must(own), must(a), must(b)]
    first.answerRegistry = (code) =>
      Buffer.from(code === MESSAGE_CODE.topology ? '1 1/16 2/16' : '1.0, Linux')
    for (const [node, topology] of [
      [second, '0 0/16'],
      [third, '2 0/16 1/16'],
    ] as const)
      node.answer = (body) =>
        Buffer.concat([
          body,
          Buffer.from((body[0] ?? 0) === (MESSAGE_CODE.topology | 0x80) ? topology : '0.9, BSD'),
        ])
    const ask = (prefix: typeof first.prefix, code: number) => localNode.ask(prefix, code)
    expect(await collectVersions(ask, [first.prefix, second.prefix, third.prefix])).toEqual({
      [first.prefix]: '1.0, Linux',
      [second.prefix]: '0.9, BSD',
      [third.prefix]: '0.9, BSD',
    })
    const topology = await walkTopology(ask, first.prefix, async () => true)
    expect({ ...topology, '': topology['']?.toSorted() }).toEqual({
      '0/16': ['1/16'],
      '1/16': [],
      '2/16': ['0/16', '1/16'],
      '': ['0/16', '1/16', '2/16'],
    })
  })

  it('has no answer from a node that is not there, and others answer meanwhile', async () => {
    const node = must(a)
    node.answer = (body) => body
    let isOver = false
    const missing = localNode
      .ask(prefixOfBits('0000000000000111'), MESSAGE_CODE.nodeInformation)
      .then((answer) => {
        isOver = true
        return answer
      })
    expect(await localNode.ask(node.prefix, MESSAGE_CODE.nodeInformation)).toEqual(Buffer.alloc(0))
    expect(isOver).toBe(false)
    expect(await missing).toBeUndefined()
  })

  it('has no say where the registry is on another machine, nor may it say more than a registry does', async () => {
    const [node, other] = [must(own), must(a)]
    node.answerRegistry = () => Buffer.from('here')
    const socket = createSocket({ type: 'udp6', ipv6Only: true })
    const say = (prefix: string, code: number, argument = '') =>
      socket.send(
        Buffer.concat([Buffer.from(`${prefix}\0`), Buffer.of(code), Buffer.from(argument)]),
        port,
        '::1',
      )
    const asked = async () => await localNode.ask(node.prefix, MESSAGE_CODE.nodeInformation)
    for (const code of [2, 3, 7, 96, 97, 98, 99]) say(other.prefix, code)
    say(other.prefix, MESSAGE_CODE.networkVersion)
    say(other.prefix, MESSAGE_CODE.addresses, '192.0.2.66,1194,tcp')
    say(node.prefix, MESSAGE_CODE.log, 'a line')
    for (const way of ['', 'nobody', '5/16 3/16 - 1', '5/16\0', ' 5/16'])
      say(other.prefix, MESSAGE_CODE.way, way)
    expect((await asked())?.toString()).toBe('here')
    expect(node.registryAsked).toEqual([4])
    node.isBesideRegistry = false
    say(node.prefix, MESSAGE_CODE.networkVersion)
    expect(await asked()).toBeUndefined()
    expect([node.registryAsked.length, node.announcements, other.messages.length]).toEqual([1, 0, 0])
    socket.close()
  })

  it('is not taken for it when the bytes make no sense', async () => {
    const node = must(own)
    node.answerRegistry = () => Buffer.from('here')
    const socket = createSocket({ type: 'udp6', ipv6Only: true })
    for (const nonsense of ['', '\0', 'abc\0\x04', `${node.prefix}\0`, `${node.prefix}`, '0'.repeat(200)])
      socket.send(Buffer.from(nonsense, 'latin1'), port, '::1')
    expect((await localNode.ask(node.prefix, MESSAGE_CODE.nodeInformation))?.toString()).toBe('here')
    expect(node.registryAsked).toHaveLength(1)
    socket.close()
  })
})

describe('a node’s port', () => {
  it('takes no question of the registry from anywhere but its own machine', async () => {
    const [node, neighbour] = [must(own), must(a)]
    node.answerRegistry = () => Buffer.from('here')
    const member = mesh.members.find(({ address }) => address === nodeAddress(network, neighbour.prefix))
    member?.socket.send(
      Buffer.from(`${node.prefix}\0\x04`),
      NODE_PORT,
      nodeAddress(network, node.prefix),
      () => {},
    )
    expect((await localNode.ask(node.prefix, MESSAGE_CODE.nodeInformation))?.toString()).toBe('here')
    expect(node.registryAsked).toHaveLength(1)
  })

  it('carries messages between nodes', async () => {
    const [one, other] = [must(a), must(b)]
    other.answer = (body) => Buffer.concat([body, Buffer.from(' yourself')])
    one.endpoint.send(other.prefix, Buffer.from('\x07hello'))
    await waitFor(() => one.messages.length > 0, {
      what: 'the answer',
      deadlineMs: DEADLINE_MS,
      intervalMs: 5,
    })
    expect(one.messages.map(({ body }) => Buffer.from(body).toString())).toEqual(['\x07hello yourself'])
    expect(other.messages[0]).toMatchObject({ prefix: one.prefix, protocol: 10 })
  })

  it('that is in use is said to be', async () => {
    const node = new TestNode('node-a', 'node-a')
    await expect(node.endpoint.start(port)).rejects.toThrow(/is in use: is another re6stnet running\?/)
    await node.endpoint[Symbol.asyncDispose]()
  })
})
