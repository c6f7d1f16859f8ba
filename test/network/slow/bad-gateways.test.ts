import { expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { isComplaint, type Re6stNode } from '../../../lab/re6st-node.ts'
import { natPmpGateway } from '../../support/nat-pmp-gateway.ts'
import { DEADLINE_MS, statusOf, tunnelsOf } from '../../support/networks.ts'

/** A gateway that answers whatever it is asked by PCP, NAT-PMP or UPnP, and nothing that means anything. */
const NONSENSE = `
  for (const port of [5351, 1900]) {
    const socket = require('dgram').createSocket({ type: 'udp4', reuseAddr: true })
    socket.on('message', (_, { port: from, address }) => {
      console.log('asked')
      socket.send(require('crypto').randomBytes(60), from, address)
      socket.send('HTTP/1.1 200 OK\\r\\nLOCATION: gopher://[::\\r\\n\\r\\n', from, address)
    })
    socket.bind(port, () => port === 1900 && socket.addMembership('239.255.255.250', '192.168.2.1'))
  }
  console.log('ready')`

const SLOW_ADDRESS = '20.0.113.77'
const SLOW = natPmpGateway(SLOW_ADDRESS, { delayMs: 2_000 })

test('a gateway that is silent, or answers nonsense, keeps no tunnel from coming up, and is told of in one line; a slow one is used', () =>
  withLab({ name: 'bad-gateways' }, async (lab) => {
    const network = await Re6stNetwork.create(lab, { registryOn: await lab.host('registry') })
    await network.join(network.registryMachine)
    const silent = await lab.nat('silent')
    await silent.machine.run(
      'nft',
      'add chain inet gateway deaf { type filter hook input priority filter; iifname "lan" udp dport { 5351, 1900 } counter drop; }',
    )
    const nonsense = await lab.nat('nonsense')
    let askedForNonsense = 0
    const answering = nonsense.machine.start([process.execPath, '-e', NONSENSE], {
      name: 'nonsense',
      onLine: (line) => {
        if (line === 'asked') askedForNonsense++
      },
    })
    await answering.line(/ready/)
    /** How often the silent one was asked, and the other one: in packets each. */
    const questions = async (): Promise<[number, number]> => {
      const { stdout } = await silent.machine.run('nft', 'list', 'chain', 'inet', 'gateway', 'deaf')
      return [Number(/counter packets (\d+)/.exec(stdout)?.[1]), askedForNonsense]
    }
    const slow = await lab.nat('slow')
    await slow.machine.start([process.execPath, '-e', SLOW], { name: 'slow' }).line(/ready/)
    const all: Re6stNode[] = []
    for (const { machine, lan } of [silent, nonsense, slow])
      all.push(
        await network.join(await lab.host(`behind-${machine.name}`, { on: lan }), {
          nodeOptions: ['--ip', 'upnp'],
        }),
      )
    const [behindSilent, behindNonsense, behindSlow] = all as [Re6stNode, Re6stNode, Re6stNode]
    const behind = [behindSilent, behindNonsense]
    // With a cache, a start depends neither on whom the registry proposes nor on whom it can ask.
    const before = new Map<Re6stNode, number>()
    for (const node of all) {
      await lab.waitFor(async () => (await tunnelsOf(node)).length > 0, {
        what: `the first tunnel of ${node.name}`,
        deadlineMs: DEADLINE_MS,
      })
      await node.stop()
      before.set(node, node.logLines().length)
      node.start('--ip', 'upnp')
    }
    const questionsBefore = await questions()
    const questionsSince = async () =>
      (await questions()).map((count, index) => count - (questionsBefore[index] ?? 0))
    const complaintsOf = (node: Re6stNode) => node.logLines().slice(before.get(node)).filter(isComplaint)
    for (const node of all)
      await lab.waitFor(async () => (await tunnelsOf(node)).length > 0, {
        what: `a tunnel of ${node.name} again`,
        deadlineMs: DEADLINE_MS,
      })
    await lab.waitFor(() => behind.every((node) => complaintsOf(node).length > 0), {
      what: 'both to say what is wrong with their gateway',
      deadlineMs: DEADLINE_MS,
    })
    const questionsAtFirst = await questionsSince()
    await lab.waitFor(
      async () => (await statusOf(behindSlow)).advertised.join().startsWith(`${SLOW_ADDRESS},`),
      { what: 'the port of the slow gateway to be advertised', deadlineMs: DEADLINE_MS },
    )
    expect(complaintsOf(behindSlow)).toEqual([])
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    // Asked again, and again for nothing: that is no news.
    await lab.waitFor(
      async () =>
        (await questionsSince()).every(
          (count, index) => count >= 3 * Math.max(1, questionsAtFirst[index] ?? 0),
        ),
      { what: 'both to be asked again', deadlineMs: 3 * DEADLINE_MS },
    )
    for (const node of behind) expect(complaintsOf(node)).toHaveLength(1)
  }))
