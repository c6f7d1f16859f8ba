import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'
import { expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { httpExchange, httpGet } from '../../../src/platform/http-get.ts'
import { httpAnswer, startRogueServer } from '../../support/rogue-server.ts'

const CONNECT_TIMEOUT_MS = 500
/** Longer than the time to connect. */
const SLOW_MS = 3 * CONNECT_TIMEOUT_MS
/** For tests that others run beside. */
const LONG_MS = 30_000

const ask = (url: string) =>
  httpExchange(new URL(url), {
    target: '/',
    maxBodyLength: 1_000,
    signal: AbortSignal.timeout(LONG_MS),
    connectTimeoutMs: CONNECT_TIMEOUT_MS,
  })

it('a server that does not accept the connection is given up soon, and can be asked again', async () => {
  await using server = await startStoppedServer()
  for (const host of ['127.0.0.1', 'localhost']) {
    const startMs = performance.now()
    await expect(ask(`http://${host}:${server.port}/`)).rejects.toMatchObject({ code: 'ETIMEDOUT' })
    const tookMs = performance.now() - startMs
    expect(tookMs).toBeGreaterThanOrEqual(CONNECT_TIMEOUT_MS - 1)
    expect(tookMs).toBeLessThan(LONG_MS / 2)
  }
  server.resume()
  await waitFor(async () => (await ask(`http://127.0.0.1:${server.port}/`)).status === 200, {
    what: 'an answer when the server is there again',
    deadlineMs: LONG_MS,
  })
})

it('a server that has accepted the connection is given the time that the whole exchange has', async () => {
  await using server = await startRogueServer((socket) => {
    setTimeout(() => socket.end(httpAnswer('late')), SLOW_MS)
  })
  for (const host of ['127.0.0.1', 'localhost'])
    expect((await ask(server.url.replace('127.0.0.1', host))).body.toString()).toBe('late')
})

it('a server that has accepted the connection and says nothing is given up; one that has begun to answer is not', async () => {
  const begin = (url: string, beginTimeoutMs: number) =>
    httpGet(new URL(url), '/', { timeoutMs: LONG_MS, beginTimeoutMs, maxBodyLength: 1_000 })
  await using silent = await startRogueServer(() => {})
  for (const host of ['127.0.0.1', 'localhost'])
    await expect(begin(silent.url.replace('127.0.0.1', host), 300)).rejects.toThrow('no answer within 0.3 s')
  await using slow = await startRogueServer((socket) => {
    const answer = httpAnswer('slow').toString()
    socket.write(answer.slice(0, -2))
    setTimeout(() => socket.end(answer.slice(-2)), 2_500)
  })
  expect((await begin(slow.url, 2_000)).body.toString()).toBe('slow')
})

/** A server whose process does not run, and for which as many connections wait as the kernel keeps: of more it loses the SYN. */
async function startStoppedServer() {
  const program = `require('node:http').createServer((_, response) => response.end())
    .listen({ port: 0, host: '127.0.0.1', backlog: 1 }, function () { console.log(this.address().port) })`
  const child = spawn(process.execPath, ['-e', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  const [port] = (await once(createInterface(child.stdout), 'line')) as [string]
  child.kill('SIGSTOP')
  const waiting = Array.from({ length: 8 }, () => connect(Number(port), '127.0.0.1').on('error', () => {}))
  // The first two are taken.
  await Promise.all(waiting.slice(0, 2).map((socket) => once(socket, 'connect')))
  return {
    port: Number(port),
    resume() {
      for (const socket of waiting) socket.destroy()
      child.kill('SIGCONT')
    },
    async [Symbol.asyncDispose]() {
      for (const socket of waiting) socket.destroy()
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}
