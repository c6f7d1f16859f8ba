import { once } from 'node:events'
import { createServer, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, it } from 'vitest'
import { whenAnswered } from '../../../../src/registry/api/when-answered.ts'

/** A server that is asked once, and the answer that it is to give. */
async function asked() {
  const server = createServer()
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const { port } = server.address() as AddressInfo
  const client = request({ host: '127.0.0.1', port, agent: false })
  client.on('error', () => {})
  client.end()
  const [, response] = (await once(server, 'request')) as [unknown, ServerResponse]
  return { client, response, [Symbol.dispose]: () => void server.close() }
}

it('who waits for an answer is told when it was given', async () => {
  using asking = await asked()
  let isTold = false
  const told = new Promise<void>((resolve) => {
    whenAnswered(asking.response, () => {
      isTold = true
      resolve()
    })
  })
  expect(isTold).toBe(false)
  asking.response.end('answer')
  await told
})

it('who waits for one whose client has gone while it was made is told as well', async () => {
  using asking = await asked()
  const gone = once(asking.response, 'close')
  asking.client.destroy()
  await gone
  await new Promise<void>((resolve) => whenAnswered(asking.response, resolve))
})
