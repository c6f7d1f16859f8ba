import { once } from 'node:events'
import { renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { isListenedAt, isSocketPath } from '../../../src/platform/unix-socket.ts'
import { temporaryDirectory } from '../../support/registry.ts'

it('a socket that somebody listens at is told from one that was left, and from none', async () => {
  const path = join(temporaryDirectory(), 'some.sock')
  expect(await isListenedAt(path)).toBe(false)
  const server = createServer().listen(path)
  await once(server, 'listening')
  expect(await isListenedAt(path)).toBe(true)
  // Node removes the file of a server that it closes.
  renameSync(path, `${path}.left`)
  server.close()
  await once(server, 'close')
  expect(await isListenedAt(`${path}.left`)).toBe(false)
})

it('paths of more bytes than the kernel takes are none, whatever letters they have', () => {
  expect([
    isSocketPath('x'.repeat(107)),
    isSocketPath('x'.repeat(108)),
    isSocketPath('ä'.repeat(54)),
  ]).toEqual([true, false, false])
})
