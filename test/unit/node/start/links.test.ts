import { afterEach, beforeEach, expect, it } from 'vitest'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { awakeTime } from '../../../../src/node/start/awake-time.ts'
import { layFoundation } from '../../../../src/node/start/foundation.ts'
import { prepareLinks } from '../../../../src/node/start/links.ts'
import type { ClientEvent } from '../../../../src/node/transport/transport.ts'
import { idleMachine, StartingNode } from '../../../support/starting-node.ts'

let node: StartingNode
beforeEach(() => {
  node = new StartingNode()
  node.fillCache()
})
afterEach(() => node[Symbol.asyncDispose]())

async function prepare(...args: readonly string[]) {
  const on = idleMachine()
  const { cleanUp, clock, random, log } = node
  const shared = { ...on, cleanUp, random, log, options: node.options(...args) }
  const foundation = await layFoundation({
    ...{ ...shared, clock, signal: node.stopping.signal },
    onEnd: () => {},
  })
  const before = on.done.length
  const awake = cleanUp.use(awakeTime({ clock, log }))
  const links = await prepareLinks({ ...shared, clock: awake, foundation })
  /** But for the question what OpenVPN can. */
  const done = () => on.done.slice(before).filter((command) => command !== 'openvpn --version')
  return { links, done, clock }
}

it('takes the router that the options name', async () => {
  const { links } = await prepare('--router', 'babeld')
  expect(links.router.drainsAtOnce).toBe(false)
})

it('takes our own router by default; nothing of it runs yet, nobody is known, and nothing is done to the machine', async () => {
  const { links, done } = await prepare()
  const { router, nodes, history } = links
  expect(router.drainsAtOnce).toBe(true)
  expect([router.isRunning, router.neighbours.length, router.routes.length, nodes.size]).toEqual([
    false,
    0,
    0,
    0,
  ])
  expect(history.since(0).events).toEqual([])
  expect(done()).toEqual([])
})

it('lets no peer have this machine knock at its own doors, or make a tunnel through the network itself', async () => {
  const { links, done, clock } = await prepare()
  links.transport.configure({ encrypt: true, helloIntervalMs: 4_000, dhFile: undefined })
  const events: ClientEvent[] = []
  const remotes = ['127.0.0.1', '::1', '169.254.169.254', '2001:db8:42::1'].map((host) => ({
    ...{ host, port: 1194, country: undefined },
    protocol: host.includes(':') ? ('tcp6' as const) : ('tcp' as const),
  }))
  links.transport.connect({
    ...{ iface: 're6stnet1', prefix: prefixOfBits('0001'), remotes },
    onEvent: (event) => events.push(event),
  })
  await expect.poll(() => events.map(({ kind }) => kind)).toEqual(['down'])
  await clock.pass(60_000)
  expect(done().filter((command) => command.startsWith('openvpn'))).toEqual([])
})

it('ends what it made with the node, also what never ran', async () => {
  const { links } = await prepare()
  await node.cleanUp[Symbol.asyncDispose]()
  expect(links.router.isRunning).toBe(false)
})
