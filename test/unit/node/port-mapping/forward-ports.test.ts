import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { waitFor } from '../../../../lab/wait-for.ts'
import type { ForwardedPorts } from '../../../../src/core/tunnels/own-addresses.ts'
import { PortForwarding } from '../../../../src/node/port-mapping/forward-ports.ts'
import { upnpMethod } from '../../../../src/node/port-mapping/upnp-method.ts'
import { FakeIgd, routedByFakeGateway } from '../../../support/fake-gateway.ts'
import { fastClock } from '../../../support/fast-clock.ts'
import { seededRandom } from '../../../support/random.ts'
import { silentLog } from '../../../support/silent-log.ts'

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
