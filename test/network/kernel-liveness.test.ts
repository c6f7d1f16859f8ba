import { expect, it } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import { KernelEvents } from '../../src/node/kernel/kernel-events.ts'
import { KernelLiveness } from '../../src/node/routing/babel/kernel-liveness.ts'
import { systemClock } from '../../src/platform/clock.ts'
import { joinNamespaces, makeNamespace, type Namespace } from '../support/namespace.ts'
import { silentLog } from '../support/silent-log.ts'

const DEADLINE_MS = 30_000
/** So long the kernel waits for a sign of life before it asks, where nobody has set its times. */
const KERNEL_DELAY_MS = 5_000

const linkLocalOf = ({ ip }: Namespace): string =>
  /inet6 (fe80::[0-9a-f:]+)\/64/.exec(ip('addr show dev tap'))?.[1] ?? ''

it('a neighbour that goes silent at once, after it has met our kernel before anybody watched, is missed soon', async () => {
  using here = makeNamespace('liveness')
  using there = makeNamespace('liveness')
  joinNamespaces(here, 'tap', there, 'tap')
  const [ours, theirs] = [linkLocalOf(here), linkLocalOf(there)]
  const { processes } = here
  await using events = new KernelEvents({ processes, clock: systemClock, log: silentLog })
  const missed: string[] = []
  using liveness = new KernelLiveness({
    ...{ processes, clock: systemClock, log: silentLog, events },
    onSuspect: (_, address) => void missed.push(address),
    onAlive: () => {},
  })
  events.start()
  const state = () => here.ip(`neigh show ${theirs} dev tap`)
  await waitFor(
    () => {
      // Our kernel answers theirs, and waits whether that arrives.
      there.run('ping', '-c1', '-W1', `${ours}%tap`)
      return state().includes('DELAY')
    },
    { what: 'our kernel to wait for a sign of life', deadlineMs: DEADLINE_MS },
  )
  const metMs = performance.now()
  liveness.add('tap')
  there.run('sysctl', '-qw', 'net.ipv6.conf.tap.disable_ipv6=1')
  processes.start('ping', ['-i0.05', `${theirs}%tap`], { dieWithParent: true })
  await waitFor(() => missed.includes(theirs), { what: 'it to be missed', deadlineMs: DEADLINE_MS })
  expect(performance.now() - metMs).toBeLessThan(KERNEL_DELAY_MS - 500)
})
