import { connect, Server } from 'node:net'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { openManagementSocket } from '../../../../src/node/transport/management-socket.ts'
import { temporaryDirectory } from '../../../support/registry.ts'

afterEach(() => vi.restoreAllMocks())

it('a connection that cannot be accepted, for want of file descriptors, is not the end of the node', async () => {
  const listening = vi.spyOn(Server.prototype, 'listen')
  const path = join(temporaryDirectory(), 'socket')
  const management = await openManagementSocket(path)
  const [server] = listening.mock.contexts as Server[]
  // What Node says then.
  server?.emit('error', Object.assign(new Error('accept ENFILE'), { code: 'ENFILE' }))
  const client = connect(path)
  const connection = await management.connection
  expect(server).toBeInstanceOf(Server)
  connection.destroy()
  client.destroy()
  management.close()
})
