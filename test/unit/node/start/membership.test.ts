import type { Socket, SocketOptions } from 'node:dgram'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { NODE_PORT } from '../../../../src/core/session/message-codes.ts'
import { subnetCidr } from '../../../../src/core/values/prefix.ts'
import { RoutedNodes } from '../../../../src/node/routed-nodes.ts'
import type { Route, RoutingChange } from '../../../../src/node/routing/router.ts'
import { layFoundation } from '../../../../src/node/start/foundation.ts'
import type { Links } from '../../../../src/node/start/links.ts'
import { joinOthers } from '../../../../src/node/start/membership.ts'
import { awakeClock } from '../../../../src/platform/awake-clock.ts'
import { idleMachine, StartingNode } from '../../../support/starting-node.ts'
import { recordingTransport, routerWith } from '../../../support/tunnels.ts'

/** Ports below 1024 need root, and there is one port of messages on a machine: here, each socket has one of its own. */
const ports = vi.hoisted(() => ({
  asked: [] as (number | undefined)[],
  open: new Set<unknown>(),
  used: false,
}))
vi.mock('node:dgram', async (original) => {
  const dgram = await original<typeof import('node:dgram')>()
  const createSocket = (options: SocketOptions): Socket => {
    const socket = dgram.createSocket(options)
    const bind = socket.bind.bind(socket)
    const onAnyPort = ({ port }: { port?: number }) => {
      ports.asked.push(port)
      if (ports.used) {
        setImmediate(() => socket.emit('error', Object.assign(new Error('in use'), { code: 'EADDRINUSE' })))
        return socket
      }
      ports.open.add(socket)
      socket.once('close', () => ports.open.delete(socket))
      return bind({ port: 0, address: '::1' })
    }
    return Object.assign(socket, { bind: onAnyPort })
  }
  return { ...dgram, createSocket }
})

let node: StartingNode
beforeEach(() => {
  node = new StartingNode()
  node.fillCache()
  ports.asked.length = 0
  ports.used = false
})
afterEach(() => node[Symbol.asyncDispose]())

/** The registry's own node: to whom there must be a way. */
const REGISTRY = '0'.repeat(16) as Parameters<typeof subnetCidr>[1]

async function join(...args: readonly string[]) {
  const { cleanUp, clock, random, log } = node
  const { signal } = node.stopping
  const shared = { ...idleMachine(), cleanUp, random, log, options: node.options(...args) }
  const laid = await layFoundation({ ...{ ...shared, clock, signal }, onEnd: () => {} })
  // As a registry that is away, in no time.
  const registry = {
    getBootstrapPeer: () => Promise.reject(new Error('away')),
    getCountry: async () => undefined,
  }
  const foundation = { ...laid, registry: registry as unknown as typeof laid.registry }
  const { identity } = foundation
  const { network } = identity.current.authority
  const transport = recordingTransport()
  const listeners = new Set<(change: RoutingChange) => void>()
  const router = {
    ...{ ...routerWith([]), routes: [] },
    watch(listener: (change: RoutingChange) => void) {
      listeners.add(listener)
      return { [Symbol.dispose]: () => void listeners.delete(listener) }
    },
  }
  const nodes = cleanUp.use(new RoutedNodes(router, network, identity.prefix))
  const events: unknown[] = []
  const links = {
    ...{ router, nodes, transport },
    history: { tunnel: (event: unknown) => events.push(event) },
  } as unknown as Links
  const membership = await joinOthers({
    ...{ ...shared, clock: cleanUp.use(awakeClock(clock)), foundation, links, signal },
  })
  const route: Route = {
    ...{ prefix: subnetCidr(network, REGISTRY), from: '::/0', installed: true, metric: 96, refmetric: 0 },
    ...{ via: 'fe80::1', iface: 're6stnet1', routerId: '' },
  }
  const hear = (change: RoutingChange) => {
    for (const listener of listeners) listener(change)
  }
  return { ...membership, clock, transport, events, route, hear, ownNetwork: laid.ownNetwork }
}

it('hears others at the port of messages, and makes no tunnel before it is told to', async () => {
  const { clock, transport } = await join()
  expect(ports.asked).toEqual([NODE_PORT])
  await clock.pass(60_000)
  expect(transport.specs).toEqual([])
})

it('hears of another network of the machine from its first tunnel on', async () => {
  const { clock, transport, hear, route, ownNetwork } = await join('--client', '192.0.2.1,1194,tcp')
  // Before the start is over: somebody is heard on a LAN.
  hear({ kind: 'route', change: 'added', route })
  await clock.pass(1_000)
  expect(transport.specs).toHaveLength(1)
  ownNetwork.slept()
  await clock.pass(1_000)
  expect(transport.stopped).toHaveLength(1)
  expect(transport.specs).toHaveLength(2)
})

it('makes a tunnel with the settings of the network also where the machine has another network while it starts', async () => {
  const { clock, transport, settings, ownNetwork } = await join('--client', '192.0.2.1,1194,tcp')
  ownNetwork.slept()
  await clock.pass(1_000)
  expect(transport.settings).toEqual([settings.transport])
})

it('ends what it began with the node', async () => {
  const { clock, transport, tunnels } = await join('--client', '192.0.2.1,1194,tcp')
  tunnels.start()
  await node[Symbol.asyncDispose]()
  await clock.pass(600_000)
  expect(transport.specs).toEqual([])
  await expect.poll(() => ports.open.size).toBe(0)
})

it('does not begin where another node has the port', async () => {
  ports.used = true
  await expect(join()).rejects.toMatchObject({ code: 'SYSTEM' })
})

describe('with --client', () => {
  it('makes one tunnel, to who is named, whoever that is', async () => {
    const { clock, transport, tunnels } = await join('--client', '192.0.2.1,1194,tcp;192.0.2.2,1194,tcp')
    tunnels.start()
    await clock.pass(1_000)
    expect(transport.specs.map(({ prefix, remotes }) => [prefix, remotes.map(({ host }) => host)])).toEqual([
      [undefined, ['192.0.2.1', '192.0.2.2']],
    ])
  })

  it('does not begin when nobody is named whom it could reach', async () => {
    await expect(join('--client', '2001:db8::1,1194,tcp6', '--default')).rejects.toMatchObject({
      code: 'CONFLICT',
    })
  })
})

describe('cut off from the node of the registry', () => {
  it('tells whoever wants to know at once, then again and again with longer pauses, until there is a way', async () => {
    const { clock, tunnels, onCutOff, hear, route } = await join()
    const told: number[] = []
    onCutOff(() => told.push(clock.monotonicMs()))
    tunnels.start()
    await clock.pass(2_500)
    expect(told.length).toBeGreaterThan(0)
    await clock.pass(600_000)
    const before = told.length
    expect(before).toBeGreaterThan(2)
    expect(tunnels.cutOff).toBeDefined()
    hear({ kind: 'route', change: 'added', route })
    await clock.pass(1_000)
    expect(tunnels.cutOff).toBeUndefined()
    const connected = told.length
    await clock.pass(600_000)
    expect(told).toHaveLength(connected)
  })
})

it('a neighbour that routing has found is told which version of the network this node has', async () => {
  const { hear, route, messages, clock } = await join()
  const said = vi.spyOn(messages, 'sendVersion').mockImplementation(() => {})
  hear({ kind: 'route', change: 'added', route })
  await clock.pass(5_000)
  expect(said.mock.calls[0]).toEqual([REGISTRY])
})
