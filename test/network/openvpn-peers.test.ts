import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import { prefixOfBits } from '../../src/core/values/prefix.ts'
import {
  connect,
  createBench,
  linkLocal,
  listen,
  type NodeName,
  type OpenvpnBench,
  remoteA,
  type Side,
  tunnelPings,
} from '../support/openvpn.ts'

const REGISTRY_NODE = prefixOfBits('0000000000000000')

let bench: OpenvpnBench
beforeAll(async () => {
  bench = await createBench()
})
afterEach(() => bench.clear())
afterAll(() => bench.remove())

/** What a Python node gives its OpenVPN, as far as it matters on the wire. */
function pythonArguments(
  name: NodeName,
  protocol: 'tcp' | 'udp',
  encrypt: boolean,
  server: boolean,
): string[] {
  const { ca, cert, key } = bench.files(name)
  return [
    ...['--dev-type', 'tap', '--verb', '3', '--ca', ca, '--cert', cert, '--key', key],
    ...['--ping', '15', '--ping-exit', '60', '--persist-tun'],
    ...(encrypt ? [] : ['--cipher', 'none']),
    ...(protocol === 'udp' ? ['--link-mtu', server ? '1525' : '1432', '--mtu-disc', 'yes'] : []),
  ]
}

describe('with a peer that is not ours', () => {
  for (const protocol of ['tcp', 'udp'] as const) {
    for (const [ours, theirs] of [
      [true, true],
      [true, false],
      [false, true],
      [false, false],
    ] as const) {
      const encryption = `${protocol}, ours ${ours ? '' : 'not '}encrypted, theirs ${theirs ? '' : 'not '}encrypted`

      it(`our server serves it (${encryption})`, async () => {
        const a = bench.transport('a', 'registry-node')
        a.transport.configure({ encrypt: ours, helloIntervalMs: 15_000, dhFile: undefined })
        const { events } = await listen(a, { protocol })
        const peer = bench.openvpnClient('b', [
          ...pythonArguments('node-a', protocol, theirs, false),
          ...['--dev', 'peer', '--tls-client', '--pull', '--nobind', '--verify-x509-name', '0/16', 'name'],
          ...['--remote', '192.0.2.1', '1194', protocol === 'tcp' ? 'tcp4-client' : 'udp4'],
          ...['--resolv-retry', '0', '--connect-retry-max', '3', '--remap-usr1', 'SIGTERM', '--tls-exit'],
        ])
        await events.next('client-up')
        const told = await waitFor(peer.environment, { what: 'the peer to be connected', deadlineMs: 60_000 })
        expect(told.get('OPENVPN_external_ip')).toBe('192.0.2.2')
        await raisePeer('b')
        await expectPackets('peer', await linkLocal(bench, 'a', 're6stnet-tcp'), protocol)
      })

      it(`our client is served by it (${encryption})`, async () => {
        await bench.openvpnServer('a', { dev: 'peer', protocol, port: 1194 }, [
          ...pythonArguments('registry-node', protocol, theirs, true),
          ...['--mode', 'server', '--tls-server', '--dh', 'none', '--max-clients', '10'],
          ...['--push', 'setenv-safe external_ip 198.51.100.9'],
        ])
        await raisePeer('a')
        const b = bench.transport('b', 'node-a')
        b.transport.configure({ encrypt: ours, helloIntervalMs: 15_000, dhFile: undefined })
        const { events } = connect(b, [remoteA(protocol)], { prefix: REGISTRY_NODE })
        expect(await events.next('up')).toMatchObject({ externalAddress: '198.51.100.9' })
        await expectPackets('re6stnet1', await linkLocal(bench, 'a', 'peer'), protocol)
      })
    }
  }

  async function raisePeer(side: Side) {
    await bench.run(side, 'sysctl', '-qw', 'net.ipv6.conf.peer.accept_dad=0')
    await bench.run(side, 'ip', 'link', 'set', 'peer', 'up')
  }

  async function expectPackets(iface: string, address: string, protocol: 'tcp' | 'udp') {
    await waitFor(() => tunnelPings(bench, iface, address), { what: 'a ping', deadlineMs: 60_000 })
    // As large as our interface takes, in both directions.
    const size = protocol === 'udp' ? 1280 - 48 : 1500 - 48
    await waitFor(() => tunnelPings(bench, iface, address, '-s', String(size)), {
      what: 'a large ping',
      deadlineMs: 60_000,
    })
  }
})

