import { describe, expect, test } from 'vitest'
import { type Lab, withLab } from '../../../lab/lab.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { nextHop, statusOf, withNetwork } from '../../support/networks.ts'
import { StreamReceiver, sendStream } from '../../support/streams.ts'

const DEADLINE_MS = 90_000
/** Six nodes, on a machine that has other things to do. */
const TIMEOUT_MS = 1_200_000
const SSM_GROUP = 'ff3e::4321'
const ANY_SOURCE_GROUP = 'ff0e::4321'
/** A stream that lasts, and not some packets that were on their way. */
const STEADY = 20

/** Waits until so many more packets have come to each. */
async function receiveOn(lab: Lab, what: string, ...receivers: StreamReceiver[]): Promise<void> {
  const wanted = new Map(receivers.map((each) => [each, each.count + STEADY]))
  const missing = () => receivers.filter((each) => each.count < (wanted.get(each) ?? 0))
  try {
    await lab.waitFor(() => missing().length === 0, {
      what: `${what} at ${receivers.map(({ name }) => name).join(', ')}`,
      deadlineMs: DEADLINE_MS,
    })
  } catch (error) {
    for (const each of missing()) console.error(await each.surroundings())
    throw error
  }
}

/** The last node on the way of packets from one node to another. Undefined: there is no way, for now. */
async function lastOnWay(
  from: Re6stNode,
  to: Re6stNode,
  nodes: readonly Re6stNode[],
): Promise<Re6stNode | undefined> {
  let at = from
  for (let hops = 0; hops < nodes.length; hops++) {
    const next = await nextHop(at, to, nodes)
    if (next === undefined) return undefined
    if (next === to) return at
    at = next
  }
  return undefined
}

/** Interfaces that a machine forwards packets to this group to. */
async function forwardedTo(node: Re6stNode, group: string): Promise<string[]> {
  const { stdout } = await node.machine.run('ip', '-6', 'mroute', 'show')
  const line = stdout.split('\n').find((each) => each.includes(`,${group})`)) ?? ''
  return /Oifs: (.*?) +State/.exec(line)?.[1]?.split(' ') ?? []
}

