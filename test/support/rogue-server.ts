import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/** An HTTP server that answers with whatever bytes a test wants. */
export interface RogueServer extends AsyncDisposable {
  readonly url: string
  /** Request targets that came. */
  readonly targets: readonly string[]
}

/** @param answer called with each request's target; it writes to the socket, and ends it or not */
export async function startRogueServer(
  answer: (socket: Socket, target: string) => void,
): Promise<RogueServer> {
  const targets: string[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {}).on('close', () => sockets.delete(socket))
    socket.once('data', (head) => {
      const target = String(head).split(' ')[1] ?? ''
      targets.push(target)
      answer(socket, target)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    targets,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}

/** A whole answer. */
export const httpAnswer = (
  body: Uint8Array | string,
  { status = 200, headers = {} }: { status?: number; headers?: Readonly<Record<string, string>> } = {},
): Buffer => {
  const bytes = Buffer.from(body)
  const lines = Object.entries({ 'Content-Length': String(bytes.length), ...headers })
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')
  return Buffer.concat([Buffer.from(`HTTP/1.1 ${status} X\r\n${head}\r\n`), bytes])
}
