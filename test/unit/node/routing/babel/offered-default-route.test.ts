import { expect, it } from 'vitest'
import type { KernelNews } from '../../../../../src/node/kernel/kernel-events.ts'
import { OfferedDefaultRoute } from '../../../../../src/node/routing/babel/offered-default-route.ts'
import { silentLog } from '../../../../support/silent-log.ts'
import { steppedClock } from '../../../../support/stepped-clock.ts'

const ROUTE = [{ dst: 'default', gateway: 'fe80::1', dev: 'eth0', protocol: 'ra', metric: 1024 }]

function rig() {
  const clock = steppedClock()
  const machine = { routes: [] as readonly unknown[], canLook: true, isWanted: true }
  let tell: (news: KernelNews) => void = () => {}
  let changes = 0
  const offered = new OfferedDefaultRoute({
    ...{ clock, log: silentLog },
    processes: {
      async run() {
        if (!machine.canLook) throw new Error('Cannot allocate memory')
        return { status: 0, stdout: JSON.stringify(machine.routes), stderr: '' }
      },
    } as never,
    events: {
      watch(listener) {
        tell = listener
        return { [Symbol.dispose]() {} }
      },
    },
    isWanted: () => machine.isWanted,
    onChange: () => void changes++,
  })
  const news = () =>
    tell({
      ...{ kind: 'route', isGone: false },
      route: {
        ...{ to: 'default', from: undefined, family: 'ipv6', via: 'fe80::1', iface: 'eth0', protocol: 'ra' },
        ...{ source: undefined, metric: 1024 },
      },
    })
  return { clock, machine, offered, news, changes: () => changes }
}

it('a way to the Internet is offered while this machine has one', async () => {
  const { clock, machine, offered, news, changes } = rig()
  machine.routes = ROUTE
  news()
  await clock.pass(500)
  expect([offered.isThere, changes()]).toEqual([true, 1])
  machine.routes = []
  news()
  await clock.pass(500)
  expect([offered.isThere, changes()]).toEqual([false, 2])
})

it('is looked for again where that failed, though nobody tells of it any more', async () => {
  const { clock, machine, offered } = rig()
  machine.routes = ROUTE
  machine.canLook = false
  offered.lookSoon()
  await clock.pass(500)
  machine.canLook = true
  await clock.pass(20_000)
  expect(offered.isThere).toBe(true)
  offered[Symbol.dispose]()
})

it('is looked for at once when news of it come while the next look is far away', async () => {
  const { clock, machine, offered, news } = rig()
  machine.routes = ROUTE
  machine.canLook = false
  offered.lookSoon()
  await clock.pass(500)
  machine.canLook = true
  news()
  await clock.pass(500)
  expect(offered.isThere).toBe(true)
})
