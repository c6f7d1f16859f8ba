import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import type { Machine } from '../../../lab/machine.ts'
import { Miniupnpd } from '../../../lab/miniupnpd.ts'
import { pingFrom } from '../../../lab/pings.ts'
import { programOf } from '../../../lab/programs.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import type { StatusReply } from '../../../src/core/control/replies.ts'
import { describeEnd } from '../../../src/platform/processes.ts'
import { checkFirewall, findsNothing } from '../../support/firewall-check.ts'
import { CALM, DEADLINE_MS, pings, routeTo, withNetwork } from '../../support/networks.ts'
import { StreamReceiver, sendStream } from '../../support/streams.ts'
import { loadStrict } from '../../support/strict-firewall.ts'

/** Many processes are started, one after the other. */
const BUSY_MACHINE_MS = 1_200_000

const firewall = (machine: Machine, ...args: string[]) =>
  machine.capture(...programOf('re6st'), 'firewall', ...args)

/** Loads a firewall that lets through what `re6st firewall` says, and nothing else. */
async function fortify(machine: Machine, ...args: string[]): Promise<string> {
  const { stdout, stderr, end } = await firewall(machine, ...args)
  if (end.kind !== 'exited' || end.status !== 0) throw new Error(stderr)
  await loadStrict(machine, stdout)
  return stdout
}

interface Check {
  readonly permissions: readonly {
    readonly nftables: string
    readonly state: string
    readonly purposes: readonly { readonly title: string }[]
  }[]
}

/** What `--check` says is missing, and its exit status. */
async function check(machine: Machine, ...args: string[]) {
  const { stdout, stderr, end } = await firewall(machine, '--check', '--json', ...args)
  if (stdout === '') throw new Error(stderr)
  const { permissions } = JSON.parse(stdout) as Check
  const those = (wanted: string) => permissions.filter(({ state }) => state === wanted)
  return {
    status: end.kind === 'exited' ? end.status : undefined,
    missing: those('missing').map(({ nftables }) => nftables),
    unknown: those('unknown').map(({ nftables }) => nftables),
  }
}

/** The words of a command line as the lines of an option file. */
const optionFile = (words: readonly string[]): string =>
  words
    .join(' ')
    .replaceAll(/(^| )--/g, '\n')
    .trim()

