import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { withLab } from '../../../lab/lab.ts'
import type { Machine } from '../../../lab/machine.ts'
import { Miniupnpd } from '../../../lab/miniupnpd.ts'
import { insideNamespace } from '../../../lab/namespace.ts'
import { pingFrom } from '../../../lab/pings.ts'
import { programOf } from '../../../lab/programs.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import type { StatusReply } from '../../../src/core/control/replies.ts'
import { judge } from '../../../src/core/firewall/judgement.ts'
import { nftablesRule } from '../../../src/core/firewall/nftables-script.ts'
import { permissionsOf } from '../../../src/core/firewall/permissions.ts'
import { readFirewallCommandLine } from '../../../src/core/options/firewall-options.ts'
import { loadedRules } from '../../../src/ctl/firewall/loaded-rules.ts'
import { findSurroundings } from '../../../src/ctl/firewall/surroundings.ts'
import { readOptionFile } from '../../../src/platform/main.ts'
import { type Processes, systemProcesses } from '../../../src/platform/processes.ts'
import { DEADLINE_MS, pings, routeTo } from '../../support/networks.ts'
import { StreamReceiver, sendStream } from '../../support/streams.ts'
import { loadStrict, strictScript } from '../../support/strict-firewall.ts'

/** Many processes are started, one after the other. */
const BUSY_MACHINE_MS = 400_000

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

/** A change of the loaded rules, and what takes it back; shell commands. */
interface Change {
  readonly change: string
  readonly undo: string
}

/**
 * Which permissions are missing after each of these changes, by their rules: `--check` as a part of this process, and
 * all changes in one shell, for there are many.
 */
async function missingAfter(machine: Machine, words: readonly string[], changes: readonly Change[]) {
  const listings = {
    nft: 'nft -j list ruleset',
    'iptables-save': 'iptables-save',
    'ip6tables-save': 'ip6tables-save',
  }
  const fileOf = (at: number, command: string) => path.join(machine.directory, `${at}.${command}`)
  const script = changes.flatMap(({ change, undo }, at) => [
    change,
    ...Object.entries(listings).map(([name, command]) => `${command} >${fileOf(at, name)}`),
    undo,
  ])
  await machine.run('sh', '-euc', script.join('\n'))
  const read = readFirewallCommandLine(words, readOptionFile)
  if (!read.ok || read.value.kind !== 'run') throw new Error('not a command line to run')
  const inside: Processes = {
    ...systemProcesses,
    run: (command, args) => systemProcesses.run(...insideNamespace(machine.namespace, [command, ...args])),
  }
  const permissions = permissionsOf((await findSurroundings(read.value.options, inside)).surroundings)
  const missing: string[][] = []
  for (const at of changes.keys()) {
    const recorded: Processes = {
      ...systemProcesses,
      run: async (command) => ({ stdout: readFileSync(fileOf(at, command), 'utf8'), stderr: '' }),
    }
    const { ruleset } = await loadedRules(recorded)
    const bad = judge(permissions, ruleset).filter(({ state }) => state !== 'present')
    missing.push(bad.map(({ permission, state }) => `${state}: ${nftablesRule(permission)}`))
  }
  return missing
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
            // The rules from before the enrolment are not enough any more, and it says so.
            const before = await check(machine, ...words)
            expect(before.status).toBe(1)
            expect(before.missing.join('\n')).toContain('ip6 saddr 2001:db8:42::/48 udp dport 326 accept')
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
          expect(await check(machine, ...words)).toEqual({ status: 0, missing: [], unknown: [] })
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
    () =>
      withLab({ name: 'rules' }, async (lab) => {
        const registryOn = await lab.host('registry')
        const network = await Re6stNetwork.create(lab, { registryOn })
        const machine = await lab.host('node')
        const node = await network.enrol(machine)
        const options = [
          ...node.commandLine([]).slice(programOf('re6stnet').length),
          ...['-i', 'eth0', '-I', 'eth1', '--gateway', '--registry', 'http://registry.example/'],
          ...[
            '--pp',
            '1194',
            'tcp',
            '--pp',
            '1194',
            'tcp6',
            '--disable-proto',
            'udp',
            '--disable-proto',
            'udp6',
          ],
        ]
        const words = options
        const script = await fortify(machine, ...words)
        expect(await check(machine, ...words)).toEqual({ status: 0, missing: [], unknown: [] })
        const unfollowed = await firewall(machine, '--check', ...words, '-O--port', '-O443')
        expect(unfollowed.end).toEqual({ kind: 'exited', status: 3 })
        expect(unfollowed.stdout).toMatch(/^NOT FOLLOWED: -O--port -O443\. /m)
        const lines = script.split('\n')
        const rules = lines.filter((line) => line.includes(' accept comment "re6stnet: '))
        expect(rules.length).toBeGreaterThan(20)
        const without = rules.map((rule, at) => {
          const file = path.join(machine.directory, `without-${at}.nft`)
          writeFileSync(file, strictScript(lines.filter((line) => line !== rule).join('\n')))
          return { change: `nft -f ${file}`, undo: '' }
        })
        expect(await missingAfter(machine, words, without)).toEqual(
          rules.map((rule) => [`missing: ${rule.trim()}`]),
        )
        const lacking = await firewall(machine, '--check', ...words)
        expect(lacking.end).toEqual({ kind: 'exited', status: 1 })
        expect(lacking.stdout).toMatch(/^MISSING {2}output: ping and errors to nodes of the network: /m)
        expect(lacking.stdout).toMatch(/: dropped by policy of inet filter output$/m)
        expect(lacking.stdout).toContain(`rule: output: ${rules.at(-1)?.trim()}`)

        await loadStrict(machine, script)
        await machine.run('nft', 'insert rule inet filter input limit rate 5/second drop')
        const limited = await firewall(machine, '--check', ...words)
        expect(limited.end).toEqual({ kind: 'exited', status: 3 })
        expect(limited.stdout).toMatch(/CANNOT TELL.*\n.*depends on rule \d+ of inet filter input \(limit\)/)

        // The same with iptables, of whose rules nftables understands but a part.
        await machine.run('nft', 'flush ruleset')
        const open = await firewall(machine, '--check', ...words)
        expect(open.end).toEqual({ kind: 'exited', status: 0 })
        expect(open.stdout).toMatch(/^No firewall is loaded: everything passes\.$/m)
        const commands = (await firewall(machine, '--iptables', ...words)).stdout
        await loadStrict(machine, commands, 'iptables')
        expect(await check(machine, ...words)).toEqual({ status: 0, missing: [], unknown: [] })
        const added = commands.split('\n').filter((line) => / -A (INPUT|FORWARD|OUTPUT) /.test(line))
        const removed = added.map((command) => ({ change: command.replace(' -A ', ' -D '), undo: command }))
        for (const [at, missing] of (await missingAfter(machine, words, removed)).entries())
          expect(missing, added[at]).toEqual([expect.stringMatching(/^missing: /)])
        expect((await check(machine, ...words)).status).toBe(0)
      }),
    BUSY_MACHINE_MS,
  )
})
