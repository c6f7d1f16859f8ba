import path from 'node:path'
import { expect, test } from 'vitest'
import { type Lab, withLab } from '../../../lab/lab.ts'
import type { Machine } from '../../../lab/machine.ts'
import { commandOf, pidsOf } from '../../../lab/process-cost.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { NARROW_PATH } from '../../support/narrow-path.ts'
import { DEADLINE_MS, statusOf } from '../../support/networks.ts'

const PROTOCOLS = ['tcp', 'udp', 'tcp6', 'udp6'] as const
type Protocol = (typeof PROTOCOLS)[number]

/** What every IPv6 link takes, and what our taps take over TCP. */
const [SMALL, FULL] = [1280, 1500]
/** IPv6 and ICMPv6 headers of a ping. */
const HEADERS = 48
/** What pings are filled with, from some octets on. */
const FILLING = 'a5'

/** A ping of this size that nobody may fragment. */
async function ping(
  from: Re6stNode,
  to: Re6stNode,
  size: number,
): Promise<{ arrived: boolean; said: string }> {
  const options = ['-6', '-c1', '-W2', '-p', FILLING, '-M', 'do', '-s', String(size - HEADERS)]
  const { stdout, stderr } = await from.machine.capture('ping', ...options, to.address)
  return { arrived: stdout.includes(' 1 received'), said: stdout + stderr }
}

const arrives = (lab: Lab, from: Re6stNode, to: Re6stNode, size: number): Promise<unknown> =>
  lab.waitFor(async () => (await ping(from, to, size)).arrived, {
    what: `${size} bytes from ${from.name} to ${to.name}`,
    deadlineMs: DEADLINE_MS,
  })

/** How programs of a machine were started. */
const commandLines = async (machine: Machine, pattern: RegExp): Promise<readonly string[]> =>
  (await pidsOf(machine, pattern)).map(commandOf)

/** Rules of the Internet that count, for each of these machines, the packets in which it can read what a ping is filled with. */
const readablePings = (machines: readonly Machine[]): string => `
  table inet readable {
    ${machines.map(({ name }) => `counter from_${name} { }`).join('\n    ')}
    chain forward {
      type filter hook forward priority filter
      ${machines
        .flatMap(({ name, addresses: { ipv4 = '', ipv6 = '' } }) =>
          [`ip saddr ${ipv4}`, `ip6 saddr ${ipv6}`].map(
            (from) => `${from} @th,4000,64 0x${FILLING.repeat(8)} counter name from_${name}`,
          ),
        )
        .join('\n      ')}
    }
  }`

/** Whether somebody on the way can read what a node sends to another; undefined: nothing arrives. */
async function isReadable(lab: Lab, from: Re6stNode, to: Re6stNode): Promise<boolean | undefined> {
  const count = async () => {
    const counter = ['list', 'counter', 'inet', 'readable', `from_${from.name}`]
    return Number(/packets (\d+)/.exec((await lab.internet.router.run('nft', ...counter)).stdout)?.[1])
  }
  const before = await count()
  return (await ping(from, to, SMALL)).arrived ? (await count()) > before : undefined
}

