import { describe, expect, it } from 'vitest'
import { type ServerPlace, TunnelServers } from '../../../../src/node/tunnels/tunnel-servers.ts'
import { systemClock } from '../../../../src/platform/clock.ts'
import { silentLog } from '../../../support/silent-log.ts'

const TCP: ServerPlace = { iface: 're6stnet-tcp', protocol: 'tcp', port: 1194 }
const UDP: ServerPlace = { iface: 're6stnet-udp', protocol: 'udp', port: 1194 }

/** Servers that write down what happens to them; each takes a moment to start and to stop. */
function rig() {
  const events: string[] = []
  const taken = new Set<string>()
  const stuck = new Set<string>()
  const retries: (() => void)[] = []
  const stopping = new AbortController()
  const moment = () => new Promise<void>((resolve) => setImmediate(resolve))
  const servers = new TunnelServers({
    transport: {
      async listen(spec) {
        await moment()
        if (taken.has(spec.iface)) throw new Error('the port is in use')
        events.push(`+${spec.protocol}`)
        return {
          spec,
          traffic: new Map(),
          dropClient() {},
          retryNow: () => void events.push(`again ${spec.protocol}`),
          async stop() {
            await moment()
            if (stuck.has(spec.iface)) throw new Error('it cannot be stopped')
            events.push(`-${spec.protocol}`)
          },
        }
      },
    },
    clock: {
      ...systemClock,
      after: (_, action) => {
        retries.push(action)
        return { [Symbol.dispose]: () => void retries.splice(0) }
      },
    },
    log: silentLog,
    async drain(iface) {
      events.push(`drain ${iface}`)
      return { async [Symbol.asyncDispose]() {} }
    },
    specOf: (place) => ({ ...place, admit: () => ({ admit: true }), onEvent: () => {} }),
    signal: stopping.signal,
  })
  return { servers, events, taken, stuck, retries, stopping, moment }
}

describe('the servers of a node', () => {
  it('come and go while it runs, and those that stay are left alone', async () => {
    const { servers, events } = rig()
    await servers.start([])
    await servers.provide([TCP])
    await servers.provide([TCP, UDP])
    await servers.provide([UDP])
    expect(events.splice(0)).toEqual(['+tcp', '+udp', '-tcp'])
    expect(servers.get('re6stnet-tcp')).toBeUndefined()
    expect(servers.get('re6stnet-udp')).toBeDefined()
    await servers.provide([])
    expect(events).toEqual(['-udp'])
  })

  it('are those that are wanted last, however fast that changes, and also while they are started again', async () => {
    const { servers, events } = rig()
    await servers.start([TCP])
    events.splice(0)
    await Promise.all([
      servers.restart(),
      servers.provide([]),
      servers.provide([TCP, UDP]),
      servers.provide([]),
      servers.provide([UDP]),
    ])
    expect(servers.get('re6stnet-tcp')).toBeUndefined()
    expect(servers.get('re6stnet-udp')).toBeDefined()
    expect(events).toEqual(['drain re6stnet-tcp', '-tcp', '+udp'])
  })

  it('are all started again, one after another', async () => {
    const { servers, events } = rig()
    await servers.start([TCP, UDP])
    events.splice(0)
    await servers.restart()
    expect(events.splice(0)).toEqual([
      ...['drain re6stnet-tcp', '-tcp', '+tcp'],
      ...['drain re6stnet-udp', '-udp', '+udp'],
    ])
    await servers.restart((iface) => iface === 're6stnet-udp')
    expect(events).toEqual(['drain re6stnet-udp', '-udp', '+udp'])
  })

  it('are tried again when a port is taken, and the others run meanwhile', async () => {
    const { servers, events, taken, retries, moment } = rig()
    await servers.start([])
    taken.add('re6stnet-tcp')
    await servers.provide([TCP, UDP])
    expect(events).toEqual(['+udp'])
    expect(servers.failure).toBe('re6stnet-tcp: the port is in use')
    taken.clear()
    expect(retries).toHaveLength(1)
    retries.pop()?.()
    for (let turns = 0; turns < 10; turns++) await moment()
    expect(events).toEqual(['+udp', '+tcp'])
    expect(servers.failure).toBeUndefined()
  })

  it('that have ended wait no longer when it may work now', async () => {
    const { servers, events } = rig()
    await servers.start([TCP, UDP])
    events.splice(0)
    servers.retryNow()
    expect(events).toEqual(['again tcp', 'again udp'])
  })

  it('that are not wanted any more fail no more', async () => {
    const { servers, taken } = rig()
    await servers.start([])
    taken.add('re6stnet-tcp')
    await servers.provide([TCP])
    await servers.provide([UDP])
    expect(servers.failure).toBeUndefined()
  })

  it('go on to change after a change that failed', async () => {
    const { servers, events, stuck } = rig()
    await servers.start([TCP])
    stuck.add('re6stnet-tcp')
    await expect(servers.provide([UDP])).rejects.toThrow('it cannot be stopped')
    stuck.clear()
    await servers.provide([UDP])
    expect(events).toEqual(['+tcp', '-tcp', '+udp'])
  })

  it('are not tried again when the node stops', async () => {
    const { servers, taken, retries, stopping } = rig()
    await servers.start([])
    taken.add('re6stnet-tcp')
    await servers.provide([TCP])
    stopping.abort()
    expect(retries).toEqual([])
  })

  it('end the start of a node that cannot have them', async () => {
    const { servers, taken } = rig()
    taken.add('re6stnet-tcp')
    await expect(servers.start([TCP, UDP])).rejects.toThrow('the port is in use')
  })
})
