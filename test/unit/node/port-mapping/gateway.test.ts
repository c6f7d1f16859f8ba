import { expect, it } from 'vitest'
import { defaultGateway } from '../../../../src/node/port-mapping/gateway.ts'
import type { Processes } from '../../../../src/platform/processes.ts'

/** The gateway on a machine whose `ip` prints these default routes. */
const gatewayOf = (routes: readonly object[]) => {
  const processes: Processes = {
    start() {
      throw new Error('nothing is started here')
    },
    run: async (_command, args) => ({
      stdout: JSON.stringify(
        args.includes('get') ? [{ dst: args.at(-1), dev: 'eth0', prefsrc: `to ${args.at(-1)}` }] : routes,
      ),
      stderr: '',
    }),
  }
  return defaultGateway(processes, new AbortController().signal)
}
const hop = (gateway: string, dev: string, ...flags: string[]) => ({ gateway, dev, weight: 1, flags })

it('is that of the default route with the smallest metric, and we have the address from which packets go there', async () => {
  const routes = [
    { dst: 'default', gateway: '192.168.2.1', dev: 'wlan0', metric: 600, flags: [] },
    { dst: 'default', gateway: '192.168.1.1', dev: 'eth0', metric: 100, flags: [] },
  ]
  expect(await gatewayOf(routes)).toEqual({ address: '192.168.1.1', localAddress: 'to 192.168.1.1' })
})

it('of a route with several ways is the first that is not down', async () => {
  const nexthops = [
    hop('192.168.1.1', 'eth0', 'dead', 'linkdown'),
    hop('192.168.2.1', 'eth1'),
    hop('192.168.3.1', 'eth2'),
  ]
  expect((await gatewayOf([{ dst: 'default', flags: [], nexthops }]))?.address).toBe('192.168.2.1')
})

it('cannot be asked where the way is by an IPv6 address, or by a link alone: there is none then', async () => {
  const rfc8950 = { dst: 'default', via: { family: 'inet6', host: 'fe80::1' }, dev: 'eth0', flags: [] }
  for (const route of [rfc8950, { dst: 'default', dev: 'ppp0', flags: [] }])
    expect(await gatewayOf([route])).toBeUndefined()
  // Another one beside it is asked.
  expect((await gatewayOf([rfc8950, { dst: 'default', ...hop('192.168.1.1', 'eth1') }]))?.address).toBe(
    '192.168.1.1',
  )
  expect(await gatewayOf([])).toBeUndefined()
})
