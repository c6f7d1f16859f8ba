import { describe, expect, it } from 'vitest'
import { waitFor } from '../../lab/wait-for.ts'
import type { Router } from '../../src/node/routing/router.ts'
import { FastPing, LanNetwork } from '../support/lan.ts'

const DEADLINE_MS = 60_000
/** Much sooner than its hellos would be missed. */
const SOON_MS = 4_000

const onLan = ({ neighbours }: Pick<Router, 'neighbours'>) =>
  neighbours.filter(({ iface }) => iface === 'eth0')

describe('neighbours on a LAN, whose kernels ask them no sooner than the machine has it', () => {
  it('one that goes silent while packets go to it is passed by within a second', async () => {
    await using lan = new LanNetwork({ kinds: ['re6st', 're6st', 're6st'], helloIntervalMs: 15_000 })
    await lan.start()
    const { router, namespace } = lan.node(1)
    // How many use them is no setting, and the kernel draws another time to be reachable now and then.
    const times = () => namespace.ip('ntable show dev eth0').replace(/\b(refcnt|reachable) \d+/g, '')
    const before = times()
    const ping = new FastPing(lan.node(1), 2)
    await ping.more(100)
    const outageMs = await ping.outageMs(() => lan.setConnected(2, false))
    expect(outageMs).toBeLessThan(1_000)
    await waitFor(() => onLan(router).length === 1, { what: 'one to be left', deadlineMs: SOON_MS })
    expect(times()).toBe(before)
    await ping.stop()
  })

  it('a babeld that goes silent while packets go to it is missed as soon', async () => {
    await using lan = new LanNetwork({ kinds: ['re6st', 'babeld'], helloIntervalMs: 15_000 })
    await lan.start()
    const { router } = lan.node(1)
    const doubted: boolean[] = []
    using _ = router.watch((change) => {
      if (change.kind === 'neighbour') doubted.push(change.neighbour.isDoubted === true)
    })
    const ping = new FastPing(lan.node(1), 2)
    await ping.more(300)
    expect(doubted).not.toContain(true)
    lan.setConnected(2, false)
    await waitFor(() => onLan(router).length === 0, { what: 'it to be missed', deadlineMs: SOON_MS })
    await ping.stop()
  })

  it('are asked nothing before packets go between them, nor after', async () => {
    await using lan = new LanNetwork({ kinds: ['re6st', 're6st', 're6st'], helloIntervalMs: 1_000 })
    await lan.start()
    const said = () => [1, 2, 3].map((number) => lan.said(number))
    /** Waits for ten hellos of each in which nothing is said to one alone. */
    const isQuiet = async () => {
      await waitFor(
        async () => {
          const before = said()
          await waitFor(() => said().every(({ all }, at) => all >= (before[at]?.all ?? 0) + 10), {
            what: 'ten hellos',
            deadlineMs: DEADLINE_MS,
          })
          return said().every(({ one }, at) => one === before[at]?.one)
        },
        { what: 'ten hellos in which nobody is asked', deadlineMs: DEADLINE_MS },
      )
    }
    await isQuiet()
    const before = said()
    const ping = new FastPing(lan.node(1), 2)
    await ping.more(300)
    await ping.stop()
    expect((said()[0]?.one ?? 0) - (before[0]?.one ?? 0)).toBeGreaterThan(10)
    await isQuiet()
  })
})
