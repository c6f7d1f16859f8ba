import { join } from 'node:path'
import { describe, test } from 'vitest'
import { missingPairs, pingAllPairs } from '../../../lab/pings.ts'
import { openCache } from '../../../src/node/cache/cache.ts'
import { DEADLINE_MS, statusOf, tunnelsOf, withNetwork } from '../../support/networks.ts'
import { silentLog } from '../../support/silent-log.ts'

const HELLO_S = 4
/** It waits for six tunnels, for some of them four hello intervals; a machine that is busy takes as long again. */
const SLOW_MS = 180_000
/** Packets of the routing protocol are dropped on the tunnels of this machine, and nothing else. */
const DROP_BABEL = ['-p', 'udp', '--dport', '6696', '-j', 'DROP'] as const

describe('a tunnel counts while routing has a usable neighbour behind it', () => {
  test(
    'the only peers that a node knows have closed UDP port 6696: it gets in by whom the registry proposes',
    () =>
      withNetwork(
        'useless',
        { nodeCount: 3, registryOptions: ['--hello', String(HELLO_S)] },
        async ({ lab, network, nodes }) => {
          const [own, one, other, late] = nodes
          if (!one || !other || !late) throw new Error('the network has too few nodes')
          // It is to know these two only, and they are not to know a better way themselves.
          await late.stop()
          const cache = openCache(join(late.stateDirectory, 'cache.db'), silentLog)
          for (const peer of cache.peers()) if (![one.prefix, other.prefix].includes(peer)) cache.forget(peer)
          for (const { prefix, machine } of [one, other])
            cache.store(prefix, [
              { host: machine.addresses.ipv4 ?? '', port: 1194, protocol: 'tcp', country: undefined },
            ])
          cache[Symbol.dispose]()
          for (const { machine } of [one, other]) await machine.run('ip6tables', '-A', 'INPUT', ...DROP_BABEL)
          late.start()
          await lab.waitFor(async () => missingPairs(await pingAllPairs([own, late], 500)).length === 0, {
            what: 'the node to get in',
            deadlineMs: 2 * DEADLINE_MS,
          })
          await lab.waitFor(async () => (await statusOf(late)).connected, {
            what: 'the node to say that it is connected',
            deadlineMs: DEADLINE_MS,
          })
          for (const { machine } of [one, other]) await machine.run('ip6tables', '-D', 'INPUT', ...DROP_BABEL)
          await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
          await lab.waitFor(async () => (await tunnelsOf(late)).every(({ cost }) => cost !== null), {
            what: 'routing to use all tunnels',
            deadlineMs: DEADLINE_MS,
          })
        },
      ),
    2 * SLOW_MS,
  )

  test('with --client: a tunnel that is lost, and made again to the same server, carries packets again', () =>
    withNetwork(
      'redial',
      { nodeCount: 0, registryOptions: ['--encrypt'] },
      async ({ lab, network, nodes }) => {
        const [own] = nodes
        const client = await network.join(await lab.host('client'), {
          nodeOptions: ['--client', `${own.machine.addresses.ipv4},1194,tcp`],
        })
        await network.allPairsPing({ deadlineMs: DEADLINE_MS })
        const [before] = await tunnelsOf(client)
        // The pattern is not to be found in the command line of who looks for it.
        await client.machine.run(
          'sh',
          '-c',
          `for pid in $(ip netns pids ${client.machine.namespace}); do
           if tr '\\0' ' ' < /proc/$pid/cmdline | grep -q '^openvpn '; then kill -KILL $pid; fi
         done`,
        )
        await lab.waitFor(
          async () => {
            const [after] = await tunnelsOf(client)
            return after !== undefined && after.since !== before?.since
          },
          { what: 'the tunnel to be made again', deadlineMs: DEADLINE_MS },
        )
        await network.allPairsPing({ deadlineMs: DEADLINE_MS })
      },
    ))
})
