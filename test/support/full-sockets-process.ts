// Both ends of a link on which more comes than is read: `read` opens the sockets of Babel and is busy until a file is there, then
// counts what had come; `send` sends packets to the group. Arguments: which, own link-local address, file or number.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { BABEL_GROUP, BABEL_PORT } from '../../src/core/babel/wire/numbers.ts'
import { openBabelSockets } from '../../src/node/routing/babel/sockets.ts'

const PACKET_BYTES = 1_300
const CALM_MS = 500
const [, , which, address = '', last = ''] = process.argv

async function read(): Promise<void> {
  let count = 0
  let calm: NodeJS.Timeout | undefined
  await openBabelSockets({
    iface: 'tap',
    address,
    onError: (error) => {
      throw error
    },
    onDatagram({ source }) {
      if (source === address) return
      count++
      calm?.refresh()
    },
  })
  console.log('open')
  await once(process.stdin, 'data')
  console.log('busy')
  setImmediate(() => {
    while (!existsSync(last));
    calm = setTimeout(() => {
      console.log(`read ${count}`)
      process.exit(0)
    }, CALM_MS)
  })
}

async function send(): Promise<void> {
  const socket = createSocket({ type: 'udp6' })
  socket.bind({ port: BABEL_PORT, address: `${address}%tap` })
  await once(socket, 'listening')
  socket.setMulticastInterface('::%tap')
  const packet = new Uint8Array(PACKET_BYTES)
  for (let sent = 0; sent < Number(last); sent++)
    await new Promise<void>((resolve, reject) =>
      socket.send(packet, BABEL_PORT, `${BABEL_GROUP}%tap`, (error) => (error ? reject(error) : resolve())),
    )
  console.log('sent')
  socket.close()
}

await (which === 'read' ? read() : send())
