import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { cpuSeconds, memoryMb } from '../../../lab/process-cost.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { firstAddress } from '../../../src/core/values/prefix.ts'
import type { HostileOrder } from '../../support/hostile-sender.ts'
import { DEADLINE_MS, type TestNetwork, withNetwork } from '../../support/networks.ts'

const SENDER = fileURLToPath(new URL('../../support/hostile-sender.ts', import.meta.url))
const HELLO_SECONDS = 1

const linesOf = (node: Re6stNode): string[] =>
  readFileSync(`${node.logDirectory}/re6stnet.log`, 'utf8').split('\n')

describe('UDP port 326 of a node', () => {
  test('takes whatever comes: the node lives, keeps its memory, fills no log, and the network goes on', () =>
    withNetwork('abuse', { nodeCount: 2, helloSeconds: HELLO_SECONDS }, async ({ lab, network, nodes }) => {
      const [, victim, attacker] = nodes
      if (!victim || !attacker) throw new Error('the network has too few nodes')
      const { machine } = attacker
      // Its own, one in its subnet, and one that is somebody else's.
      const from = [attacker.address, attacker.address.replace(/1$/, 'bad'), spoofed(nodes)]
      for (const address of from.slice(1))
        await machine.run('ip', 'addr', 'add', `${address}/128`, 'dev', 'lo')
      const order: HostileOrder = {
        to: firstAddress(victim.network, victim.prefix),
        from,
        certificateFile: attacker.certificateFile,
        perSecond: 4_000,
        rounds: [
          { kind: 'hello0', count: 1_000 },
          { kind: 'random', count: 5_000 },
          { kind: 'damaged', count: 5_000 },
          { kind: 'hello0', count: 5_000 },
          { kind: 'large', count: 50 },
        ],
      }
      const sender = machine.start([process.execPath, '--import', 'tsx', SENDER, JSON.stringify(order)], {
        directory: process.cwd(),
      })
      await sender.line(/^hello0 1000 /, DEADLINE_MS)
      const pid = victim.daemon?.pid ?? 0
      const memoryBefore = memoryMb(pid, 'Anonymous')
      const cpuBefore = cpuSeconds([pid])
      const linesBefore = linesOf(victim).length
      await sender.line(/^large /, DEADLINE_MS)
      expect(await sender.ended).toEqual({ kind: 'exited', status: 0 })
      // 15,000 datagrams: a tenth of a millisecond for each, on a machine that has more to do.
      expect(cpuSeconds([pid]) - cpuBefore).toBeLessThan(1.5)
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      expect(victim.daemon?.end).toBeUndefined()
      expect(memoryMb(pid, 'Anonymous') - memoryBefore).toBeLessThan(40)
      expect(linesOf(victim).length - linesBefore).toBeLessThan(50)
      // It still talks: with the node of the registry, which asks it on the registry's behalf.
      await lab.waitFor(
        async () => JSON.parse(await network.callRegistry('versions'))[victim.prefix] !== null,
        { what: 'the victim to answer', deadlineMs: DEADLINE_MS },
      )
    }))
})

/** An address in the subnet of the registry's node that nobody has. */
const spoofed = (nodes: TestNetwork['nodes']): string => nodes[0].address.replace(/1$/, 'f00d')
