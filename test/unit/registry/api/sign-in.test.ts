import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { systemClock } from '../../../../src/platform/clock.ts'
import {
  changeAdministrator,
  removeAdministrator,
  setAdministrator,
} from '../../../../src/registry/api/access/administrators.ts'
import { type ApiServerComponents, ApiServers } from '../../../../src/registry/api/server.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import type { Store } from '../../../../src/registry/database/store.ts'
import { silentLog } from '../../../support/silent-log.ts'

const actor = { name: 'test', from: undefined }
const PASSWORD = 'correct horse battery'

it.each([
  [
    'removed',
    (store: Store) => removeAdministrator(store, actor, { name: 'ann', mayBeLast: true }, Date.now()),
  ],
  [
    'given less',
    (store: Store) => changeAdministrator(store, actor, { name: 'ann', role: 'look' }, Date.now()),
  ],
  [
    'disabled',
    (store: Store) => changeAdministrator(store, actor, { name: 'ann', isDisabled: true }, Date.now()),
  ],
] as const)('who is %s while the password is looked at is not signed in', async (_, act) => {
  await using store = await openStore(':memory:')
  for (const name of ['ann', 'bob'])
    await setAdministrator(store, actor, { name, role: 'administer', password: PASSWORD }, Date.now())
  const all = store.all.bind(store)
  let isRead = false
  store.all = async <Row>(sql: string, ...values: Parameters<Store['all']>[1][]): Promise<Row[]> => {
    const rows = await all<Row>(sql, ...values)
    // The row with the password has been read: now it changes.
    if (!isRead && sql.startsWith('SELECT * FROM admin ')) {
      isRead = true
      await act(store)
    }
    return rows
  }
  const servers = new ApiServers({
    ...{ store, clock: systemClock, log: silentLog, files: new Map(), trustedProxies: new Set() },
    ...{ openId: undefined, clientAuthorities: [], handshakes: undefined, url: undefined },
    handlers: {} as ApiServerComponents['handlers'],
    stream: {} as ApiServerComponents['stream'],
  })
  const server = await servers.create('public')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  try {
    const { port } = server.address() as AddressInfo
    const answer = await fetch(`http://127.0.0.1:${port}/api/v1/session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: 'ann', password: PASSWORD }),
    })
    expect(isRead).toBe(true)
    expect(answer.status).toBe(401)
    expect(answer.headers.get('set-cookie')).toBeNull()
    expect(await store.all('SELECT * FROM admin_session')).toEqual([])
  } finally {
    server.closeAllConnections()
    server.close()
  }
})