describe('multicast', () => {
  test(
    'a stream is received three hops away, while somebody listens, and comes back when a path fails',
    () =>
      withNetwork('multicast', { nodeCount: 5, nodeOptions: ['--multicast'] }, async ({ lab, nodes }) => {
        const [own, sender, second, middle, left, right] = nodes
        if (!sender || !second || !middle || !left || !right) throw new Error('the network has too few nodes')
        // sender ── own or second ── middle ── left and right; on a busy machine also by both of them, one after the other
        for (const far of [middle, left, right]) await lab.cut(sender.machine, far.machine)
        for (const relay of [own, second])
          for (const far of [left, right]) await lab.cut(relay.machine, far.machine)
        const relays = [own, second]
        // The stream takes the way of packets from the receiver to the sender.
        const relayUsed = async () => {
          const last = await lastOnWay(left, sender, nodes)
          return last && relays.includes(last) ? last : undefined
        }
        const relay = await lab.waitFor(relayUsed, { what: 'a way of three hops', deadlineMs: DEADLINE_MS })

        const stream = sendStream(sender, SSM_GROUP)
        const atLeft = new StreamReceiver(left, SSM_GROUP, sender)
        const atRight = new StreamReceiver(right, SSM_GROUP, sender)
        await receiveOn(lab, 'the stream', atLeft, atRight)

        await lab.cut(sender.machine, relay.machine)
        const other = relays.find((one) => one !== relay)
        await lab.waitFor(async () => (await relayUsed()) === other, {
          what: 'another way',
          deadlineMs: DEADLINE_MS,
        })
        await receiveOn(lab, 'the stream by another way', atLeft, atRight)

        await atLeft.stop()
        await lab.waitFor(async () => (await forwardedTo(left, SSM_GROUP)).length === 0, {
          what: 'left to stop forwarding',
          deadlineMs: DEADLINE_MS,
        })
        await receiveOn(lab, 'the stream', atRight)
        await atRight.stop()
        for (const node of [middle, sender])
          await lab.waitFor(async () => (await forwardedTo(node, SSM_GROUP)).length === 0, {
            what: `${node.name} to stop forwarding`,
            deadlineMs: DEADLINE_MS,
          })
        await stream.stop()
        expect(atLeft.duplicates + atRight.duplicates).toBe(0)
        expect(atRight.sources).toEqual([sender.address])

        // Two senders to a group for any source, and a daemon on the way that is killed.
        const streams = [sendStream(sender, ANY_SOURCE_GROUP), sendStream(own, ANY_SOURCE_GROUP)]
        const any = [new StreamReceiver(left, ANY_SOURCE_GROUP), new StreamReceiver(right, ANY_SOURCE_GROUP)]
        await lab.waitFor(() => any.every(({ sources }) => sources.length === 2), {
          what: 'the streams of both senders',
          deadlineMs: DEADLINE_MS,
        })
        const { stdout: pid } = await middle.machine.run('cat', `${middle.runDirectory}/smcroute.pid`)
        await middle.machine.run('kill', '-9', pid.trim())
        await receiveOn(lab, 'the streams when smcrouted was killed', ...any)
        for (const each of streams) await each.stop()
      }),
    TIMEOUT_MS,
  )

  test(
    'over a LAN: of and to a node that has no other way, and machines that know nothing of re6st',
    { timeout: TIMEOUT_MS },
    () =>
      withLab({ name: 'multicast-lan' }, async (lab) => {
        const registryOn = await lab.host('registry')
        const home = await lab.nat('home')
        const network = await Re6stNetwork.create(lab, { registryOn })
        const own = await network.join(registryOn, { nodeOptions: ['--multicast'] })
        const nodeOptions = ['--multicast', '--interface', 'eth0']
        const gate = await network.join(await lab.host('gate', { on: home.lan }), { nodeOptions })
        const inner = await network.join(await lab.host('inner', { on: home.lan }), { nodeOptions })
        const laptop = { name: 'laptop', machine: await lab.host('laptop', { on: home.lan }) }
        const address = gate.address.replace(/1$/, '5')
        await laptop.machine.run('ip', '-6', 'addr', 'add', `${address}/64`, 'dev', 'eth0', 'nodad')
        await network.allPairsPing({ deadlineMs: DEADLINE_MS })
        await lab.cut(inner.machine, registryOn)
        await lab.waitFor(async () => (await nextHop(inner, own, [own, gate])) === gate, {
          what: 'the way over the LAN',
          deadlineMs: DEADLINE_MS,
        })

        const streams = [
          sendStream(own, SSM_GROUP),
          sendStream(inner, SSM_GROUP),
          sendStream(laptop, SSM_GROUP, 'eth0'),
          sendStream(own, ANY_SOURCE_GROUP),
        ]
        const receivers = [
          new StreamReceiver(inner, SSM_GROUP, own),
          new StreamReceiver(own, SSM_GROUP, inner),
          new StreamReceiver(own, SSM_GROUP, { address }),
          // To both nodes on the LAN, one of which must not send it there once more.
          new StreamReceiver(inner, SSM_GROUP, { address }),
          // The node does not hear what the laptop wants: a program on it must want the same there.
          new StreamReceiver(gate, ANY_SOURCE_GROUP, undefined, 'eth0'),
          new StreamReceiver(laptop, ANY_SOURCE_GROUP, undefined, 'eth0'),
        ]
        // What others join afterwards, and no router forwards, changes nothing.
        for (const node of [inner, own]) new StreamReceiver(node, 'ff02::4321')
        await receiveOn(lab, 'streams over the LAN', ...receivers)
        expect(receivers.map(({ sources }) => sources)).toEqual([
          [own.address],
          [inner.address],
          [address],
          [address],
          [own.address],
          [own.address],
        ])
        expect(receivers.map(({ duplicates }) => duplicates)).toEqual(receivers.map(() => 0))
        expect((await statusOf(gate)).multicast).toEqual({
          routing: true,
          reason: null,
          streams: 4,
          groups: 2,
        })
        for (const each of streams) await each.stop()
      }),
  )
})
