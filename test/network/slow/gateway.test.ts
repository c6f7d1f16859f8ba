import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { differences, footprintOf } from '../../../lab/footprint.ts'
import { type Lab, withLab } from '../../../lab/lab.ts'
import type { Machine } from '../../../lab/machine.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { type Re6stNode, TEST_ROUTER } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, pings, routeTo, statusOf } from '../../support/networks.ts'

const NATIVE = ['default', 'via', 'fe80::1', 'dev', 'eth0'] as const

/** Gives the machines on a LAN addresses in the node's subnet, as an administrator would with `--daemon`. */
const advertiseSubnet = (machine: Machine, more = ''): string => {
  const file = path.join(machine.directory, 'radvd.conf')
  const configuration = `interface %s { AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; prefix %s { }; ${more} };`
  return `printf '${configuration}' "$re6stnet_iface" "$re6stnet_subnet" >${file}; exec radvd -n -m stderr -C ${file} -p ${file}.pid`
}

/** An address of a machine's eth0 in this network, once it has one. */
const addressIn = (lab: Lab, machine: Machine, node: Re6stNode): Promise<string> => {
  const subnet = node.subnetCidr.replace(/::\/64$/, ':')
  return lab.waitFor(
    async () => {
      const [eth0] = await machine.ip('-6', 'addr', 'show', 'dev', 'eth0')
      const addresses = (eth0?.['addr_info'] ?? []) as { local: string; tentative?: boolean }[]
      return addresses.find(({ local, tentative }) => !tentative && local.startsWith(subnet))?.local
    },
    { what: `${machine.name} to have an address in ${node.subnetCidr}`, deadlineMs: DEADLINE_MS },
  )
}

/** A directory with an `ip` that knows no source-specific routes, as where the kernel has none. */
function ipOfOldKernel(machine: Machine): string {
  const directory = path.join(machine.directory, 'bin')
  mkdirSync(directory)
  const file = path.join(directory, 'ip')
  writeFileSync(
    file,
    `#!/bin/sh
case "$*" in
  *"route add"*" from "*) echo 'RTNETLINK answers: Invalid argument' >&2; exit 2;;
esac
PATH=\${PATH#*:}
case "$*" in
  *-batch*) sed -u 's/.*route add .* from .*/refused/' | ip "$@";;
  *) exec ip "$@";;
esac
`,
  )
  chmodSync(file, 0o755)
  return directory
}

