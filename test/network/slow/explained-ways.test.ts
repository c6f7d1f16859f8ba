import { describe, expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { programOf } from '../../../lab/programs.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { type Re6stNode, TEST_ROUTER } from '../../../lab/re6st-node.ts'
import type { EventsReply, ExplanationReply, TraceReply } from '../../../src/core/control/routing-replies.ts'
import type { MachineRoute } from '../../../src/registry/api/schemas/machines.ts'
import { DEADLINE_MS } from '../../support/networks.ts'
import { startPythonNode } from '../../support/python-node.ts'

/** What `re6st` says on a machine, and its exit status. */
async function asked(node: Re6stNode, ...args: readonly string[]) {
  const command = [...programOf('re6st'), ...args, '--run', node.runDirectory]
  const { stdout, stderr, end } = await node.machine.capture('env', ...command)
  return { text: stdout, said: stderr, status: end.kind === 'exited' ? end.status : undefined }
}

async function json<Reply>(node: Re6stNode, ...args: readonly string[]): Promise<Reply> {
  return JSON.parse((await asked(node, ...args, '--json')).text) as Reply
}

const namesOf = ({ hops }: TraceReply['there']) => hops.map(({ node }) => node)

describe.each([TEST_ROUTER])('with %s', (router) => {
  test('what a node says of its ways: why they are taken, hop by hop, and what changed', () =>
    withLab({ name: 'explained-ways' }, async (lab) => {
      const registryOn = await lab.host('registry')
      const network = await Re6stNetwork.create(lab, { registryOn, helloSeconds: 1 })
      const nodeOptions = ['--router', router]
      const own = await network.join(registryOn, { nodeOptions })
      const [first, second] = [await lab.host('n1'), await lab.host('n2')]
      // Never directly: the registry's node is on the path.
      await lab.cut(first, second)
      const one = await network.join(first, { nodeOptions })
      const other = await network.join(second, { nodeOptions })
      const python = await network.enrol(await lab.host('p1'))
      await lab.cut(first, python.machine)
      await lab.cut(second, python.machine)
      startPythonNode(python, network, [own])
      await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })

      // Hop by hop, both ways, as all of them have it.
      const traced = await lab.waitFor(
        async () => {
          const reply = await json<TraceReply>(one, 'trace', other.address)
          // A machine that is busy measures no round-trip times.
          const isMeasured = reply.there.hops.every(({ linkMs }) => linkMs !== null)
          return reply.there.complete && reply.back.complete && isMeasured ? reply : undefined
        },
        { what: 'a way there and back, with round-trip times', deadlineMs: 2 * DEADLINE_MS },
      )
      expect(namesOf(traced.there)).toEqual([own.subnetName, other.subnetName])
      expect(namesOf(traced.back)).toEqual([own.subnetName, one.subnetName])
      for (const { linkMs, roundTripMs, foundBy } of traced.there.hops) {
        expect(linkMs).toBeGreaterThan(0)
        expect(roundTripMs).toBeGreaterThan(0)
        expect(foundBy).toBe('routing')
      }

      // A Python node does not know the question: the way back from it is not known.
      const toPython = await json<TraceReply>(one, 'trace', python.subnetName)
      expect(namesOf(toPython.there)).toEqual([own.subnetName, python.subnetName])
      expect(toPython.there.complete).toBe(true)
      expect(toPython.back.problem).toContain('does not know the question')

      // The registry says the same of the ways from its node, and has asked each node on them.
      const shown = async (node: Pick<Re6stNode, 'subnetName'>) => {
        const database = network.registryFile('registry.db')
        const command = [...programOf('re6st-registry'), 'show', node.subnetName, '--db', database, '--json']
        const { stdout } = await registryOn.capture('env', ...command)
        return (JSON.parse(stdout) as { route: MachineRoute }).route
      }
      const route = await shown(other)
      expect(route.hops.map(({ name, by }) => [name, by])).toEqual([
        [own.subnetName, 'routing'],
        [other.subnetName, 'routing'],
      ])
      expect(route.hops[1]?.linkMs).toBeGreaterThan(0)
      expect(route.problem).toBeUndefined()

      const explained = await json<ExplanationReply>(one, 'routes', other.subnetCidr)
      expect(explained).toMatchObject({ node: other.subnetName, own: false })
      const [taken, ...rest] = explained.destinations[0]?.candidates ?? []
      expect(taken).toMatchObject({ reason: 'taken', nextHop: own.subnetName, feasible: true })
      expect(taken?.linkCost).toBe((taken?.metric ?? 0) - (taken?.announcedMetric ?? 0))
      expect(rest.map(({ reason }) => reason)).not.toContain('taken')

      expect((await asked(one, 'routes', one.subnetName)).text).toContain('this node itself')
      expect((await asked(one, 'routes', '9999/16')).text).toContain('no way: no neighbour announces one')
      expect(await asked(one, 'trace', one.address)).toMatchObject({ status: 1 })
      expect(await asked(one, 'trace', '192.0.2.1')).toMatchObject({ status: 1 })
      expect(await asked(one, 'routes', 'nobody')).toMatchObject({ status: 2 })

      // A neighbour dies without a word.
      const { last } = await json<EventsReply>(own, 'events')
      await other.machine.powerOff()
      await lab.waitFor(
        async () => {
          const { events } = await json<EventsReply>(own, 'events')
          const later = events.filter(({ number, node }) => number > last && node === other.subnetName)
          const kinds = later.map(({ kind }) => kind)
          return kinds.includes('neighbour-lost') && kinds.includes('way-left')
        },
        { what: 'the loss of the neighbour', deadlineMs: 2 * DEADLINE_MS },
      )
      const lost = await json<ExplanationReply>(own, 'routes', other.subnetName)
      const former = lost.destinations[0]?.former.filter(({ nextHop }) => nextHop === other.subnetName)
      expect(former?.length).toBeGreaterThan(0)
      if (router === 're6st')
        expect(former?.[0]).toMatchObject({ metric: expect.any(Number), cause: expect.any(String) })
      const { text, status } = await asked(own, 'trace', other.subnetName)
      expect({ text, status }).toMatchObject({
        text: expect.stringContaining('not followed to its end'),
        status: 1,
      })
    }))
})
