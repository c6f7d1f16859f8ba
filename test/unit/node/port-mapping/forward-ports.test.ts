import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '../../../../lab/wait-for.ts'
import type { ForwardedPorts } from '../../../../src/core/tunnels/own-addresses.ts'
import { PortForwarding } from '../../../../src/node/port-mapping/forward-ports.ts'
import type { MappingMethod } from '../../../../src/node/port-mapping/mapping-method.ts'
import { upnpMethod } from '../../../../src/node/port-mapping/upnp-method.ts'
import { FakeIgd, routedByFakeGateway } from '../../../support/fake-gateway.ts'
import { fastClock } from '../../../support/fast-clock.ts'
import { seededRandom } from '../../../support/random.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

const DEADLINE_MS = 30_000
const TCP = { protocol: 'tcp', port: 1194 } as const
const UDP = { protocol: 'udp', port: 1195 } as const
const clock = fastClock(10)

let stateDirectory: string
beforeEach(() => {
  stateDirectory = mkdtempSync(join(tmpdir(), 're6st-forward-ports-'))
})
afterEach(() => rmSync(stateDirectory, { recursive: true }))

it('what the gateway forwards follows the servers there are, and the last wish counts', async () => {
  await using gateway = await FakeIgd.start({ clock })
  const told: (ForwardedPorts | undefined)[] = []
  const forwarding = new PortForwarding(
    { ipv4Source: 'gateway', stateDirectory },
    [],
    {
      clock,
      random: seededRandom(1),
      log: silentLog,
      processes: routedByFakeGateway,
      methods: [upnpMethod(clock, gateway.searchPort)],
    },
    (forwarded) => told.push(forwarded),
  )
  const forwards = (...lines: string[]) =>
    waitFor(() => [...gateway.forwarded].sort().join() === lines.join(), {
      what: `the gateway to forward [${lines.join()}]`,
      deadlineMs: DEADLINE_MS,
    })
  forwarding.setServers([TCP])
  await forwards('tcp 1194 to 127.0.0.1:1194')
  await waitFor(() => told.at(-1)?.ports.length === 1, { what: 'the news', deadlineMs: DEADLINE_MS })

  forwarding.setServers([])
  await forwards()
  await waitFor(() => told.at(-1) === undefined, { what: 'the end of it', deadlineMs: DEADLINE_MS })

  forwarding.setServers([TCP])
  forwarding.setServers([])
  forwarding.setServers([TCP, UDP])
  await forwards('tcp 1194 to 127.0.0.1:1194', 'udp 1195 to 127.0.0.1:1195')
  await forwarding[Symbol.asyncDispose]()
  expect(gateway.forwarded).toEqual([])
  forwarding.setServers([TCP])
  expect(gateway.forwarded).toEqual([])
})

describe('a gateway that does not forward', () => {
  /** A gateway that each time does what is next. */
  function rig(ipv4Source: 'gateway' | 'gateway-or-peers', does: 'refuse' | 'grant' | 'surprise') {
    const gateway = { does }
    const stepped = steppedClock()
    const granted = <T>(value: T) => ({ ok: true, value }) as const
    const method: MappingMethod = {
      name: 'upnp',
      open: async () =>
        granted({
          map: async ({ externalPort }) => {
            if (gateway.does === 'surprise') throw new Error('nobody foresaw this')
            return gateway.does === 'grant'
              ? granted({ externalPort, leaseSeconds: 600 })
              : { ok: false, trouble: { kind: 'refused', reason: 'not allowed' } }
          },
          unmap: async () => granted(undefined),
          externalAddress: async () => granted('203.0.113.1'),
        }),
    }
    const forwarding = new PortForwarding(
      { ipv4Source, stateDirectory },
      [TCP],
      {
        ...{ clock: stepped, random: seededRandom(1), log: silentLog },
        ...{ processes: routedByFakeGateway, methods: [method] },
      },
      () => {},
    )
    /** Lets time pass until something is so: files are read and written meanwhile. */
    const until = (condition: () => boolean, what: string) =>
      waitFor(
        async () => {
          await stepped.pass(10_000)
          return condition()
        },
        { what, deadlineMs: DEADLINE_MS },
      )
    return { forwarding, gateway, until }
  }

  it('is told of where the user counts on it, until it does', async () => {
    const { forwarding, gateway, until } = rig('gateway', 'refuse')
    await until(() => forwarding.failure !== undefined, 'the trouble')
    expect(forwarding.failure).toMatch(/refuses to forward ports \(UPnP: not allowed\)/)
    gateway.does = 'grant'
    await until(() => forwarding.failure === undefined, 'the end of it')
    await forwarding[Symbol.asyncDispose]()
  })

  it('is no failure where others may reach the node without it', async () => {
    const told = rig('gateway', 'refuse')
    const { forwarding, until } = rig('gateway-or-peers', 'refuse')
    await until(() => true, 'a try')
    await told.until(() => told.forwarding.failure !== undefined, 'the same trouble')
    await until(() => true, 'another try')
    expect(forwarding.failure).toBeUndefined()
    await Promise.all([forwarding, told.forwarding].map((one) => one[Symbol.asyncDispose]()))
  })

  it('since something went wrong that nobody foresaw, is asked again all the same', async () => {
    const { forwarding, gateway, until } = rig('gateway', 'surprise')
    await until(() => forwarding.failure === 'nobody foresaw this', 'the trouble')
    gateway.does = 'grant'
    await until(() => forwarding.failure === undefined, 'the end of it')
    await forwarding[Symbol.asyncDispose]()
  })
})
