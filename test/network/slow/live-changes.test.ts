import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { copyUntil, renewAuthority } from '../../../lab/authority.ts'
import { type Lab, withLab } from '../../../lab/lab.ts'
import { missingPairs, PingMonitor, pingAllPairs } from '../../../lab/pings.ts'
import { programOf } from '../../../lab/programs.ts'
import { Re6stNetwork } from '../../../lab/re6st-network.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import type { AuthorityState } from '../../../src/registry/api/schemas/authority.ts'
import { DEADLINE_MS, statusOf, versionOf } from '../../support/networks.ts'

const PING_MS = 10
const DAY_MS = 86_400_000
/** Certificates that end so soon are renewed. */
const DUE_MS = 20 * DAY_MS
/** What was changed has taken effect: keys that go are kept for whoever restarts, others count at once. */
const KEYS_SETTLE_MS = 20_000
const SETTLE_MS = 3_000

/** A certificate that is due, on the machine of a node that does not run, and at the registry, which is stopped meanwhile. */
async function makeDue(network: Re6stNetwork, node: Re6stNode): Promise<void> {
  const due = await copyUntil(
    network.authority,
    readFileSync(node.certificateFile, 'utf8'),
    Date.now() + DUE_MS,
  )
  writeFileSync(node.certificateFile, due)
  const database = new Database(network.registryFile('registry.db'))
  database.prepare('UPDATE cert SET cert = ? WHERE prefix = ?').run(due, node.prefix)
  database.close()
}

/** Something about the machine's own network changes: what is due is looked at. */
const move = ({ machine }: Re6stNode) =>
  machine.run('ip', '-6', 'addr', 'add', 'fd00:7::1/64', 'dev', 'eth0', 'nodad')

const authorityOf = (node: Re6stNode): string =>
  readFileSync(path.join(node.configurationDirectory, 'ca.crt'), 'utf8')

/** How many machines have the present CA, and which say that they have another one. */
async function holdersOfAuthority(network: Re6stNetwork) {
  const { stdout } = await network.registryMachine.run(
    ...programOf('re6st-registry'),
    ...['ca', 'status', '--json', '--ca', network.authority.caFile],
    ...['--db', network.registryFile('registry.db')],
  )
  const { served } = JSON.parse(stdout) as { served: AuthorityState }
  return { have: served.have, behind: served.former.flatMap(({ machines }) => machines) }
}

async function withDueCertificates(
  scenario: (made: {
    readonly lab: Lab
    readonly network: Re6stNetwork
    readonly nodes: readonly [
      own: Re6stNode,
      one: Re6stNode,
      other: Re6stNode,
      revoked: Re6stNode,
      off: Re6stNode,
    ]
  }) => Promise<void>,
): Promise<void> {
  await withLab({ name: 'live-changes' }, async (lab) => {
    const registryOn = await lab.host('registry')
    const network = await Re6stNetwork.create(lab, { registryOn })
    await network.stopRegistry()
    await renewAuthority(network.authority, { notAfterMs: Date.now() + DUE_MS })
    await network.startRegistry()
    const own = await network.join(registryOn)
    const join = async (name: string) => network.join(await lab.host(name))
    const [one, other] = [await join('n1'), await join('n2')]
    const [revoked, off] = [await join('n3'), await join('n4')]
    await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
    // It starts with what is due, and cannot have it renewed for now.
    await one.stop()
    await network.stopRegistry()
    await makeDue(network, one)
    one.start()
    await network.allPairsPing({ deadlineMs: 2 * DEADLINE_MS })
    await network.startRegistry()
    await scenario({ lab, network, nodes: [own, one, other, revoked, off] })
  })
}

