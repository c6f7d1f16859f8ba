import { mkdtemp, rm } from 'node:fs/promises'
import { createServer, get } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { ApiListeners } from '../../../src/registry/api-listeners.ts'
import { silentLog } from '../../support/silent-log.ts'

/** How often the API is to fail before it can be made. */
const api = vi.hoisted(() => ({ failures: 0, made: 0 }))
vi.mock('../../../src/registry/api/api.ts', () => ({
  async makeApi() {
    if (api.failures-- > 0) throw new Error('EMFILE')
    api.made++
    return {
      create: async () => createServer((_, response) => response.end('here')),
      [Symbol.dispose]() {},
    }
  },
}))

let directory: string
beforeEach(async () => {
  Object.assign(api, { failures: 0, made: 0 })
  directory = await mkdtemp(path.join(tmpdir(), 'api-listeners-'))
})
afterEach(() => rm(directory, { recursive: true }))

const asked = (socketPath: string): Promise<string> =>
  new Promise((resolve) => {
    const request = get({ socketPath, path: '/' }, (response) => {
      response.setEncoding('utf8').on('data', (text: string) => resolve(text))
    })
    request.on('error', () => resolve('no answer'))
  })

it('what commands ask is loaded when the first one asks; if that fails, the next one has it loaded again', async () => {
  api.failures = 1
  const socketPath = path.join(directory, 'socket')
  const components = { log: silentLog } as unknown as ConstructorParameters<typeof ApiListeners>[0]
  await using listeners = new ApiListeners(components)
  await listeners.open({
    listener: undefined,
    socketPath,
    pageUrl: undefined,
    registryUrl: undefined,
    pageFolder: directory,
  })
  expect(api.made).toBe(0)
  expect(await asked(socketPath)).toBe('no answer')
  expect([await asked(socketPath), await asked(socketPath)]).toEqual(['here', 'here'])
  expect(api.made).toBe(1)
})