describe('a hostile server', () => {
  /** What a server can say that would change a machine, a tunnel or a process; and what it may say. */
  const PUSHED = [
    ...['redirect-gateway def1 ipv6', 'route-gateway 10.9.9.1', 'ifconfig 10.9.9.2 255.255.255.0'],
    ...['topology subnet', 'route 198.18.0.0 255.254.0.0', 'route-metric 1', 'tun-ipv6'],
    ...['ifconfig-ipv6 fd99::2/64 fd99::1', 'route-ipv6 2000::/3', 'route-ipv6-gateway fd99::1'],
    ...['tun-mtu 1000', 'inactive 1', 'ping 1', 'ping-exit 2', 'session-timeout 1', 'sndbuf 2048'],
    ...['setenv-safe IFS x', 'dhcp-option DNS 10.9.9.1', 'register-dns', 'reneg-sec 5', 'auth-token x'],
    ...['comp-lzo yes', 'persist-tun', 'socket-flags TCP_NODELAY', 'echo x', 'explicit-exit-notify 30'],
    'setenv-safe external_ip 198.51.100.9',
  ]
  const startHostile = (dev: string, protocol: 'tcp' | 'udp', port: number) =>
    bench.openvpnServer('a', { dev, protocol, port }, [
      ...pythonArguments('registry-node', protocol, true, true).filter((each) => each !== '--persist-tun'),
      ...['--mode', 'server', '--tls-server', '--dh', 'none', '--max-clients', '10'],
      ...PUSHED.flatMap((option) => ['--push', option]),
    ])
  for (const protocol of ['tcp', 'udp'] as const) {
    it(`changes no address, no route, no MTU and no time of its client (${protocol})`, async () => {
      await startHostile('peer', protocol, 1194)
      const machine = async () => ({
        routes: await bench.run('b', 'sh', '-c', 'ip -o route show table all; ip -o -6 route show table all'),
        addresses: await bench.run('b', 'ip', '-br', '-4', 'addr'),
        rules: await bench.run('b', 'sh', '-c', 'ip rule; ip -6 rule'),
      })
      const before = await machine()
      const { events } = connect(bench.transport('b', 'node-a'), [remoteA(protocol)])
      expect(await events.next('up', { deadlineMs: 60_000 })).toMatchObject({
        externalAddress: '198.51.100.9',
      })
      const after = await machine()
      // Its link-local address and what the kernel makes of that is all that is new.
      const isNew = (line: string) =>
        !before.routes.includes(line) && !/ (?:fe80:|ff00::\/8)/.test(` ${line}`)
      expect(after.routes.split('\n').filter(isNew)).toEqual([])
      expect(after.addresses.replace(/^re6stnet1.*\n/m, '')).toBe(before.addresses)
      expect(after.rules).toBe(before.rules)
      const tap = await bench.run('b', 'ip', 'addr', 'show', 're6stnet1')
      expect(tap).toContain(protocol === 'udp' ? 'mtu 1280' : 'mtu 1500')
      expect(tap.match(/inet6? \S+/g)).toEqual([expect.stringMatching(/^inet6 fe80:/)])
      // One that takes what is pushed ends by these time limits; ours has been up for longer when it does.
      await startHostile('clock', 'tcp', 1195)
      const obedient = bench.openvpnClient('b', [
        ...pythonArguments('node-b', 'tcp', true, false),
        ...['--dev', 'obedient', '--tls-client', '--pull', '--nobind', '--route-nopull', '--ifconfig-noexec'],
        ...['--remote', '192.0.2.1', '1195', 'tcp4-client'],
        ...['--remap-usr1', 'SIGTERM', '--allow-compression', 'asym', '--hand-window', '5'],
      ])
      await obedient.ended
      expect(obedient.environment()).toBeDefined()
      expect(events.all.map(({ kind }) => kind)).not.toContain('down')
    })
  }

  it('cannot make itself a router by what it sends through the tunnel', async () => {
    await listen(bench.transport('a', 'registry-node'))
    await bench.run('b', 'sysctl', '-qw', 'net.ipv6.conf.default.accept_ra=2')
    const { events } = connect(bench.transport('b', 'node-a'), [remoteA('tcp')])
    await events.next('up')
    for (const setting of [
      ...['ipv6/conf/re6stnet1/accept_ra', 'ipv6/conf/re6stnet1/accept_redirects'],
      ...['ipv6/conf/re6stnet1/accept_source_route', 'ipv4/conf/re6stnet1/accept_redirects'],
      ...['ipv4/conf/re6stnet1/accept_source_route', 'ipv4/conf/re6stnet1/rp_filter'],
    ])
      expect((await bench.run('b', 'sysctl', '-n', `net/${setting}`)).trim(), setting).toBe('0')
  })
})
