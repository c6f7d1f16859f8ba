import { once } from 'node:events'
import { type AddressInfo, connect } from 'node:net'
import { text } from 'node:stream/consumers'
import { expect, it } from 'vitest'
import { systemClock } from '../../../../src/platform/clock.ts'
import type { Logger } from '../../../../src/platform/log.ts'
import {
  changeAdministrator,
  removeAdministrator,
  setAdministrator,
} from '../../../../src/registry/api/access/administrators.ts'
import { API_LIMITS } from '../../../../src/registry/api/limits.ts'
import { type ApiServerComponents, ApiServers } from '../../../../src/registry/api/server.ts'
import type { Store } from '../../../../src/registry/database/store.ts'
import { emptyStore } from '../../../support/databases.ts'
import { silentLog } from '../../../support/silent-log.ts'

const actor = { name: 'test', from: undefined }
const PASSWORD = 'correct horse battery'

/** The page and the API on a store. */
async function pageOf(store: Store, components: Partial<ApiServerComponents> = {}) {
  const servers = new ApiServers({
    ...{ store, clock: systemClock, log: silentLog, files: new Map(), trustedProxies: new Set() },
    ...{ openId: undefined, clientAuthorities: [], handshakes: undefined, url: undefined },
    handlers: {} as ApiServerComponents['handlers'],
    stream: {} as ApiServerComponents['stream'],
    exports: {} as ApiServerComponents['exports'],
    ...components,
  })
  const server = await servers.create('public')
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

const signIn = (url: string, headers: Record<string, string> = {}) =>
  fetch(`${url}/api/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ name: 'ann', password: PASSWORD }),
  })

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
  await using store = await emptyStore()
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
  await using page = await pageOf(store)
  const answer = await signIn(page.url)
  expect(isRead).toBe(true)
  expect(answer.status).toBe(401)
  expect(answer.headers.get('set-cookie')).toBeNull()
  expect(await store.all('SELECT * FROM admin_session')).toEqual([])
})

it('a proxy that was not named, whose clients all count as one, is warned of once', async () => {
  await using store = await emptyStore()
  const warnings: unknown[] = []
  const log = { warn: (fields: unknown) => warnings.push(fields) } as unknown as Logger
  await using page = await pageOf(store, { log })
  const ask = (headers: Record<string, string>) => fetch(`${page.url}/api/v1/session`, { headers })
  await ask({})
  expect(warnings).toEqual([])
  for (const client of ['192.0.2.1', '192.0.2.2']) await ask({ 'x-forwarded-for': client })
  expect(warnings).toEqual([{ proxy: '127.0.0.1' }])
})

/** Asks for several clients of a proxy, on one connection. @returns the status of each answer */
async function askFor(clients: readonly string[], url: string): Promise<number[]> {
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  const asked = clients.map(
    (client, at) =>
      `GET /nothing.here HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Forwarded-For: ${client}\r\nConnection: ${at < clients.length - 1 ? 'keep-alive' : 'close'}\r\n\r\n`,
  )
  socket.write(asked.join(''))
  return [...(await text(socket)).matchAll(/HTTP\/1\.1 (\d+)/g)].map(([, status]) => Number(status))
}

it('calls of many who have not signed in are refused beyond what there is for all of them, others are not', async () => {
  await using store = await emptyStore()
  await setAdministrator(store, actor, { name: 'ann', role: 'look', password: PASSWORD }, Date.now())
  await using page = await pageOf(store, {
    clock: { ...systemClock, monotonicMs: () => 0 },
    trustedProxies: new Set(['127.0.0.1']),
  })
  expect((await signIn(page.url, { 'x-forwarded-for': '192.0.2.7' })).status).toBe(200)
  const strangers = Array.from({ length: 10 }, (_, number) => `192.0.2.${100 + number}`)
  const answered: number[] = []
  while (!answered.includes(503) && answered.length < 2 * API_LIMITS.strangersAtOnce)
    answered.push(...(await askFor(strangers, page.url)))
  // One call was that which signed somebody in.
  expect(answered.filter((status) => status === 404)).toHaveLength(API_LIMITS.strangersAtOnce - 1)
  expect(await askFor(['192.0.2.200', '192.0.2.7'], page.url)).toEqual([503, 404])
})
