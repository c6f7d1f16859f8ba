import { createSocket, type RemoteInfo, type Socket } from 'node:dgram'
import { connect, createServer } from 'node:net'

/*
 * A relay before the server of a tunnel: what comes to a port of its machine goes to the same port of another, and back. Each
 * SIGUSR2 makes everything take longer from then on, or as long as before. Arguments: `tcp` or `udp`, the port, the address of
 * the server, milliseconds each way.
 */

const [protocol = '', port = '', server = '', delay = ''] = process.argv.slice(2)
const PORT = Number(port)
let isSlow = false
process.on('SIGUSR2', () => {
  isSlow = !isSlow
})

/** One direction: what is pushed comes out later, in order. */
class DelayLine {
  readonly #waiting: { readonly atMs: number; readonly deliver: () => void }[] = []
  #lastMs = 0
  #timer: NodeJS.Timeout | undefined

  push(deliver: () => void): void {
    const nowMs = performance.now()
    // Nothing overtakes what is still on its way.
    this.#lastMs = Math.max(this.#lastMs, nowMs + (isSlow ? Number(delay) : 0))
    if (this.#waiting.length === 0 && this.#lastMs <= nowMs) return deliver()
    this.#waiting.push({ atMs: this.#lastMs, deliver })
    this.#wait()
  }

  #wait(): void {
    const [next] = this.#waiting
    if (next === undefined) return
    this.#timer ??= setTimeout(() => this.#run(), Math.max(0, next.atMs - performance.now()))
  }

  #run(): void {
    this.#timer = undefined
    while ((this.#waiting[0]?.atMs ?? Number.POSITIVE_INFINITY) <= performance.now())
      this.#waiting.shift()?.deliver()
    this.#wait()
  }
}

function relayTcp(): void {
  createServer({ noDelay: true, allowHalfOpen: true }, (client) => {
    const target = connect({ host: server, port: PORT, noDelay: true, allowHalfOpen: true })
    for (const [from, to] of [
      [client, target],
      [target, client],
    ] as const) {
      const line = new DelayLine()
      from.on('data', (bytes) => line.push(() => void to.write(bytes)))
      from.on('end', () => line.push(() => void to.end()))
      from.on('error', () => to.destroy())
      from.on('close', () => line.push(() => void to.destroy()))
    }
  }).listen(PORT)
}

function relayUdp(): void {
  const listening = createSocket('udp4')
  const towards = new Map<string, { readonly socket: Socket; readonly line: DelayLine }>()
  const clientOf = ({ address, port: clientPort }: RemoteInfo) => {
    const key = `${address} ${clientPort}`
    const known = towards.get(key)
    if (known) return known
    const socket = createSocket('udp4')
    const back = new DelayLine()
    socket.on('message', (bytes) => back.push(() => listening.send(bytes, clientPort, address)))
    // The server may be away: its machine says so, and its client finds out by itself.
    socket.on('error', () => {})
    const client = { socket, line: new DelayLine() }
    towards.set(key, client)
    return client
  }
  listening.on('message', (bytes, sender) => {
    const { socket, line } = clientOf(sender)
    line.push(() => socket.send(bytes, PORT, server))
  })
  listening.bind(PORT)
}

if (protocol === 'tcp') relayTcp()
else relayUdp()
console.log('ready')
