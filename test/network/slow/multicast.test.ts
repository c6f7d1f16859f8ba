import { describe, expect, test } from 'vitest'
import type { Lab } from '../../../lab/lab.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { nextHop, withNetwork } from '../../support/networks.ts'
import { StreamReceiver, sendStream } from '../../support/streams.ts'

const DEADLINE_MS = 90_000
/** Six nodes, on a machine that has other things to do. */
const TIMEOUT_MS = 400_000
const SSM_GROUP = 'ff3e::4321'
const ANY_SOURCE_GROUP = 'ff0e::4321'
/** A stream that lasts, and not some packets that were on their way. */
const STEADY = 20

/** Waits until so many more packets have come to each. */
async function receiveOn(lab: Lab, what: string, ...receivers: StreamReceiver[]): Promise<void> {
  const before = receivers.map(({ count }) => count)
  await lab.waitFor(() => receivers.every(({ count }, index) => count >= (before[index] ?? 0) + STEADY), {
    what: `${what} at ${receivers.map(({ name }) => name).join(', ')}`,
    deadlineMs: DEADLINE_MS,
  })
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
        const [own, sender, other, middle, left, right] = nodes
        if (!sender || !other || !middle || !left || !right) throw new Error('the network has too few nodes')
        // sender ── own or other ── middle ── left and right
        for (const far of [middle, left, right]) await lab.cut(sender.machine, far.machine)
        for (const relay of [own, other])
          for (const far of [left, right]) await lab.cut(relay.machine, far.machine)
        const relays = [own, other]
        const relayUsed = async () => {
          const there = await nextHop(sender, left, nodes)
          const back = await nextHop(middle, sender, nodes)
          return back && relays.includes(back) && there && relays.includes(there) ? back : undefined
        }
        const relay = await lab.waitFor(relayUsed, { what: 'a way of three hops', deadlineMs: DEADLINE_MS })

        const stream = sendStream(sender, SSM_GROUP)
        const atLeft = new StreamReceiver(left, SSM_GROUP, sender)
        const atRight = new StreamReceiver(right, SSM_GROUP, sender)
        await receiveOn(lab, 'the stream', atLeft, atRight)

        await lab.cut(sender.machine, relay.machine)
        await lab.waitFor(
          async () => (await nextHop(middle, sender, nodes)) === relays.find((one) => one !== relay),
          {
            what: 'another way',
            deadlineMs: DEADLINE_MS,
          },
        )
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
})
