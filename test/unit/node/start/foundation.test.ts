import { existsSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { type Foundation, layFoundation } from '../../../../src/node/start/foundation.ts'
import { idleMachine, StartingNode } from '../../../support/starting-node.ts'
import { vectors } from '../../../support/vectors.ts'

const pki = vectors<{ keys: Record<string, string> }>('pki.json')

let node: StartingNode
beforeEach(() => {
  node = new StartingNode()
})
afterEach(() => node[Symbol.asyncDispose]())

function begin() {
  const on = idleMachine()
  const { cleanUp, random, log } = node
  let aheadMs = 0
  let asleepMs = 0
  const clock = {
    ...node.clock,
    now: () => node.clock.now() + aheadMs,
    // It stands still while a machine sleeps.
    monotonicMs: () => node.clock.monotonicMs() - asleepMs,
  }
  const sleep = (ms: number) => {
    asleepMs = ms
  }
  const setClock = (ms: number) => {
    aheadMs = ms
  }
  const { signal } = node.stopping
  const laid: Promise<Foundation> = layFoundation({
    ...{ options: node.options(), cleanUp, signal, clock, random, log, ...on },
    onEnd: () => {},
  })
  // Whoever waits for it is told.
  laid.catch(() => {})
  return { laid, clock, setClock, sleep, on }
}

it('with what is in the cache waits for no registry, and no time', async () => {
  node.fillCache()
  const { laid, on } = begin()
  const { config, sourceSpecific, identity } = await laid
  expect(config.helloIntervalMs).toBe(4_000)
  expect(sourceSpecific).toBe(true)
  expect(identity.prefix).toBe(node.certificate.prefix)
  expect(on.settings.get('net/ipv6/conf/all/forwarding')).toBe('1')
})

it('leaves the machine as it was when the node stops', async () => {
  node.fillCache()
  const { laid, on } = begin()
  await laid
  expect(existsSync(node.file('control.sock'))).toBe(true)
  await node.cleanUp[Symbol.asyncDispose]()
  expect(on.settings.get('net/ipv6/conf/all/forwarding')).toBe('0')
  expect(existsSync(node.file('control.sock'))).toBe(false)
})

it.each([
  { before: '212992', during: '8388608', what: 'are allowed' },
  { before: '16777216', during: '16777216', what: 'may be still larger' },
])(
  'receive buffers with room for the tables of all neighbours $what, as long as it runs',
  async ({ before, during }) => {
    node.fillCache()
    const { laid, on } = begin()
    on.settings.set('net/core/rmem_max', before)
    await laid
    expect(on.settings.get('net/core/rmem_max')).toBe(during)
    await node.cleanUp[Symbol.asyncDispose]()
    expect(on.settings.get('net/core/rmem_max')).toBe(before)
  },
)

it('where receive buffers are not to be changed, it goes on without', async () => {
  node.fillCache()
  const { laid, on } = begin()
  on.settings.set('net/core/rmem_max', '212992')
  const { write } = on.sysctls
  on.sysctls.write = async (path, value) => {
    if (path.startsWith('net/core/')) throw new Error('EACCES')
    await write(path, value)
  }
  await laid
  expect(on.settings.get('net/core/rmem_max')).toBe('212992')
  await node.cleanUp[Symbol.asyncDispose]()
  expect(on.settings.get('net/ipv6/conf/all/forwarding')).toBe('0')
})

it('beside a node that runs changes nothing', async () => {
  node.fillCache()
  await begin().laid
  const { laid, on } = begin()
  await expect(laid).rejects.toMatchObject({ code: 'SYSTEM' })
  expect(on.done).toEqual([])
})

it('with certificate and key that do not belong together begins nothing', async () => {
  writeFileSync(node.file('cert.key'), pki.keys['node-b'] ?? pki.keys['ca'] ?? '')
  const { laid, on } = begin()
  await expect(laid).rejects.toMatchObject({ code: 'CERTIFICATE' })
  expect([on.done, existsSync(node.file('control.sock'))]).toEqual([[], false])
})

it('without a cache waits for the registry, answers those who ask meanwhile, and ends when it is told to', async () => {
  const { laid } = begin()
  await expect.poll(() => existsSync(node.file('control.sock'))).toBe(true)
  node.stopping.abort(new Error('the node stops'))
  await expect(laid).rejects.toThrow('the node stops')
})

it('does not wait for the disk until the node has had time to start', async () => {
  node.fillCache()
  const { laid, clock } = begin()
  const { cache } = await laid
  const peersInFile = () => {
    const file = new Database(node.file('cache.db'), { readonly: true })
    const peers = file.prepare('SELECT prefix FROM peer').pluck().all()
    file.close()
    return peers
  }
  cache.store(node.certificate.prefix, [
    { host: '192.0.2.1', port: 1194, protocol: 'udp', country: undefined },
  ])
  await clock.pass(2_000)
  expect(peersInFile()).toEqual([])
  await clock.pass(2_000)
  expect(peersInFile()).toEqual([node.certificate.prefix])
})

it('tells whoever listens that the clock was set, and nobody of one that goes on', async () => {
  node.fillCache()
  const { laid, clock, setClock } = begin()
  const { onClockSet } = await laid
  let count = 0
  onClockSet(() => count++)
  await clock.pass(60_000)
  expect(count).toBe(0)
  setClock(3_600_000)
  await clock.pass(60_000)
  expect(count).toBe(1)
})

it('tells whoever watches the network of the machine that it slept', async () => {
  node.fillCache()
  const { laid, clock, sleep } = begin()
  const { ownNetwork, onClockSet } = await laid
  const told: string[] = []
  ownNetwork.watch(() => told.push('network'))
  onClockSet(() => told.push('clock'))
  await clock.pass(2_000)
  expect(told).toEqual([])
  sleep(8 * 3_600_000)
  await clock.pass(2_000)
  expect(told).toEqual(['network'])
})