describe('a firewall that drops everything but what re6st firewall prints', () => {
  test(
    'lets a network live: enrolment, tunnels, a LAN, ports forwarded by the gateway, IPv4, the Internet, multicast',
    () =>
      withLab({ name: 'firewall' }, async (lab) => {
        const registryOn = await lab.host('registry')
        const web = await lab.host('web', { families: ['ipv6'] })
        const gateway = await lab.nat('home')
        const [far, one, other] = [
          await lab.host('far'),
          await lab.host('n1', { on: gateway.lan }),
          await lab.host('n2', { on: gateway.lan }),
        ]
        const daemon = await Miniupnpd.start(lab, gateway)
        // Between it and the LAN, packets must be forwarded by another node.
        await lab.cut(far, gateway.machine)

        // Nobody has a certificate yet. The registry's own options say on which port it listens.
        const registryFile = path.join(registryOn.directory, 're6st-registry.conf')
        writeFileSync(registryFile, 'ca ca.crt\nkey ca.key\nport 80\n')
        const unenrolled = (url: string) => ['--registry', url, '--ca', 'no', '--cert', 'no', '--key', 'no']
        const registryArguments = ['--registry-conf', registryFile]
        await fortify(registryOn, ...registryArguments, ...unenrolled(`http://${registryOn.addresses.ipv4}/`))
        const network = await Re6stNetwork.create(lab, {
          registryOn,
          registryOptions: ['--ipv4', '10.42.0.0/16', '8', '--tunnel-refresh', '10'],
        })
        await loadStrict(far, '')
        expect([...(await pingFrom(far, [registryOn.addresses.ipv4 ?? ''], 500)).values()]).toEqual([
          undefined,
        ])
        for (const machine of [far, one, other]) await fortify(machine, ...unenrolled(network.registryUrl))

        const nodes: Re6stNode[] = []
        const optionsOf = new Map<Machine, readonly string[]>()
        for (const machine of [registryOn, far, one, other]) {
          const onLan = machine === one || machine === other
          const nodeOptions = [
            '--multicast',
            ...(onLan ? ['--interface', 'eth0'] : []),
            ...(machine === registryOn ? ['--gateway'] : []),
          ]
          const node = await network.enrol(machine)
          const file = path.join(machine.directory, 'node.conf')
          writeFileSync(file, optionFile(node.commandLine(nodeOptions).slice(programOf('re6stnet').length)))
          const words = [`@${file}`, ...(machine === registryOn ? registryArguments : [])]
          optionsOf.set(machine, words)
          if (machine === far) {
            // Packets inside the network cannot be tried before the node runs, and it says so.
            const before = await check(machine, ...words)
            expect(before.status).not.toBe(0)
            expect(before.unknown.join('\n')).toContain('ip6 saddr 2001:db8:42::/48 udp dport 326 accept')
          }
          const rules = await fortify(machine, ...words)
          expect(rules).toMatch(/not known before the node has run/)
          node.start(...nodeOptions)
          nodes.push(node)
        }
        await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })

        // The LAN is used, and the gateway forwards ports: both of them would be noticed by nobody's ping.
        await lab.waitFor(
          async () => {
            const [route] = await one.ip('-6', 'route', 'get', nodes[3]?.address ?? '')
            return route?.['dev'] === 'eth0'
          },
          { what: 'packets to stay on the LAN', deadlineMs: DEADLINE_MS },
        )
        await lab.waitFor(
          async () => {
            const { stdout } = await one.run(
              ...programOf('re6st'),
              ...['status', '--json', '--run', nodes[2]?.runDirectory ?? ''],
            )
            const { advertised } = JSON.parse(stdout) as StatusReply
            return advertised.some((address) => address.startsWith(`${daemon.externalAddress},`))
          },
          { what: 'the gateway to forward a port', deadlineMs: DEADLINE_MS },
        )

        // Now the nodes know that the network carries IPv4, and so do the rules.
        for (const { machine } of nodes) {
          const words = optionsOf.get(machine) ?? []
          if (machine === far)
            expect((await check(machine, ...words)).missing.join('\n')).toMatch(/10\.42\.0\.0\/16/)
          expect(await fortify(machine, ...words)).toMatch(/10\.42\.0\.0\/16 for IPv4/)
          expect((await check(machine, ...words)).missing).toEqual([])
        }
        const everyone = ['10.42.0.1', '10.42.1.1', '10.42.2.1', '10.42.3.1']
        await lab.waitFor(
          async () => {
            const rounds = await Promise.all(nodes.map(({ machine }) => pingFrom(machine, everyone, 1_000)))
            return rounds.every((round) => [...round.values()].every((time) => time !== undefined))
          },
          { what: 'all pairs to ping over IPv4', deadlineMs: DEADLINE_MS },
        )

        // Programs on a node need more: these are the administrator's own rules.
        const allow = (machine: Machine, rule: string) => machine.run('nft', `add rule inet filter ${rule}`)
        const [, farNode, oneNode, otherNode] = nodes
        if (!farNode || !oneNode || !otherNode) throw new Error('the network has too few nodes')
        await routeTo(lab, network, registryOn)
        for (const chain of ['input', 'output']) await allow(far, `${chain} icmpv6 type echo-request accept`)
        await pings(lab, far, web.addresses.ipv6 ?? '', farNode.address)
        await pings(lab, web, farNode.address)

        for (const { machine } of [farNode, otherNode])
          await allow(machine, 'output oifname "re6stnet-mc" udp dport 5000 accept')
        await allow(one, 'input iifname "re6stnet-mc" udp dport 5000 accept')
        const senders = [farNode, otherNode]
        const streams = senders.map((sender) => sendStream(sender, 'ff3e::4321'))
        const receivers = senders.map((sender) => new StreamReceiver(oneNode, 'ff3e::4321', sender))
        await lab.waitFor(() => receivers.every(({ count }) => count > 20), {
          what: 'streams through tunnels and over the LAN',
          deadlineMs: DEADLINE_MS,
        })
        for (const each of [...streams, ...receivers]) await each.stop()
      }),
    BUSY_MACHINE_MS,
  )

  test(
    'without any one of these rules, --check names it; with iptables, too',
    {
      timeout: 2 * BUSY_MACHINE_MS,
    },
    () =>
      withNetwork('rules', { ...CALM, nodeCount: 2 }, async ({ lab, network, nodes }) => {
        const [, node] = nodes
        if (!node) throw new Error('the network has no second node')
        const { machine } = node
        const words = node.commandLine().slice(programOf('re6stnet').length)
        // Tunnels come and go without a rule that they need: one that is not there to the end of a check tells nothing.
        const names = (after: string, isRight: (missing: readonly string[], untried: number) => boolean) =>
          lab.waitFor(
            async () => {
              const found = await checkFirewall(node)
              const missing = found.missing.map(({ rule }) => rule)
              if (isRight(missing, found.untried.length)) return true
              throw new Error(
                `it names ${missing.join('; ') || 'none'}, ${found.untried.length} were not tried`,
              )
            },
            { what: `the check to name what is missing: ${after}`, deadlineMs: 2 * DEADLINE_MS },
          )
        const script = await fortify(machine, ...words)
        await findsNothing(lab, node)
        await lab.waitFor(
          async () => {
            const { stdout, end } = await firewall(machine, '--check', ...words, '-O--port', '-O443')
            expect(stdout).toMatch(/^NOT FOLLOWED: -O--port -O443\. /m)
            if (end.kind === 'exited' && end.status === 3) return true
            throw new Error(`it ends with ${describeEnd(end)} and says ${stdout}`)
          },
          {
            what: 'a check with arguments that it does not follow not to be certain',
            deadlineMs: DEADLINE_MS,
          },
        )
        const lines = script.split('\n')
        const rules = lines.filter((line) => line.includes(' accept comment "re6stnet: '))
        expect(rules.length).toBeGreaterThan(12)
        for (const rule of rules) {
          await loadStrict(machine, lines.filter((line) => line !== rule).join('\n'))
          const match = rule.trim().replace(/ accept comment .*/, '')
          // All that this node answers is TCP, which goes out anyway.
          const isNeedless =
            match.startsWith('ct state') && lines.indexOf(rule) > lines.indexOf('\tchain output {')
          await names(rule, (missing) => missing.join() === (isNeedless ? '' : match))
          await loadStrict(machine, script)
          await network.allPairsPing({ deadlineMs: DEADLINE_MS })
        }

        // The same with iptables, of whose rules nftables understands but a part.
        const commands = (await firewall(machine, '--iptables', ...words)).stdout
        await loadStrict(machine, commands, 'iptables')
        await names('none', (missing, untried) => missing.length + untried === 0)
        const added = commands
          .split('\n')
          .filter((line) => / -A (INPUT|FORWARD) .*(--dport (1194|326)|-o re6stnet)/.test(line))
        expect(added).toHaveLength(3)
        for (const command of added) {
          await machine.run('sh', '-c', command.replace(' -A ', ' -D '))
          await names(command, (missing) => missing.length === 1)
          await machine.run('sh', '-c', command)
        }
      }),
  )
})
