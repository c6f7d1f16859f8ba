import { describe, expect, it } from 'vitest'
import { RemoteGateways } from '../../../src/node/remote-gateways.ts'
import { fakeKernel, GATEWAYS } from '../../support/kernel-with-gateways.ts'
import { fc, test } from '../../support/property.ts'
import { silentLog } from '../../support/silent-log.ts'

const release = (route: AsyncDisposable) => route[Symbol.asyncDispose]()

describe('routes through remote gateways', () => {
  it('take the gateways in turn; who comes again takes another', async () => {
    const kernel = fakeKernel()
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    const first = await pool.acquire('203.0.113.1')
    await pool.acquire('203.0.113.2')
    await pool.acquire('203.0.113.3')
    expect([...kernel.routes.values()]).toEqual(['192.168.1.1', '192.168.1.2', '192.168.1.1'])
    await pool.acquire('203.0.113.4')
    await release(first)
    // It would be the turn of the one that it had.
    await pool.acquire('203.0.113.1')
    expect(kernel.routes.get('203.0.113.1')).toBe('192.168.1.2')
  })

  it('are shared, and stay until the last user has gone', async () => {
    const kernel = fakeKernel()
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    const [one, other] = await Promise.all([pool.acquire('203.0.113.1'), pool.acquire('203.0.113.1')])
    await release(one)
    await release(one)
    expect(kernel.routes.size).toBe(1)
    await release(other)
    expect(kernel.routes.size).toBe(0)
  })

  it('leave out a gateway that cannot be used; without any, packets go the usual way', async () => {
    const kernel = fakeKernel((gateway) => gateway !== '192.168.1.1')
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    await pool.acquire('203.0.113.1')
    await pool.acquire('203.0.113.2')
    expect([...kernel.routes.values()]).toEqual(['192.168.1.2', '192.168.1.2'])
    const none = new RemoteGateways({ kernel, log: silentLog, gateways: ['192.168.1.1'] })
    await release(await none.acquire('203.0.113.9'))
    expect(kernel.routes.size).toBe(2)
  })

  const step = fc.record({ remote: fc.constantFrom('203.0.113.1', '203.0.113.2'), isRelease: fc.boolean() })
  test('are there while somebody uses them, and never longer', fc.array(step), async (steps) => {
    const kernel = fakeKernel()
    const pool = new RemoteGateways({ kernel, log: silentLog, gateways: GATEWAYS })
    const held: { readonly remote: string; readonly route: Promise<AsyncDisposable> }[] = []
    const released: Promise<void>[] = []
    for (const { remote, isRelease } of steps) {
      const at = held.findIndex((each) => each.remote === remote)
      const [last] = isRelease && at >= 0 ? held.splice(at, 1) : []
      // Not awaited: a route is asked for again while it is being removed.
      if (last) released.push(last.route.then(release))
      else if (!isRelease) held.push({ remote, route: pool.acquire(remote) })
    }
    await Promise.all([...released, ...held.map(({ route }) => route)])
    expect([...kernel.routes.keys()].sort()).toEqual([...new Set(held.map(({ remote }) => remote))].sort())
  })
})
