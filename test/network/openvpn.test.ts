import { mkdtempSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { insideNamespace } from '../../lab/namespace.ts'
import { waitFor } from '../../lab/wait-for.ts'
import { prefixOfBits } from '../../src/core/values/prefix.ts'
import type { Admission, TunnelPeer } from '../../src/node/transport/transport.ts'
import { systemProcesses } from '../../src/platform/processes.ts'
import { copyWithAttributes } from '../support/certificates.ts'
import {
  addressOfA,
  connect,
  createBench,
  linkLocal,
  listen,
  type OpenvpnBench,
  remoteA,
  type Side,
  tunnelPings,
} from '../support/openvpn.ts'

const REGISTRY_NODE = prefixOfBits('0000000000000000')
const NODE_A = prefixOfBits('0000000000000001')

let bench: OpenvpnBench
beforeAll(async () => {
  bench = await createBench()
})
afterEach(() => bench.clear())
afterAll(() => bench.remove())

const pings = (iface: string, to: string, ...options: string[]) => tunnelPings(bench, iface, to, ...options)

describe('a tunnel', () => {
  for (const protocol of ['tcp', 'udp', 'tcp6', 'udp6'] as const) {
    it(`over ${protocol} is up at once, carries packets, and tells both ends who the other is`, async () => {
      const { server, events: atServer } = await listen(bench.transport('a', 'registry-node'), { protocol })
      const { tunnel, events } = connect(bench.transport('b', 'node-a'), [remoteA(protocol)], {
        prefix: REGISTRY_NODE,
      })
      const up = await events.next('up')
      const served = await atServer.next('client-up')
      expect(up).toMatchObject({
        peer: { prefix: REGISTRY_NODE, serial: 1n },
        remote: { address: addressOfA(protocol), port: 1194, protocol },
        externalAddress: protocol.endsWith('6') ? '2001:db8:ff::2' : '192.0.2.2',
      })
      expect(served).toMatchObject({
        peer: { prefix: NODE_A, serial: 2n },
        underlay: { address: up.externalAddress },
      })
      expect(events.all[0]).toEqual({
        kind: 'trying',
        remote: { address: addressOfA(protocol), port: 1194 },
      })
      // No duplicate address detection, no waiting: the first packet passes, of every size.
      const serverAddress = await linkLocal(bench, 'a', 're6stnet-tcp')
      expect(await pings('re6stnet1', serverAddress)).toBe(1)
      const mtu = protocol.startsWith('udp') ? 1280 : 1500
      expect(await pings('re6stnet1', serverAddress, '-M', 'do', '-s', String(mtu - 48))).toBe(1)
      // Traffic is counted on both sides.
      await waitFor(
        async () => {
          await pings('re6stnet1', serverAddress)
          const atServerSide = server.traffic.get(served.client)
          return tunnel.traffic.receivedBytes > 1_000 && (atServerSide?.receivedBytes ?? 0) > 1_000
        },
        { what: 'traffic counters', deadlineMs: 60_000 },
      )
      const stopMs = performance.now()
      await tunnel.stop()
      expect(events.all.at(-1)).toEqual({ kind: 'down', reason: 'stopped' })
      const down = await atServer.next('client-down')
      // OpenVPN itself keeps a client over UDP for 5 s after its goodbye.
      expect(performance.now() - stopMs).toBeLessThan(3_000)
      expect(down).toMatchObject({ client: served.client, peer: { prefix: NODE_A } })
      expect(down.reason).toMatch(/closed by the peer|connection reset by the peer/)
      expect(server.traffic.size).toBe(0)
    })
  }

  it('over UDP sends no fragments, and lets senders find out what fits', async () => {
    await listen(bench.transport('a', 'registry-node'), { protocol: 'udp' })
    const { events } = connect(bench.transport('b', 'node-a'), [remoteA('udp')])
    await events.next('up')
    const address = await linkLocal(bench, 'a', 're6stnet-tcp')
    expect(await pings('re6stnet1', address, '-M', 'do', '-s', '1232')).toBe(1)
    expect(await pings('re6stnet1', address, '-M', 'do', '-s', '1233')).toBe(0)
    // Larger ones are fragmented inside, by IPv6: what the underlay carries are whole datagrams.
    expect(await pings('re6stnet1', address, '-M', 'dont', '-s', '1400')).toBe(1)
    expect(await fragmentsMade('a')).toBe(0)
    expect(await fragmentsMade('b')).toBe(0)
  })

  it('whose peer cannot be heard any more says so long before it ends, and not while the peer is there', async () => {
    const settings = { encrypt: false, helloIntervalMs: 5_000, dhFile: undefined }
    const [a, b] = [bench.transport('a', 'registry-node'), bench.transport('b', 'node-a')]
    for (const { transport } of [a, b]) transport.configure(settings)
    await listen(a)
    const { tunnel, events } = connect(b, [remoteA('tcp')])
    await events.next('up')
    const before = tunnel.traffic.receivedBytes
    // Two pings of OpenVPN, with nothing else to hear.
    await waitFor(() => tunnel.traffic.receivedBytes > before + 100, {
      what: 'pings of OpenVPN',
      deadlineMs: 30_000,
    })
    expect(events.all.map(({ kind }) => kind)).not.toContain('silent')
    await bench.run('a', 'ip', 'link', 'set', 'up0', 'down')
    try {
      await events.next('silent', { deadlineMs: 20_000 })
      expect(events.all.map(({ kind }) => kind)).not.toContain('down')
    } finally {
      await bench.run('a', 'ip', 'link', 'set', 'up0', 'up')
    }
  })
})

/** IPv4 packets that a namespace had to fragment. */
async function fragmentsMade(side: Side): Promise<number> {
  const [names = '', values = ''] = (await bench.run(side, 'cat', '/proc/net/snmp'))
    .split('\n')
    .filter((line) => line.startsWith('Ip:'))
  return Number(values.split(' ')[names.split(' ').indexOf('FragCreates')])
}

it('a tunnel over UDP whose server was killed is silent as soon as something is sent, for its machine says so', async () => {
  await listen(bench.transport('a', 'registry-node'), { protocol: 'udp' })
  const { events } = connect(bench.transport('b', 'node-a'), [remoteA('udp')])
  await events.next('up')
  const serverAddress = await linkLocal(bench, 'a', 're6stnet-tcp')
  const [pid = 0] = await bench.pids('a')
  process.kill(pid, 'SIGKILL')
  const killedMs = performance.now()
  await waitFor(
    async () => {
      await pings('re6stnet1', serverAddress)
      return events.all.some(({ kind }) => kind === 'silent')
    },
    { what: 'the word of the kernel', deadlineMs: 10_000 },
  )
  // At a hello interval of 15 s, nobody would miss anything before.
  expect(performance.now() - killedMs).toBeLessThan(5_000)
})

describe('a client tunnel that fails says why', () => {
  it('when nobody listens, after three attempts', async () => {
    const { events } = connect(bench.transport('b', 'node-a'), [remoteA('tcp')])
    expect(await events.next('down')).toEqual({ kind: 'down', reason: 'connection refused' })
    expect(events.all.filter(({ kind }) => kind === 'trying')).toHaveLength(3)
  })

  it('when nobody answers', async () => {
    const b = bench.transport('b', 'node-a', { extraArguments: ['--connect-timeout', '1'] })
    const { events } = connect(b, [remoteA('udp', 1194, '192.0.2.77')])
    const { reason } = await events.next('down', { deadlineMs: 60_000 })
    expect(reason).toMatch(/^(no answer|no route to host)$/)
  })

  it('for each remote, when the reasons differ', async () => {
    await listen(bench.transport('a', 'registry-node'))
    const remotes = [remoteA('tcp', 1), remoteA('udp', 1, 'name.invalid'), remoteA('tcp')]
    const { events } = connect(bench.transport('b', 'node-a'), remotes, { prefix: NODE_A })
    const { reason } = await events.next('down', { deadlineMs: 60_000 })
    expect(reason.split('; ').sort()).toEqual([
      '192.0.2.1,1,tcp: connection refused',
      '192.0.2.1,1194,tcp: the node at this address is 0/16, not 1/16',
      'the name name.invalid cannot be resolved',
    ])
  })

  it('when it is refused', async () => {
    const admit = (): Admission => ({ admit: false, reason: 'all "places" are\ntaken' })
    const { events: atServer } = await listen(bench.transport('a', 'registry-node'), { admit })
    const { events } = connect(bench.transport('b', 'node-a'), [remoteA('tcp')])
    expect(await events.next('down')).toEqual({
      kind: 'down',
      reason: 'refused by the peer: all "places" are taken',
    })
    expect(atServer.all.map(({ kind }) => kind)).toEqual(['listening'])
  })

  it('when its certificate is of another network', async () => {
    await listen(bench.transport('a', 'registry-node'))
    const { events } = connect(bench.transport('b', 'foreign'), [remoteA('tcp')])
    const { reason } = await events.next('down', { deadlineMs: 60_000 })
    expect(reason).toBe('connection reset by the peer (does it accept our certificate?)')
  })

  it('when there is no host that could be one', async () => {
    const { events } = connect(bench.transport('b', 'node-a'), [remoteA('tcp', 1194, '--config')])
    expect(await events.next('down')).toEqual({ kind: 'down', reason: 'no usable address' })
  })

  it('and tries its remotes in turns until one answers', async () => {
    await listen(bench.transport('a', 'registry-node'))
    const remotes = [remoteA('tcp', 1), remoteA('tcp', 2), remoteA('tcp')]
    const { events } = connect(bench.transport('b', 'node-a'), remotes)
    expect((await events.next('up')).remote).toEqual({ address: '192.0.2.1', port: 1194, protocol: 'tcp' })
    expect(events.all.map((event) => (event.kind === 'trying' ? event.remote.port : event.kind))).toEqual([
      1,
      2,
      1194,
      'up',
    ])
  })
})

describe('a node that is killed', () => {
  it('leaves no process, interface or socket behind', async () => {
    const directory = mkdtempSync(join(bench.directory, 'run-'))
    const script = fileURLToPath(new URL('../support/openvpn-node.ts', import.meta.url))
    const { ca, cert, key } = bench.files('node-a')
    const args = [script, directory, ca, cert, key, '192.0.2.1']
    await listen(bench.transport('a', 'registry-node'))
    const lines: string[] = []
    const node = systemProcesses.start(
      ...insideNamespace(bench.namespaceOf('b'), [process.execPath, '--import', 'tsx', ...args]),
      { onLine: (line) => lines.push(line) },
    )
    await waitFor(() => lines.includes('listening') && lines.includes('up'), {
      what: `the node to be up: ${lines.join(' ')}`,
      deadlineMs: 60_000,
    })
    expect((await bench.pids('b')).length).toBeGreaterThanOrEqual(3)
    node.signal('SIGKILL')
    await node.ended
    await waitFor(async () => (await bench.pids('b')).length === 0, {
      what: 'its openvpn processes to end',
      deadlineMs: 60_000,
    })
    expect(readdirSync(directory)).toEqual([])
  })
})

describe('a server', () => {
  it('says that its port is in use', async () => {
    const a = bench.transport('a', 'registry-node')
    await listen(a)
    const error = await listen(a, { iface: 're6stnet-2' }).catch((reason: unknown) => reason)
    expect(error).toMatchObject({
      code: 'SYSTEM',
      message: 'port 1194 (tcp) is in use: stop what uses it, or choose another port with --pp',
    })
  })

  it('shares a port with one of the other family', async () => {
    const a = bench.transport('a', 'registry-node')
    await Promise.all([listen(a), listen(a, { iface: 're6stnet-tcp6', protocol: 'tcp6' })])
  })

  it('that is killed is restarted, and its clients are reported as gone', async () => {
    const { events } = await listen(bench.transport('a', 'registry-node'))
    const b = bench.transport('b', 'node-a')
    const first = connect(b, [remoteA('tcp')])
    const { client } = await events.next('client-up')
    const [pid = 0] = await bench.pids('a')
    process.kill(pid, 'SIGKILL')
    await first.events.next('ending')
    expect(await events.next('client-down')).toMatchObject({ client })
    expect((await events.next('failed')).reason).toBe('openvpn ended with signal SIGKILL')
    expect((await first.events.next('down')).reason).toBe('connection reset by the peer')
    await events.next('listening', { skip: events.all.length })
    connect(b, [remoteA('tcp')])
    const again = await events.next('client-up', { skip: events.all.length })
    expect(again.client).not.toBe(client)
  })

  for (const protocol of ['tcp', 'udp'] as const) {
    it(`that is stopped tells its clients over ${protocol}`, async () => {
      const { server, events: atServer } = await listen(bench.transport('a', 'registry-node'), { protocol })
      const { events } = connect(bench.transport('b', 'node-a'), [remoteA(protocol)])
      await events.next('up')
      await atServer.next('client-up')
      await server.stop()
      expect((await events.next('down')).reason).toMatch(/closed by the peer|connection reset by the peer/)
      expect(atServer.all.at(-1)).toMatchObject({ kind: 'client-down', reason: 'the server was stopped' })
    })

    it(`ends a client over ${protocol} when told to`, async () => {
      const { server, events: atServer } = await listen(bench.transport('a', 'registry-node'), { protocol })
      const { events } = connect(bench.transport('b', 'node-a'), [remoteA(protocol)])
      await events.next('up')
      server.dropClient((await atServer.next('client-up')).client, 'revoked')
      expect((await atServer.next('client-down')).reason).toBe('revoked')
      expect((await events.next('down')).reason).toMatch(/closed by the peer|connection reset by the peer/)
    })
  }

  it('asks again when keys are renegotiated, and ends a client that is revoked meanwhile', async () => {
    let revoked = false
    const asked: TunnelPeer[] = []
    const admit = (peer: TunnelPeer): Admission => {
      asked.push(peer)
      return revoked ? { admit: false, reason: 'the certificate is revoked' } : { admit: true }
    }
    const a = bench.transport('a', 'registry-node', { extraArguments: ['--reneg-sec', '8'] })
    const { events: atServer } = await listen(a, { admit })
    const { events } = connect(bench.transport('b', 'node-a'), [remoteA('tcp')])
    await events.next('up')
    await waitFor(() => asked.length >= 2, { what: 'a renegotiation', deadlineMs: 60_000 })
    expect(asked[1]).toEqual({ prefix: NODE_A, serial: 2n })
    const address = await linkLocal(bench, 'a', 're6stnet-tcp')
    await waitFor(() => pings('re6stnet1', address), { what: 'a ping with the new keys', deadlineMs: 60_000 })
    revoked = true
    expect((await events.next('down', { deadlineMs: 60_000 })).reason).toBe(
      'refused by the peer: the certificate is revoked',
    )
    expect((await atServer.next('client-down', { deadlineMs: 60_000 })).reason).toBe(
      'the certificate is revoked',
    )
  })

  it('goes on with all its clients, whatever one of them has in its certificate', async () => {
    const files = { ...bench.files('node-b'), cert: join(bench.directory, 'many-attributes.crt') }
    const original = readFileSync(bench.files('node-b').cert, 'utf8')
    writeFileSync(files.cert, await copyWithAttributes(original, 1_500))
    const { events } = await listen(bench.transport('a', 'registry-node'))
    const honest = connect(bench.transport('b', 'node-a'), [remoteA('tcp')])
    await honest.events.next('up', { deadlineMs: 60_000 })
    const hostile = bench.transport('b', 'node-b', { files })
    const { events: atHostile } = connect(hostile, [remoteA('tcp')], { iface: 're6stnet2' })
    await atHostile.next('up', { deadlineMs: 60_000 })
    expect(events.all.map(({ kind }) => kind)).toEqual(['listening', 'client-up', 'client-up'])
    expect(honest.events.all.map(({ kind }) => kind)).not.toContain('down')
  })

  it('that is not wanted any more while it starts leaves nothing', async () => {
    const { transport } = bench.transport('a', 'registry-node')
    const abort = new AbortController()
    const spec = {
      iface: 're6stnet-tcp',
      protocol: 'tcp',
      port: 1194,
      admit: (): Admission => ({ admit: true }),
      onEvent() {},
    } as const
    const listening = transport.listen(spec, abort.signal)
    abort.abort(new Error('changed my mind'))
    await expect(listening).rejects.toThrow('changed my mind')
  })

  it('writes a log of its own if asked to', async () => {
    const a = bench.transport('a', 'registry-node', { ovpnlog: true })
    await listen(a)
    const log = join(a.runDirectory, 're6stnet-tcp.log')
    await waitFor(() => statSync(log).size > 0, { what: 'the log', deadlineMs: 60_000 })
  })
})
