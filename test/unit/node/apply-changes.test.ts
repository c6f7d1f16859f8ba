import { expect, it } from 'vitest'
import type { NetworkChange } from '../../../src/core/config/changes.ts'
import type { NetworkConfig } from '../../../src/core/config/network-config.ts'
import { applyChanges, type ChangeableParts } from '../../../src/node/apply-changes.ts'
import type { VersionsSeen } from '../../../src/node/mac-keys.ts'
import { silentLog } from '../../support/silent-log.ts'

/** Parts that write down what is done to them. */
function recording() {
  const done: string[] = []
  const doing = (what: string) => async () => void done.push(what)
  const parts = {
    router: { reconfigure: doing('reconfigure') },
    macKeys: { change: (_: unknown, { newestMs }: VersionsSeen) => void done.push(`keys of ${newestMs}`) },
    revocation: { end: () => void done.push('end revoked') },
    transport: { configure: () => void done.push('transport') },
    nodeIpv4: { apply: doing('ipv4') },
    forwarding: { setServers: () => void done.push('forwarding') },
    renewal: { lookNow: () => {} },
    settings: { transport: {}, servers: [], places: [] },
    advertisement: { serversChanged: () => void done.push('advertise') },
    tunnels: { servers: { restart: doing('restart servers'), provide: doing('provide servers') } },
    configureTunnels: () => void done.push('tunnels'),
    routerSettings: () => ({}),
    versionsSeen: () => ({ newestMs: 7, previousMs: undefined }),
    log: silentLog,
    signal: new AbortController().signal,
  } as unknown as ChangeableParts
  return { done, parts }
}

it.each<[NetworkChange, string[]]>([
  [{ kind: 'mac-keys' }, ['keys of 7']],
  [{ kind: 'revoked' }, ['end revoked']],
  [{ kind: 'encryption' }, ['restart servers']],
  [{ kind: 'tunnel-limits' }, ['tunnels', 'advertise', 'forwarding', 'provide servers']],
  [{ kind: 'registry-node' }, ['tunnels']],
  [{ kind: 'ipv4-payload' }, ['ipv4', 'reconfigure']],
  [{ kind: 'protocol' }, []],
])('$kind is taken into effect, and nothing else', async (change, expected) => {
  const { done, parts } = recording()
  applyChanges(parts, {} as NetworkConfig, [change])
  await new Promise((resolve) => setImmediate(resolve))
  expect(done).toEqual(['transport', ...expected])
})