test('every protocol, encrypted or not, carries packets of every size, or says that they are too large', () =>
  withLab({ name: 'underlays' }, async (lab) => {
    const registryOn = await lab.host('server')
    const network = await Re6stNetwork.create(lab, { registryOn })
    await lab.internet.router.run('nft', NARROW_PATH)
    const everywhere = PROTOCOLS.flatMap((protocol) => ['--pp', '1194', protocol])
    const dh = path.join(registryOn.directory, 'dh.pem')
    await registryOn.run('openssl', 'dhparam', '-dsaparam', '-out', dh, '2048')
    const { ipv4 = '', ipv6 = '' } = registryOn.addresses
    const extra = ['--ip', ipv4, '--ip', ipv6, '--dh', dh, '-O--sndbuf', '-O200000', '-B-d', '-B1']
    const server = await network.join(registryOn, {
      nodeOptions: [...everywhere, ...extra, '--disable-proto', 'none', '--client-count', '0'],
    })
    const join = async (protocol: Protocol): Promise<[Protocol, Re6stNode]> => {
      const remote = `${protocol.endsWith('6') ? ipv6 : ipv4},1194,${protocol}`
      const nodeOptions = ['--client', remote, '--disable-proto', 'none']
      return [protocol, await network.join(await lab.host(protocol), { nodeOptions })]
    }
    const clients = new Map(await Promise.all(PROTOCOLS.map(join)))
    const client = (protocol: Protocol) => clients.get(protocol) ?? server
    await lab.internet.router.run('nft', readablePings([...clients.values()].map(({ machine }) => machine)))

    const everyAddress = PROTOCOLS.map(
      (protocol) => `${protocol.endsWith('6') ? ipv6 : ipv4},1194,${protocol}`,
    ).sort()
    await lab.waitFor(
      async () => {
        expect([...(await statusOf(server)).advertised].sort()).toEqual(everyAddress)
        return true
      },
      { what: 'all addresses to be advertised', deadlineMs: DEADLINE_MS },
    )
    expect(await commandLines(registryOn, /^openvpn .*--mode server/)).toEqual(
      PROTOCOLS.map(() => expect.stringMatching(new RegExp(`--dh ${dh} .*--sndbuf 200000`))),
    )
    expect(await commandLines(registryOn, /^babeld /)).toEqual([expect.stringMatching(/ -d 1 ?$/)])

    const restart: Record<string, (() => Promise<void>) | undefined> = {
      'switched on': () => network.startRegistry('--encrypt'),
      'switched off': () => {
        network.dropRegistryOption('--encrypt')
        return network.startRegistry()
      },
    }
    for (const [when, isEncrypted] of [
      ['at first', false],
      ['switched on', true],
      ['switched off', false],
    ] as const) {
      if (restart[when]) await network.stopRegistry()
      await restart[when]?.()
      await lab.waitFor(
        async () => {
          const replies = await Promise.all([server, ...clients.values()].map(statusOf))
          return replies.every(({ configuration }) => configuration.encrypt === isEncrypted)
        },
        { what: 'all nodes to hear of it', deadlineMs: 2 * DEADLINE_MS },
      )
      // One that was begun when its server had heard of it, and its node had not, stays encrypted, which harms nobody.
      for (const node of clients.values())
        if (!isEncrypted && (await isReadable(lab, node, server)) === false)
          for (const pid of await pidsOf(node.machine, /^openvpn .*--client /)) process.kill(pid, 'SIGTERM')
      for (const node of clients.values())
        await lab.waitFor(async () => (await isReadable(lab, node, server)) === !isEncrypted, {
          what: `the tunnel of ${node.name} to be ${isEncrypted ? '' : 'not '}encrypted`,
          deadlineMs: 2 * DEADLINE_MS,
        })
      await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
      await Promise.all(
        PROTOCOLS.map(async (protocol) => {
          const node = client(protocol)
          const full = protocol.startsWith('udp') ? SMALL : FULL
          for (const size of new Set([SMALL, full])) {
            await arrives(lab, node, server, size)
            await arrives(lab, server, node, size)
          }
        }),
      )
      // What does not fit is refused by who would have to send it on, for whoever began it.
      for (const [from, to] of [
        [client('udp'), server],
        [server, client('udp6')],
        [client('tcp'), client('udp')],
        [client('udp6'), client('tcp6')],
      ] as const) {
        const what = `${FULL} bytes from ${from.name} to ${to.name}`
        const fate = async () => {
          const { arrived, said } = await ping(from, to, FULL)
          if (arrived) return 'arrived'
          if (!/(too big|too long)[:,] ?mtu[=:] ?1280/i.test(said)) throw new Error(said)
          return 'refused'
        }
        const answer = { what: `an answer to ${what}`, deadlineMs: DEADLINE_MS }
        expect(await lab.waitFor(fate, answer), what).toBe('refused')
      }
    }
    const { stdout } = await lab.internet.router.run('nft', 'list', 'counter', 'inet', 'narrow', 'large')
    expect(stdout, 'nothing was too large for the path').toMatch(/packets 0 /)
  }))
