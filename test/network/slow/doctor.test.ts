import { chmodSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, test } from 'vitest'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import { consult, finds, pathWith, withRules } from '../../support/doctor.ts'
import { type TestNetworkOptions, withNetwork } from '../../support/networks.ts'

const TIMEOUT_MS = 1_200_000
const INPUT = 'type filter hook input priority 0'
const FORWARD = 'type filter hook forward priority -5'

const ILL_NETWORK: TestNetworkOptions = {
  nodeCount: 1,
  nodeOptions: ['--multicast'],
  registryOptions: ['--ipv4', '10.42.0.0/16', '8'],
}

/** A profile of NetworkManager that takes IPv6 from eth0. */
const PROFILE = '[connection]\nid=cable\ntype=ethernet\ninterface-name=eth0\n\n[ipv6]\nmethod=disabled\n'

describe('the doctor', () => {
  test('names what is wrong with the machine, the files and the registry', { timeout: TIMEOUT_MS }, () =>
    withNetwork('ill-machine', { nodeCount: 1 }, async ({ lab, network, nodes }) => {
      const [, node] = nodes
      if (!node) throw new Error('the network has no second node')
      const { machine } = node
      const foreignOn = await lab.host('foreign')
      const foreign = await Re6stNetwork.create(lab, { registryOn: foreignOn, network: '2001:db8:43::/48' })
      const stranger = await foreign.enrol(foreignOn)
      const keyFile = path.join(node.configurationDirectory, 'cert.key')
      const healthy = await finds(lab, node, [])
      expect(healthy).toMatchObject({ status: 0, notExamined: [] })

      // What only a mount, a search path or a clock of its own can have, goes with the call.
      chmodSync(keyFile, 0o644)
      const programs = pathWith(machine.directory, {
        ip: '/usr/sbin/ip',
        ping: '/usr/bin/ping',
        setpriv: '/usr/bin/setpriv',
        babeld: 'echo babeld-1.9.2 >&2',
      })
      await finds(
        lab,
        node,
        [
          'program-missing',
          'openvpn-missing',
          'babeld-too-old',
          'no-tun-device',
          'no-space',
          'directory-not-usable',
          'key-exposed',
          'network-manager',
          'clock-wrong',
        ],
        {
          options: ['--interface', 'eth0', '--multicast', '--router', 'babeld'],
          before: [
            'mount -t tmpfs none /dev/net',
            `mount -t tmpfs -o size=8k none ${node.stateDirectory}`,
            `head -c 8192 /dev/zero >${node.stateDirectory}/full`,
            `mount --bind ${node.logDirectory} ${node.logDirectory}`,
            `mount -o remount,bind,ro ${node.logDirectory}`,
            'mount -t tmpfs none /etc',
            'mkdir -p /etc/NetworkManager/system-connections',
            'umask 077',
            `printf '${PROFILE.replaceAll('\n', '\\n')}' >/etc/NetworkManager/system-connections/cable.nmconnection`,
            `PATH=${programs}`,
          ],
          under: ['/usr/bin/faketime', '-f', '+2d'],
        },
      )
      chmodSync(keyFile, 0o600)

      await finds(
        lab,
        node,
        [
          'openvpn-too-old',
          'babeld-missing',
          'program-missing',
          'certificate-foreign',
          'key-mismatch',
          'registry-foreign',
          'other-default-route',
        ],
        {
          options: [
            ...['--cert', stranger.certificateFile, '--registry', foreign.registryUrl],
            ...['--default', '--router', 'babeld'],
          ],
          before: [
            `PATH=${pathWith(machine.directory, {
              ip: '/usr/sbin/ip',
              ping: '/usr/bin/ping',
              openvpn: 'echo OpenVPN 2.4.7 x86_64-pc-linux-gnu; exit 1',
            })}`,
          ],
        },
      )
      await finds(lab, node, ['file-not-usable', 'registry-wrong'], {
        options: ['--registry', `${network.registryUrl}no/registry/`, '--ca', `${machine.directory}/none`],
      })
      await finds(lab, node, [])

      if (node.daemon?.pid === undefined) throw new Error('the node does not run')
      process.kill(node.daemon.pid, 'SIGSTOP')
      await finds(lab, node, ['node-silent'])
      process.kill(node.daemon.pid, 'SIGCONT')

      await node.stop()
      await network.expireCertificate(node)
      await finds(lab, node, ['node-not-running', 'certificate-expired', 'no-source-specific-routes'], {
        before: [
          `PATH=${pathWith(machine.directory, {
            ip: `case "$*" in *from*) echo Invalid argument >&2; exit 2;; esac\nexec /usr/sbin/ip "$@"`,
            openvpn: '/usr/sbin/openvpn',
            babeld: '/usr/sbin/babeld',
            setpriv: '/usr/bin/setpriv',
          })}`,
        ],
      })
      // It renews its certificate.
      node.start()
      await finds(lab, node, [])

      await network.callRegistry('revoke', { cn_or_serial: node.subnetName })
      await finds(lab, node, ['certificate-revoked'])
      await node.stop()
      const thief = machine.start([
        process.execPath,
        '-e',
        "require('node:net').createServer().listen(1194, '0.0.0.0')",
      ])
      const revoked = await finds(lab, node, ['node-not-running', 'certificate-revoked', 'port-taken'])
      expect(revoked.status).toBe(1)
      expect(revoked.findings.map(({ what }) => what).join('\n')).toMatch(
        /^TCP port 1194, .*\(--pp 1194 tcp\), is taken by \w+ \(process \d+\)/m,
      )
      await thief.stop()
      // A machine whose clock was reset, and no registry to tell.
      await network.stopRegistry()
      await finds(lab, node, ['node-not-running', 'registry-unreachable', 'clock-wrong'], {
        under: ['/usr/bin/faketime', '-f', '-5000d'],
      })
    }),
  )

  test('names what is filtered, lost and not forwarded', { timeout: TIMEOUT_MS }, () =>
    withNetwork('ill-network', ILL_NETWORK, async ({ lab, network, nodes }) => {
      const [, node] = nodes
      if (!node) throw new Error('the network has no second node')
      const { machine } = node
      const home = await lab.nat('home')
      const inside = await network.join(await lab.host('inside', { on: home.lan }), {
        nodeOptions: ['--disable-proto', 'none'],
      })
      await finds(lab, node, [])

      // Others tell it so; nobody has forwarded a port.
      await finds(lab, inside, ['nat-without-forwarding'])
      const ports = 'meta l4proto { tcp, udp } th dport 1194'
      const forward = `${ports} dnat ip to ${inside.machine.addresses.ipv4}`
      await home.machine.run('nft', `insert rule inet gateway inwards ${ports} accept`)
      {
        await using _ = await withRules(
          home.machine,
          `chain a { type nat hook prerouting priority -100; ${forward}; }`,
        )
        await finds(lab, inside, [])
      }

      {
        await using _ = await withRules(machine, `chain a { ${INPUT}; udp dport 326 drop; }`)
        const sysctl = (name: string, value: string) =>
          machine.run('sh', '-c', `echo ${value} >/proc/sys/net/${name}`)
        const smcrouted = (signal: string) =>
          machine.run('sh', '-c', `kill -${signal} $(cat ${node.runDirectory}/smcroute.pid)`)
        for (const family of ['ipv4', 'ipv6']) await sysctl(`${family}/conf/all/forwarding`, '0')
        await sysctl('ipv4/conf/all/rp_filter', '1')
        await sysctl('ipv6/conf/default/disable_ipv6', '1')
        await smcrouted('STOP')
        const { findings } = await finds(lab, node, [
          'node-port-filtered',
          'forwarding-off',
          'ipv6-disabled',
          'ipv4-path-filter',
          'multicast-stopped',
        ])
        expect(findings.find(({ code }) => code === 'forwarding-off')?.what).toContain(
          'net.ipv6.conf.all.forwarding is 0, net.ipv4.conf.all.forwarding is 0',
        )
        await smcrouted('CONT')
        await sysctl('ipv6/conf/default/disable_ipv6', '0')
        await sysctl('ipv4/conf/all/rp_filter', '0')
        for (const family of ['ipv4', 'ipv6']) await sysctl(`${family}/conf/all/forwarding`, '1')
      }
      {
        await using _ = await withRules(
          machine,
          `chain a { ${INPUT}; icmpv6 type echo-reply drop; tcp dport 1194 ct state new drop; }`,
        )
        await finds(lab, node, ['icmpv6-filtered', 'port-unreachable'])
      }
      {
        await using _ = await withRules(machine, `chain a { ${INPUT}; udp dport 6696 drop; }`)
        await finds(lab, node, ['babel-filtered'], { perhaps: ['cut-off'] })
      }
      await finds(lab, node, [])

      {
        // What a path does that loses large packets and says nothing.
        await using _ = await withRules(
          lab.internet.router,
          `chain a { ${FORWARD}; meta length > 1400 drop; }`,
        )
        await lab.waitFor(async () => (await consult(node)).codes.includes('mtu-trouble'), {
          what: 'the doctor to find mtu-trouble',
          deadlineMs: 60_000,
        })
      }
      {
        await network.stopRegistry()
        await using _ = await withRules(
          machine,
          `chain a { ${INPUT}; tcp dport 1194 drop; tcp sport 1194 drop; }`,
        )
        await finds(lab, node, ['cut-off', 'registry-unreachable', 'port-unreachable'])
        await network.startRegistry()
      }
      await finds(lab, node, [])
    }),
  )
})
