import { once } from 'node:events'
import { mkdtemp, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { closeServer, listen } from '../../../../src/registry/server/listen.ts'

let directory: string
let socket: string
const opened: ReturnType<typeof createServer>[] = []
const newServer = () => {
  const server = createServer((_, response) => response.end('here'))
  opened.push(server)
  return server
}

beforeEach(async () => {
  directory = await mkdtemp(path.join(tmpdir(), 'listen-'))
  socket = path.join(directory, 'socket')
})
afterEach(async () => {
  for (const server of opened.splice(0)) await closeServer(server)
  await rm(directory, { recursive: true })
})

it('a Unix socket is for our user; one that is listened at is left alone', async () => {
  const first = newServer()
  expect(await listen(first, { kind: 'socket', path: socket })).toBe(0)
  expect((await stat(socket)).mode & 0o777).toBe(0o600)
  await expect(listen(newServer(), { kind: 'socket', path: socket })).rejects.toMatchObject({
    code: 'SYSTEM',
    message: expect.stringContaining('another program listens there'),
  })
  const probe = connect(socket)
  await once(probe, 'connect')
  probe.destroy()
})

it('a Unix socket in a directory that is not there is refused with what to do', async () => {
  const nowhere = path.join(directory, 'nowhere', 'socket')
  await expect(listen(newServer(), { kind: 'socket', path: nowhere })).rejects.toThrow(
    'its directory is not there',
  )
})

it('a port that is in use is said to be', async () => {
  for (const [address, written] of [
    ['::1', '[::1]'],
    ['127.0.0.1', '127.0.0.1'],
  ] as const) {
    const port = await listen(newServer(), { kind: 'address', address, port: 0 })
    await expect(listen(newServer(), { kind: 'address', address, port })).rejects.toThrow(
      `cannot listen on ${written}:${port}: another program listens there: give another port`,
    )
  }
})

it('a connection that cannot be accepted, for want of file descriptors, is not the end of the registry', async () => {
  const server = newServer()
  const port = await listen(server, { kind: 'address', address: '::1', port: 0 })
  // What Node says then.
  server.emit('error', Object.assign(new Error('accept ENFILE'), { code: 'ENFILE' }))
  const client = connect(port, '::1')
  await once(client, 'connect')
  client.destroy()
})
