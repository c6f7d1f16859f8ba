import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'

/**
 * How a mail server is: `takes` mails; puts off whom it does not know (`later`); does not want an address (`refuses`); says nothing at
 * all (`silent`); takes nobody's mail (`closed`); is gone when it has got a mail (`forgets`).
 */
export type MailServerMood = 'takes' | 'later' | 'refuses' | 'silent' | 'closed' | 'forgets'

interface GotMail {
  readonly to: string
  readonly text: string
}

/** An SMTP server on loopback that is as a test wants it. */
export class OddMailServer implements AsyncDisposable {
  mood: MailServerMood = 'takes'
  /** Addresses that are not wanted, whatever its mood is. */
  readonly unwanted = new Set<string>()
  /** The same of those that are wanted later. */
  readonly putOff = new Set<string>()
  /** The same of those at which it hangs up. */
  readonly dreaded = new Set<string>()
  /** Mails that it has got as a whole, whether it said so or not. */
  readonly got: GotMail[] = []
  /** How often somebody wanted to say something to it. */
  connections = 0
  readonly #sockets = new Set<Socket>()
  readonly #server = createServer((socket) => this.#serve(socket))

  /** Starts one, which takes mails. */
  static async start(): Promise<OddMailServer> {
    const server = new OddMailServer()
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  #serve(socket: Socket): void {
    this.connections++
    this.#sockets.add(socket)
    socket.on('error', () => {}).once('close', () => this.#sockets.delete(socket))
    if (this.mood === 'silent') return
    socket.write(this.mood === 'closed' ? '554 no mail here\r\n' : '220 odd\r\n')
    let [rest, to] = ['', '']
    let text: string[] | undefined
    socket.setEncoding('utf8').on('data', (part: string) => {
      const lines = (rest + part).split('\r\n')
      rest = lines.pop() ?? ''
      for (const line of lines)
        if (text && line === '.') {
          this.got.push({ to, text: text.join('\n') })
          text = undefined
          if (this.mood === 'forgets') socket.destroy()
          else socket.write('250 OK\r\n')
        } else if (text) text.push(line)
        else {
          to = /^RCPT TO:<(.*)>/i.exec(line)?.[1] ?? to
          if (/^DATA/i.test(line)) text = []
          if (/^RCPT/i.test(line) && this.dreaded.has(to)) return void socket.destroy()
          socket.write(`${this.#answerTo(line, to)}\r\n`)
        }
    })
  }

  #answerTo(line: string, to: string): string {
    if (/^DATA/i.test(line)) return '354 go on'
    if (/^RCPT/i.test(line)) {
      if (this.mood === 'later' || this.putOff.has(to)) return '451 4.7.1 greylisted, come back later'
      if (this.mood === 'refuses' || this.unwanted.has(to)) return '550 5.1.1 no such user'
    }
    return /^QUIT/i.test(line) ? '221 bye' : '250 OK'
  }

  /** Ends all connections. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.hangUp()
    this.#server.close()
  }
}
