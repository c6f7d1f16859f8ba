import { beforeEach, describe, expect, it } from 'vitest'
import { canBeHeld, HeldRoutes } from '../../../../../src/node/routing/babeld/held-routes.ts'
import type { Route } from '../../../../../src/node/routing/router.ts'
import { type Clock, systemClock } from '../../../../../src/platform/clock.ts'
import { systemProcesses } from '../../../../../src/platform/processes.ts'
import { silentLog } from '../../../../support/silent-log.ts'

const route = (number: number, more: Partial<Route> = {}): Route => ({
  prefix: `2001:db8:42:${number}::/64`,
  from: '::/0',
  installed: true,
  metric: 96,
  refmetric: 0,
  via: 'fe80::1',
  iface: 're6stnet1',
  routerId: '1:2',
  ...more,
})

let commands: string[]
let expire: (() => void)[]
let expired: Route[]
let held: HeldRoutes

beforeEach(() => {
  commands = []
  expire = []
  expired = []
  const clock: Clock = {
    ...systemClock,
    after: (_, action) => {
      expire.push(action)
      return { [Symbol.dispose]: () => {} }
    },
  }
  const run = (command: string, args: readonly string[]) => {
    commands.push([command, ...args].join(' '))
    return Promise.resolve({ stdout: '', stderr: '' })
  }
  held = new HeldRoutes({
    processes: { ...systemProcesses, run },
    clock,
    log: silentLog,
    onExpired: (each) => expired.push(each),
  })
})

describe('a held route', () => {
  it('lies in the kernel below those of babeld, with our address', () => {
    held.hold([route(3), route(4, { from: '2001:db8:42::/48', iface: 're6stnet2' })], 1_000)
    expect(held.commands('re6stnet1', '2001:db8:42:1::1')).toEqual([
      'route replace 2001:db8:42:3::/64 dev re6stnet1 metric 4096 via fe80::1 src 2001:db8:42:1::1 proto 42',
    ])
    expect(held.commands('re6stnet2', '2001:db8:42:1::1')).toEqual([
      'route replace 2001:db8:42:4::/64 from 2001:db8:42::/48 dev re6stnet2 metric 4096 via fe80::1 src 2001:db8:42:1::1 proto 42',
    ])
  })

  it('goes when babeld has a route to the same place', () => {
    held.hold([route(3), route(4)], 1_000)
    expect(held.release(route(3, { iface: 're6stnet2' }))).toEqual([route(3)])
    expect(held.routes).toEqual([route(4)])
    expect(commands).toEqual(['ip -6 route del 2001:db8:42:3::/64 dev re6stnet1 metric 4096'])
    expect(held.release(route(3))).toEqual([])
  })

  it('is not replaced by itself, but by one over another next hop', () => {
    held.hold([route(3), route(4)], 1_000)
    expect(held.release(route(3))).toEqual([])
    expect(held.has(route(4, { via: 'fe80::2' }))).toBe(false)
    expect(held.release(route(4, { via: 'fe80::2' }))).toEqual([route(4)])
    expect(held.routes).toEqual([])
    expect(commands).toHaveLength(2)
  })

  it('goes after its time, and that is told', () => {
    held.hold([route(3)], 1_000)
    expire[0]?.()
    expect(held.has(route(3))).toBe(false)
    expect(expired).toEqual([route(3)])
    expect(commands).toHaveLength(1)
  })

  it('goes with its interface, without a word to the kernel', () => {
    held.hold([route(3), route(4, { iface: 're6stnet2' })], 1_000)
    expect(held.forget('re6stnet1')).toEqual([route(3)])
    expect(held.routes).toHaveLength(1)
    expect(commands).toEqual([])
  })

  it('goes at the end', async () => {
    held.hold([route(3)], 1_000)
    await held.clear()
    expect(held.routes).toEqual([])
    expect(commands).toHaveLength(1)
  })
})

it('only routes of IPv6 that are in use can be held', () => {
  expect(canBeHeld(route(3))).toBe(true)
  expect(canBeHeld(route(3, { installed: false }))).toBe(false)
  expect(canBeHeld(route(3, { prefix: '10.42.0.0/24' }))).toBe(false)
})
