import { expect, it } from 'vitest'
import type { TunnelServer } from '../../../../src/node/transport/transport.ts'
import { ServerRenewal } from '../../../../src/node/tunnels/server-renewal.ts'
import { TunnelServers } from '../../../../src/node/tunnels/tunnel-servers.ts'
import { seededRandom } from '../../../support/random.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

const DAY_MS = 24 * 3600 * 1000

function rig(ifaces: readonly string[], ...withClients: readonly string[]) {
  const clock = steppedClock()
  const clients = new Set(withClients)
  const restarted: string[] = []
  const trouble = { isThere: false, tries: 0 }
  const renewal = new ServerRenewal({
    servers: {
      wantedIfaces: ifaces,
      async restart(isConcerned) {
        trouble.tries++
        if (trouble.isThere) throw new Error('ip: no memory')
        restarted.push(...ifaces.filter((one) => isConcerned?.(one)))
      },
    },
    hasClients: (iface) => clients.has(iface),
    ...{ clock, random: seededRandom(1), log: silentLog, signal: new AbortController().signal },
  })
  return { clock, clients, restarted, renewal, trouble }
}

it('a server without clients has the new certificate at once, one with clients when they have gone', async () => {
  const { clock, clients, restarted, renewal } = rig(['tcp', 'udp'], 'udp')
  renewal.renewed(clock.now() + 30 * DAY_MS)
  expect(restarted).toEqual(['tcp'])
  await clock.pass(3_600_000)
  expect(restarted).toEqual(['tcp'])
  clients.clear()
  await clock.pass(120_000)
  expect(restarted).toEqual(['tcp', 'udp'])
  await clock.pass(3_600_000)
  expect(restarted).toHaveLength(2)
})

it('a server that always has clients has it some days before the old one ends, also when it was renewed again meanwhile', async () => {
  const { clock, restarted, renewal } = rig(['udp'], 'udp')
  renewal.renewed(clock.now() + 10 * DAY_MS)
  renewal.renewed(clock.now() + 400 * DAY_MS)
  await clock.stall(2 * DAY_MS)
  expect(restarted).toEqual([])
  await clock.stall(7 * DAY_MS)
  expect(restarted).toEqual(['udp'])
})

it('what nobody accepts any more is replaced at once', () => {
  const { clock, restarted, renewal } = rig(['udp'], 'udp')
  renewal.renewed(clock.now() - 1)
  expect(restarted).toEqual(['udp'])
})

it('what could not be started again is tried again until it can be', async () => {
  const { clock, restarted, renewal, trouble } = rig(['tcp', 'udp'], 'udp')
  trouble.isThere = true
  renewal.renewed(clock.now() + 30 * DAY_MS)
  await clock.pass(3_600_000)
  expect(restarted).toEqual([])
  expect(trouble.tries).toBeGreaterThan(30)
  expect(trouble.tries).toBeLessThan(70)
  trouble.isThere = false
  await clock.pass(120_000)
  expect(restarted).toEqual(['tcp'])
  await clock.pass(3_600_000)
  expect(restarted).toEqual(['tcp'])
})

it('a server that was just being started, with the old certificate, is started once more', async () => {
  const clock = steppedClock()
  const shared = { clock, log: silentLog, signal: new AbortController().signal }
  const listening: (() => void)[] = []
  const servers = new TunnelServers({
    transport: {
      listen: () =>
        new Promise<TunnelServer>((resolve) =>
          listening.push(() =>
            resolve({ traffic: new Map(), dropClient() {}, retryNow() {}, async stop() {} }),
          ),
        ),
    },
    ...shared,
    drain: async () => ({ async [Symbol.asyncDispose]() {} }),
    specOf: (place) => ({ ...place, admit: () => ({ admit: true }), onEvent: () => {} }),
  })
  const renewal = new ServerRenewal({ ...shared, servers, random: seededRandom(1), hasClients: () => false })
  const provided = servers.provide([{ iface: 're6stnet-udp', protocol: 'udp', port: 1194 }])
  await clock.pass(0)
  expect(listening).toHaveLength(1)
  renewal.renewed(clock.now() + 30 * DAY_MS)
  listening[0]?.()
  await provided
  await clock.pass(0)
  expect(listening).toHaveLength(2)
})
