import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import path from 'node:path'
import { expect, test } from 'vitest'
import { memoryMb } from '../../../lab/process-cost.ts'
import type { Re6stNode } from '../../../lab/re6st-node.ts'
import { DEADLINE_MS, statusOf, withNetwork } from '../../support/networks.ts'

/** More than there may be. */
const SILENT_CLIENTS = 100
const ENDLESS_BYTES = 100e6

async function connected(node: Re6stNode, { allowHalfOpen = false } = {}): Promise<Socket> {
  const socket = connect({ path: path.join(node.runDirectory, 'control.sock'), allowHalfOpen })
  socket.on('error', () => {})
  await once(socket, 'connect')
  return socket
}

/** All that comes back for what is sent, until the node closes the connection or `isOver` says that it is all. */
async function answerTo(node: Re6stNode, sent: Uint8Array | string, isOver: (text: string) => boolean) {
  const socket = await connected(node)
  let received = ''
  socket.setEncoding('utf8').on('data', (part) => {
    received += String(part)
    if (isOver(received)) socket.destroy()
  })
  socket.write(sent)
  await once(socket, 'close')
  return received
}

const isLine = (text: string): boolean => text.endsWith('\n')

/** Writes a line that does not end, until nobody takes it any more. @returns bytes that were taken */
async function endlessLine(node: Re6stNode): Promise<number> {
  // It goes on although the node has said its last word.
  const socket = await connected(node, { allowHalfOpen: true })
  const more = Buffer.alloc(1 << 16, 'x')
  let sent = 0
  while (!socket.destroyed && sent < ENDLESS_BYTES) {
    sent += more.length
    if (!socket.write(more))
      await Promise.race([once(socket, 'drain'), once(socket, 'close')]).catch(() => {})
  }
  socket.destroy()
  return sent
}

test('whatever comes to its control socket, a node lives, keeps its memory and answers those who ask', () =>
  withNetwork('control-socket', { nodeCount: 1, helloSeconds: 1 }, async ({ lab, network, nodes }) => {
    const [, node] = nodes
    if (!node) throw new Error('the network has no second node')
    const pid = node.daemon?.pid ?? 0
    await statusOf(node)
    const before = memoryMb(pid, 'Anonymous')

    for (const request of ['{"request": "destroy"}', '{"request": 7}', '[[[', '{}', '"status"', '\0', ''])
      expect(JSON.parse(await answerTo(node, `${request}\n`, isLine)), request).toMatchObject({
        status: 'error',
      })
    for (let round = 0; round < 100; round++)
      expect(await answerTo(node, Buffer.concat([randomBytes(500), Buffer.from('\n')]), isLine)).toMatch(
        /"status":"error"/,
      )
    // Half a request, and then nothing.
    for (let round = 0; round < 100; round++) (await connected(node)).end('{"request": "sta')
    expect(await endlessLine(node)).toBeLessThan(ENDLESS_BYTES)
    expect((await statusOf(node)).connected).toBe(true)
    expect(memoryMb(pid, 'Anonymous') - before).toBeLessThan(30)

    // Those that say nothing fill all places until they leave, or are cut off.
    const silent = await Promise.all(Array.from({ length: SILENT_CLIENTS }, () => connected(node)))
    await network.allPairsPing({ deadlineMs: DEADLINE_MS })
    for (const socket of silent) socket.destroy()
    await lab.waitFor(async () => (await statusOf(node)).connected, {
      what: 'the node to answer again',
      deadlineMs: DEADLINE_MS,
    })
    expect(node.daemon?.end).toBeUndefined()
  }))
