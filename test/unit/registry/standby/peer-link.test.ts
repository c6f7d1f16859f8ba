import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { expect, it } from 'vitest'
import { systemClock } from '../../../../src/platform/clock.ts'
import { listen } from '../../../../src/registry/server/listen.ts'
import { connectToPeer, peerServer } from '../../../../src/registry/standby/peer-link.ts'
import type { PeerStream } from '../../../../src/registry/standby/peer-stream.ts'

const SECRET = 'of both, and of nobody else, of this test'

it('who has stopped answers nobody whose handshake had begun: the connection ends', async () => {
  const answered: PeerStream[] = []
  const server = peerServer(SECRET, systemClock, (stream) => answered.push(stream))
  const port = await listen(server, { kind: 'address', address: '127.0.0.1', port: 0 })
  server.once('connection', () => server[Symbol.dispose]())
  const ended = await connectToPeer({ host: '127.0.0.1', port, secret: SECRET }, systemClock).then(
    (stream) => stream.ended,
    () => 'not connected',
  )
  expect(ended).toMatch(/^(it has ended the connection|not connected|.*ECONNRESET)$/)
  expect(answered).toEqual([])
})

it('connections of strangers, who have no secret, keep the other registry from nothing', async () => {
  let answered = 0
  const server = peerServer(SECRET, systemClock, () => {
    answered += 1
  })
  const port = await listen(server, { kind: 'address', address: '127.0.0.1', port: 0 })
  const strangers: Socket[] = []
  try {
    for (let count = 0; count < 400; count++) {
      const localAddress = count < 100 ? '127.0.0.2' : `127.0.3.${1 + (count % 200)}`
      const socket = connect({ host: '127.0.0.1', port, localAddress })
      strangers.push(socket.on('error', () => {}))
      await once(socket, 'connect')
    }
    using stream = await connectToPeer({ host: '127.0.0.1', port, secret: SECRET }, systemClock)
    stream.say({ kind: 'ask' })
    expect(answered).toBe(1)
  } finally {
    for (const socket of strangers) socket.destroy()
    server[Symbol.dispose]()
  }
})