test('keys, hello, numbers of tunnels, certificates and a revocation change while the network runs, and not a packet is lost', () =>
  withDueCertificates(async ({ lab, network, nodes }) => {
    const [own, one, other, revoked, off] = nodes
    const monitors = [
      new PingMonitor(one.machine, other.address, PING_MS),
      new PingMonitor(other.machine, own.address, PING_MS),
    ]
    const areSteady = (forMs: number) => () => monitors.every(({ steadyMs }) => steadyMs > forMs)
    await lab.waitFor(areSteady(SETTLE_MS), { what: 'steady pings', deadlineMs: DEADLINE_MS })
    const lost: Record<string, readonly number[]> = {}
    const during = async (what: string, change: () => Promise<void>, settleMs = SETTLE_MS) => {
      for (const monitor of monitors) monitor.reset()
      await change()
      const changed = performance.now()
      await lab.waitFor(() => performance.now() - changed > settleMs, { what, deadlineMs: 2 * DEADLINE_MS })
      const series = await Promise.all(monitors.map((monitor) => monitor.measured()))
      for (const { sent } of series) expect(sent).toBeGreaterThan(20)
      lost[what] = series.map(({ sent, received }) => sent - received)
    }
    const heard = (present: readonly Re6stNode[], before: string) =>
      lab.waitFor(
        async () => {
          const versions = new Set(await Promise.all(present.map(versionOf)))
          return versions.size === 1 && !versions.has(before)
        },
        { what: 'all to hear of the change', deadlineMs: DEADLINE_MS },
      )
    const setOption = async (option: string, value: string) => {
      const before = await versionOf(own)
      await network.stopRegistry()
      await network.startRegistry(option, value)
      await heard(nodes, before)
    }

    await off.stop()
    await during(
      'a rotation of the keys with a node off',
      async () => {
        for (let step = 0; step < 3; step++) {
          const before = await versionOf(own)
          await network.callRegistry('updateHMAC')
          await heard([own, one, other, revoked], before)
        }
      },
      KEYS_SETTLE_MS,
    )
    await during('the return of that node', async () => {
      off.start()
      await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    })
    await during('another hello interval', () => setOption('--hello', '3'))
    expect((await statusOf(one)).configuration.helloSeconds).toBe(3)
    await during('more client tunnels', () => setOption('--client-count', '12'))
    expect((await statusOf(one)).configuration.clientCount).toBe(12)
    await during('fewer clients of servers', () => setOption('--max-clients', '7'))
    expect((await statusOf(one)).configuration.maxClients).toBe(7)
    await during('another refresh of tunnels', () => setOption('--tunnel-refresh', '200'))
    await during('a revocation of another node', async () => {
      const before = await versionOf(own)
      await network.callRegistry('revoke', { cn_or_serial: revoked.subnetName })
      await heard([own, one, other, off], before)
      await lab.waitFor(async () => missingPairs(await pingAllPairs([own, revoked], 500)).length === 2, {
        what: `${revoked.name} to be shut out`,
        deadlineMs: DEADLINE_MS,
      })
    })
    const { serialNumber } = one.certificate
    const authority = authorityOf(one)
    await during('a renewal of the own certificate and of the CA', async () => {
      await network.stopRegistry()
      await renewAuthority(network.authority, { notAfterMs: Date.now() + 1_000 * DAY_MS })
      await network.startRegistry()
      await move(one)
      await lab.waitFor(
        () => one.certificate.serialNumber !== serialNumber && authorityOf(one) !== authority,
        { what: 'the renewal', deadlineMs: DEADLINE_MS },
      )
      // It says so at once; the others have nothing newer to ask for yet, or have not looked.
      await lab.waitFor(async () => (await holdersOfAuthority(network)).have > 0, {
        what: 'the registry to hear who has the renewed CA',
        deadlineMs: DEADLINE_MS,
      })
    })
    expect((await holdersOfAuthority(network)).behind).not.toContain(one.subnetName)
    expect(lost).toEqual(Object.fromEntries(Object.keys(lost).map((what) => [what, monitors.map(() => 0)])))
    await network.allPairsPing({ nodes: [own, one, other, off], deadlineMs: DEADLINE_MS })
  }))
