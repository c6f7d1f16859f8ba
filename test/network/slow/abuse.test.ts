import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { expiredCopy, forgedCopy, makeAuthority } from '../../../lab/authority.ts'
import { cpuSeconds, memoryMb } from '../../../lab/process-cost.ts'
import { NODE_PORT } from '../../../src/core/session/message-codes.ts'
import { firstAddress } from '../../../src/core/values/prefix.ts'
import type { HostileOrder } from '../../support/hostile-sender.ts'
import { DEADLINE_MS, hearsNews, type TestNetwork, versionOf, withNetwork } from '../../support/networks.ts'

const SENDER = fileURLToPath(new URL('../../support/hostile-sender.ts', import.meta.url))
const HELLO_SECONDS = 1
/** Where the sender hears what the victim says to port 326 of one of its addresses: its machine's node holds that one. */
const CONVERSATION_PORT = 3_260

describe('UDP port 326 of a node', () => {
  test('takes 100,000 datagrams of whatever kind: the node lives, answers, keeps its memory, fills no log, and the network goes on', () =>
    withNetwork('abuse', { nodeCount: 3, helloSeconds: HELLO_SECONDS }, async ({ lab, network, nodes }) => {
      const [own, victim, attacker, revoked] = nodes
      if (!victim || !attacker || !revoked) throw new Error('the network has too few nodes')
      const { machine } = attacker
      const version = await versionOf(victim)
      await network.callRegistry('revoke', { cn_or_serial: revoked.subnetName })
      await hearsNews(lab, victim, version)
      await revoked.stop()
      // Its own, one in its subnet, and one that is somebody else's.
      const second = attacker.address.replace(/1$/, 'bad')
      const from = [attacker.address, second, spoofed(nodes)]
      for (const address of [...from.slice(1), revoked.address])
        await machine.run('ip', 'addr', 'add', `${address}/128`, 'dev', 'lo')
      await machine.run('nft', toPort(second, CONVERSATION_PORT))

      const directory = path.join(machine.directory, 'forged')
      mkdirSync(directory)
      const stranger = await makeAuthority(directory, network.network)
      const certificate = readFileSync(attacker.certificateFile, 'utf8')
      const [expiredFile, forgedFile] = [path.join(directory, 'expired'), path.join(directory, 'forged')]
      writeFileSync(expiredFile, await expiredCopy(network.authority, certificate))
      writeFileSync(forgedFile, await forgedCopy(stranger, certificate))
      const bad = [
        { certificateFile: revoked.certificateFile, from: revoked.address },
        { certificateFile: expiredFile, from: attacker.address },
        { certificateFile: forgedFile, from: attacker.address },
        { certificateFile: own.certificateFile, from: attacker.address },
      ]
      const order: HostileOrder = {
        to: firstAddress(victim.network, victim.prefix),
        from,
        certificateFile: attacker.certificateFile,
        conversation: {
          at: { address: second, port: CONVERSATION_PORT },
          caFile: network.authority.caFile,
          keyFile: path.join(attacker.configurationDirectory, 'cert.key'),
          victimCertificateFile: victim.certificateFile,
        },
        perSecond: 4_000,
        rounds: [
          ...bad.map((each) => ({ kind: 'certificate', count: 2, ...each }) as const),
          { kind: 'hello0', count: 1_000 },
          { kind: 'random', count: 20_000 },
          { kind: 'replay', count: 25_000 },
          { kind: 'damaged', count: 30_000 },
          { kind: 'hello0', count: 24_000 },
          { kind: 'large', count: 50 },
        ],
      }
      const linesBefore = victim.logLines().length
      const complaintsBefore = victim.complaints().length
      const sender = machine.start([process.execPath, '--import', 'tsx', SENDER, JSON.stringify(order)], {
        directory: process.cwd(),
      })
      await sender.line(/^conversed: hello hello0 hello0-fingerprint message$/, DEADLINE_MS)
      await sender.line(/^hello0 1000 /, DEADLINE_MS)
      const pid = victim.daemon?.pid ?? 0
      const memoryBefore = memoryMb(pid, 'Anonymous')
      const cpuBefore = cpuSeconds([pid])
      await sender.line(/^random /, DEADLINE_MS)
      // It talks with an honest node meanwhile: that of the registry, which asks it on the registry's behalf.
      await lab.waitFor(
        async () => typeof JSON.parse(await network.callRegistry('versions'))[victim.prefix] === 'string',
        { what: 'the victim to answer', deadlineMs: DEADLINE_MS, intervalMs: 20 },
      )
      // What the sender has not said yet, it still does.
      expect(sender.lastLines().filter((line) => line.startsWith('hello0'))).toHaveLength(1)
      await sender.line(/^large /, 2 * DEADLINE_MS)
      expect(await sender.ended).toEqual({ kind: 'exited', status: 0 })
      // A tenth of a millisecond for each, on a machine that has more to do.
      expect(cpuSeconds([pid]) - cpuBefore).toBeLessThan(10)
      await network.allPairsPing({ nodes: [own, victim, attacker], deadlineMs: DEADLINE_MS })
      expect(victim.daemon?.end).toBeUndefined()
      expect(memoryMb(pid, 'Anonymous') - memoryBefore).toBeLessThan(40)
      // Which datagrams are ignored, and why: test/unit/core/session/abuse.test.ts.
      await lab.waitFor(() => victim.complaints().length > complaintsBefore, {
        what: 'the victim to tell its operator',
        deadlineMs: 2 * DEADLINE_MS,
      })
      expect(victim.complaints().slice(complaintsBefore)).toHaveLength(1)
      expect(victim.logLines().slice(linesBefore).length).toBeLessThan(50)
    }))
})

/** An address in the subnet of the registry's node that nobody has. */
const spoofed = (nodes: TestNetwork['nodes']): string => nodes[0].address.replace(/1$/, 'f00d')

/** Nodes answer to port 326, wherever a question came from. */
const toPort = (address: string, port: number): string => `table ip6 conversation {
  chain arrives {
    type filter hook prerouting priority raw
    ip6 daddr ${address} udp dport ${NODE_PORT} udp dport set ${port}
  }
}`
