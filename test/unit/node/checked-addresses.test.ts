import { expect, it } from 'vitest'
import { parseAddressList } from '../../../src/core/values/address-list.ts'
import { prefixOfBits } from '../../../src/core/values/prefix.ts'
import { checkingAddresses } from '../../../src/node/checked-addresses.ts'
import type { ClientEvent, Transport } from '../../../src/node/transport/transport.ts'
import { steppedClock } from '../../support/stepped-clock.ts'
import { recordingTransport } from '../../support/tunnels.ts'

const NAMES: Readonly<Record<string, readonly string[]>> = {
  'peer.example.com': ['203.0.113.7', '127.0.0.1'],
  'evil.example.com': ['169.254.169.254'],
  'registry.example.com': ['192.168.7.1'],
}

/** A tunnel to what a peer says of itself, and what is dialled. */
function dialled(
  list: string,
  { isUsers = false, own = () => ['192.168.1.2'], registryHost = '203.0.113.2' } = {},
) {
  const recording = recordingTransport()
  const transport: Transport = { ...recording, configure() {}, async stop() {} }
  const clock = steppedClock()
  const events: ClientEvent[] = []
  const tunnel = checkingAddresses(transport, {
    clock,
    isInside: (address) => address.startsWith('2001:db8:42:'),
    own,
    registryHost,
    resolve: (name) =>
      name === 'slow.example.com' ? new Promise(() => {}) : Promise.resolve(NAMES[name] ?? []),
  }).connect({
    iface: 're6stnet1',
    prefix: isUsers ? undefined : prefixOfBits('0001'),
    remotes: parseAddressList(list).addresses,
    onEvent: (event) => events.push(event),
  })
  const hosts = () => recording.specs.flatMap(({ remotes }) => remotes.map(({ host }) => host))
  return { clock, events, hosts, tunnel, recording }
}

it("only where it may lead are a peer's addresses dialled, names as they are resolved here", async () => {
  const { clock, hosts } = dialled(
    [
      ...['127.0.0.1,22,tcp', '10.0.0.1,80,tcp', '192.168.1.1,1194,tcp', '192.168.1.2,22,tcp'],
      ...[
        'peer.example.com,1194,tcp',
        'evil.example.com,80,tcp',
        '2001:db8:42:1::1,1194,tcp6',
        '203.0.113.1,1194,udp',
      ],
    ].join(';'),
  )
  await clock.pass(0)
  expect(hosts()).toEqual(['192.168.1.1', '203.0.113.7', '203.0.113.1'])
})

it.each([
  ['192.168.7.1', ['192.168.1.1']],
  ['registry.example.com', ['192.168.1.1']],
  ['[fd00:7:7::1]', ['fd00:7:7::5']],
  ['203.0.113.2', []],
  ['slow.example.com', []],
  ['localhost', []],
])('a container dials into the private network of its registry, %s', async (registryHost, expected) => {
  const { clock, hosts } = dialled(
    '192.168.1.1,1194,tcp;10.0.0.1,80,tcp;fd00:7:7::5,1194,tcp6;203.0.113.1,1194,udp',
    { own: () => ['172.17.0.2'], registryHost },
  )
  await clock.pass(6_000)
  expect(hosts()).toEqual([...expected, '203.0.113.1'])
})

it('a peer none of whose addresses may be dialled has failed, without a process', async () => {
  const { clock, events, hosts } = dialled('127.0.0.1,22,tcp;evil.example.com,80,tcp')
  await clock.pass(0)
  expect(hosts()).toEqual([])
  expect(events).toEqual([{ kind: 'down', reason: 'none of its addresses can be reached from here' }])
})

it('a machine that cannot say which addresses it has goes on, and the tunnel has failed', async () => {
  const own = () => {
    throw new Error('too many open files')
  }
  const { clock, events, hosts, tunnel } = dialled('203.0.113.1,1194,tcp', { own })
  await clock.pass(0)
  expect(hosts()).toEqual([])
  expect(events).toEqual([{ kind: 'down', reason: 'too many open files' }])
  await tunnel.stop()
})

it('a resolver that does not answer does not hold up the other addresses for long', async () => {
  const { clock, hosts } = dialled('slow.example.com,1194,tcp;203.0.113.1,1194,tcp')
  await clock.pass(6_000)
  expect(hosts()).toEqual(['203.0.113.1'])
})

it('what the user names is dialled as it is', () => {
  expect(dialled('127.0.0.1,1194,tcp;peer.example.com,1194,tcp', { isUsers: true }).hosts()).toEqual([
    '127.0.0.1',
    'peer.example.com',
  ])
})

it('one that is stopped before it began says so once, and dials nobody', async () => {
  const { clock, tunnel, events, hosts } = dialled('203.0.113.1,1194,tcp')
  await tunnel.stop()
  await clock.pass(0)
  expect(hosts()).toEqual([])
  expect(events).toEqual([{ kind: 'down', reason: 'stopped' }])
})

it.each([
  ['slow.example.com,1194,tcp', '203.0.113.2'],
  ['10.0.0.1,1194,tcp', 'slow.example.com'],
])('one that is stopped waits no more for the resolver: %s, registry %s', async (list, registryHost) => {
  const { clock, tunnel, events, hosts } = dialled(list, { registryHost })
  await clock.pass(0)
  expect(events).toEqual([])
  await tunnel.stop()
  expect(hosts()).toEqual([])
  expect(events).toEqual([{ kind: 'down', reason: 'stopped' }])
})
