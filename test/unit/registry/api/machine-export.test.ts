import { once } from 'node:events'
import { createServer, get, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyReply } from 'fastify'
import { expect, it } from 'vitest'
import { BearerTokens } from '../../../../src/registry/api/access/bearer-tokens.ts'
import { API_LIMITS } from '../../../../src/registry/api/limits.ts'
import { MachineExports } from '../../../../src/registry/api/machine-export.ts'
import type { Machine } from '../../../../src/registry/api/schemas/machines.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import { emptyDatabase } from '../../../support/databases.ts'
import { addHolders } from '../../../support/many-holders.ts'
import { localApi, testRegistry } from '../../../support/registry.ts'
import { silentLog } from '../../../support/silent-log.ts'

const MACHINES = 1_203

it('a file has all machines of a query, however many pages they are', async () => {
  const databasePath = await emptyDatabase()
  let secret = ''
  {
    await using store = await openStore(databasePath)
    await store.write((writable) =>
      addHolders(
        writable,
        Array.from({ length: MACHINES }, (_, number) => ({
          ...{ prefix: number.toString(2).padStart(16, '0'), serial: number + 1, subject_serial: number },
          ...{ email: `=${number}@example.com`, not_after: 4_000_000_000, reason: null },
        })),
      ),
    )
    const end = new Date(Date.now() + 3600_000).toISOString()
    const tokens = new BearerTokens(store, { now: () => Date.now() })
    const actor = { name: 'test', from: undefined }
    ;({ secret } = await tokens.make(actor, { label: 'export', scope: 'look', end }))
  }
  await using registry = await testRegistry({ databasePath, api: localApi() })
  const exported = async (target: string) => {
    const headers = { authorization: `Bearer ${secret}` }
    const response = await fetch(`http://127.0.0.1:${registry.pagePort}/api/v1/exports/${target}`, {
      headers,
    })
    return { response, text: await response.text() }
  }
  const json = await exported('machines.json?sort=serial&order=descending')
  expect(json.response.headers.get('content-disposition')).toContain('machines.json')
  expect((JSON.parse(json.text) as Machine[]).map(({ serial }) => serial)).toEqual(
    Array.from({ length: MACHINES }, (_, number) => MACHINES - number),
  )
  const csv = await exported('machines.csv')
  expect(csv.response.headers.get('content-type')).toContain('text/csv')
  const lines = csv.text.trimEnd().split('\r\n')
  expect(lines).toHaveLength(MACHINES + 1)
  expect(lines[0]).toBe(
    'name,machineName,email,state,subnet,address,serial,notAfter,lastSeen,version,platform,community,country',
  )
  // No spreadsheet takes it for a formula.
  expect(lines[3]).toContain(",'=2@example.com,never-seen,")
  expect(JSON.parse((await exported('machines.json?state=online')).text)).toEqual([])
  expect((await exported('machines.csv?state=gone')).response.status).toBe(400)
})

/** Exports of a network without an end, behind a server. */
async function endless() {
  let pages = 0
  const machine = { name: '1/16', email: 'x'.repeat(200), place: {} } as unknown as Machine
  const exports = new MachineExports(
    {
      list: async () => {
        pages += 1
        return { total: 1, items: Array<Machine>(500).fill(machine), next: 'next' }
      },
    },
    silentLog,
  )
  const answers: ServerResponse[] = []
  const server = createServer((_, raw) => {
    answers.push(raw)
    exports
      .write({}, 'json', { raw, hijack: () => {} } as unknown as FastifyReply)
      .catch((error: { status: number }) => raw.writeHead(error.status).end())
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    answers,
    pages: () => pages,
    async open(): Promise<IncomingMessage> {
      const request = get({ host: '127.0.0.1', port, agent: false })
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      return response
    },
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

it('what nobody reads is not written, nor looked up', async () => {
  using network = await endless()
  const response = await network.open()
  response.pause()
  await expect.poll(() => network.answers[0]?.writableNeedDrain).toBe(true)
  const pages = network.pages()
  await new Promise((resolve) => setImmediate(resolve))
  expect(network.pages()).toBe(pages)
  response.resume()
  await expect.poll(network.pages).toBeGreaterThan(pages)
  response.destroy()
})

it('more than some are not written at once, until one has ended', async () => {
  using network = await endless()
  const responses: IncomingMessage[] = []
  while (responses.length < API_LIMITS.exports) responses.push((await network.open()).pause())
  expect((await network.open()).statusCode).toBe(503)
  responses[0]?.destroy()
  await expect
    .poll(async () => {
      const response = (await network.open()).pause()
      const { statusCode } = response
      response.destroy()
      return statusCode
    })
    .toBe(200)
})
