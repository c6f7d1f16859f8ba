import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import pg from 'pg'
import { expect, it } from 'vitest'
import { PostgresListener } from '../../../src/registry/database/postgres-listener.ts'

/** What PostgreSQL says to who connects (its manual, "Message Formats"), with this code; without one, nothing. */
function refusal(code: string | undefined): Buffer {
  if (code === undefined) return Buffer.alloc(0)
  const fields = Buffer.from(`SFATAL\0VFATAL\0C${code}\0Msorry\0\0`)
  const head = Buffer.alloc(5)
  head.write('E')
  head.writeInt32BE(4 + fields.length, 1)
  return Buffer.concat([head, fields])
}

it.each([
  ['has no connection left for it', '53300', 0],
  ['shuts down', '57P03', 1],
  ['is gone', undefined, 1],
])('the connections that there are count as lost or not where a server %s', async (_, code, lost) => {
  const server = createServer((socket) => {
    socket.on('error', () => {})
    socket.once('data', () => socket.end(refusal(code)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const pool = new pg.Pool({ host: '127.0.0.1', port, user: 'nobody', database: 'none' })
  const lostPools: pg.Pool[] = []
  let asked = 0
  const listener = new PostgresListener({
    pool: async () => {
      // The first attempt is over.
      if (++asked === 2) listener.stop()
      return pool
    },
    lost: async (one) => void lostPools.push(one),
    heard: () => {},
    lookMs: 100,
  })
  await listener.run()
  expect(lostPools).toEqual(Array(lost).fill(pool))
  server.close()
})