// Nodes are started one after the other: long where other tests run beside.
describe('a gateway to the Internet', { timeout: 900_000 }, () => {
  test('serves nodes, machines behind a node, --default; old kernels have it if they have no other, with our own router', () =>
    withLab({ name: 'gateway' }, async (lab) => {
      const registryOn = await lab.host('registry', { families: ['ipv4'] })
      const gatewayMachine = await lab.host('gateway')
      const web = await lab.host('web', { families: ['ipv6'] })
      const webAddress = web.addresses.ipv6 ?? ''
      const home = await lab.nat('home')
      const laptop = await lab.host('laptop', { on: home.lan })
      const network = await Re6stNetwork.create(lab, { registryOn })
      await routeTo(lab, network, gatewayMachine)

      await network.join(registryOn)
      const gateway = await network.join(gatewayMachine, { nodeOptions: ['--gateway'] })
      const router = await network.join(home.machine, {
        nodeOptions: ['--main-interface', 'lan', '--daemon', advertiseSubnet(home.machine)],
      })
      const plain = await lab.host('plain', { families: ['ipv4'] })
      const through = await network.enrol(plain)
      const beforeStart = await footprintOf(plain)
      through.start('--default')
      const old = await network.enrol(await lab.host('old', { families: ['ipv4'] }))
      for (const directory of [old.logDirectory, old.runDirectory, old.stateDirectory])
        mkdirSync(directory, { recursive: true })
      old.machine.start(
        ['env', `PATH=${ipOfOldKernel(old.machine)}:${process.env['PATH']}`, ...old.commandLine([])],
        { name: 're6stnet' },
      )
      await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })

      // From node addresses to the Internet, and back.
      for (const node of [router, through]) {
        await pings(lab, node.machine, webAddress, node.address)
        await pings(lab, web, node.address)
      }
      // With --default also what has not chosen its source.
      await pings(lab, plain, webAddress)
      expect((await statusOf(through)).sourceSpecificRoutes).toBe(true)

      // A machine that knows nothing of re6st.
      const address = await addressIn(lab, laptop, router)
      await pings(lab, laptop, gateway.address)
      await pings(lab, through.machine, address)
      await pings(lab, laptop, webAddress)
      await pings(lab, web, address)

      expect((await statusOf(old)).sourceSpecificRoutes).toBe(false)
      if (TEST_ROUTER === 're6st') {
        // For all that it sends, as it has no other way.
        await pings(lab, old.machine, webAddress)
        await pings(lab, web, old.address)
      } else expect(await old.machine.ip('-6', 'route', 'show', 'default')).toEqual([])

      // A native connection appears: the node does not take it over, and does not share it.
      await plain.run('ip', '-6', 'route', 'add', ...NATIVE)
      expect(await through.daemon?.ended).toEqual({ kind: 'exited', status: 1 })
      expect(through.daemon?.lastLines(1)).toEqual([
        're6stnet: --default: there is another default route (default via fe80::1 dev eth0): remove it, or start without --default',
      ])
      const refused = through.start()
      expect(await refused.ended).toEqual({ kind: 'exited', status: 1 })
      expect(refused.lastLines().at(-1)).toMatch(/^re6stnet: --default: there is another default route/)
      await plain.run('ip', '-6', 'route', 'del', ...NATIVE)
      expect(
        differences(beforeStart, await footprintOf(plain)).filter((line) => !line.startsWith('files:')),
      ).toEqual([])
      through.start()
      await pings(lab, plain, webAddress)
    }))

  test('of one network is nothing to another network and to the native connection of the same machine', () =>
    withLab({ name: 'side-by-side' }, async (lab) => {
      const web = await lab.host('web')
      const webAddress = web.addresses.ipv6 ?? ''
      const home = await lab.nat('home', { families: ['ipv4', 'ipv6'] })
      const both = await lab.host('both', { on: home.lan })
      const native = both.addresses.ipv6 ?? ''

      const one = await Re6stNetwork.create(lab, { registryOn: await lab.host('registry1') })
      await routeTo(lab, one, one.registryMachine)
      const gateway = await one.join(one.registryMachine, { nodeOptions: ['--gateway'] })

      // Another network is on the LAN: a node of it is the router to it.
      const other = await Re6stNetwork.create(lab, {
        registryOn: await lab.host('registry2', { families: ['ipv4'] }),
        network: '2001:db8:43::/48',
      })
      const remote = await other.join(other.registryMachine)
      const routerMachine = await lab.host('router', { on: home.lan })
      const more = `AdvDefaultLifetime 0; route ${other.networkCidr} { };`
      const router = await other.join(routerMachine, {
        nodeOptions: ['--main-interface', 'eth0', '--daemon', advertiseSubnet(routerMachine, more)],
      })
      await other.allPairsPing({ deadlineMs: DEADLINE_MS })
      await both.run('sh', '-c', 'echo 64 >/proc/sys/net/ipv6/conf/eth0/accept_ra_rt_info_max_plen')
      const otherAddress = await addressIn(lab, both, router)
      await pings(lab, both, remote.address, otherAddress)

      const node = await one.join(both)
      await one.allPairsPing({ deadlineMs: DEADLINE_MS })
      const wayOf = async (to: string, from: string) => {
        const { stdout, stderr } = await both.capture('ip', '-6', 'route', 'get', to, 'from', from)
        return /No route to host|unreachable/.test(stdout + stderr) ? 'none' : /dev (\S+)/.exec(stdout)?.[1]
      }
      const tunnel = expect.stringMatching(/^re6stnet/)
      // Each by its own way, and all of them work.
      for (const [to, source, way] of [
        [webAddress, node.address, tunnel],
        [webAddress, native, 'eth0'],
        [gateway.address, node.address, tunnel],
        [remote.address, otherAddress, 'eth0'],
      ] as const) {
        await pings(lab, both, to, source)
        expect([to, source, await wayOf(to, source)]).toEqual([to, source, way])
      }
      await pings(lab, web, node.address)
      // What nobody has in the one network goes nowhere, whoever sends it.
      for (const source of [node.address, native, otherAddress])
        expect(await wayOf('2001:db8:42:dead::1', source)).toBe('none')
      // Without its gateway, the network's packets do not leave by the native connection, nor by the other network.
      await gateway.machine.run('ip', '-6', 'route', 'del', ...NATIVE)
      await lab.waitFor(async () => (await wayOf(webAddress, node.address)) === 'none', {
        what: 'the way out to be withdrawn',
        deadlineMs: DEADLINE_MS,
      })
      await pings(lab, both, webAddress, native)
      await pings(lab, both, remote.address, otherAddress)
      // The gateway's connection is back: so is the way out.
      await gateway.machine.run('ip', '-6', 'route', 'add', ...NATIVE)
      await pings(lab, both, webAddress, node.address)
    }))
})
