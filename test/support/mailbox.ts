import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { SMTPServer } from 'smtp-server'

/** A mail as it arrived. */
interface ReceivedMail {
  readonly to: readonly string[]
  /** What the client calls itself in EHLO. */
  readonly hello: string
  readonly text: string
  /** Who logged in, if somebody did. */
  readonly user: string | undefined
  readonly isEncrypted: boolean
}

/** A real SMTP server on loopback that keeps what it gets. */
export interface Mailbox extends AsyncDisposable {
  readonly port: number
  readonly received: readonly ReceivedMail[]
}

/** What an SMTP server wants of its clients; nothing by default. */
export interface MailboxOptions {
  /** STARTTLS is offered, with this key and certificate. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Only who knows these may send. */
  readonly login?: { readonly user: string; readonly password: string }
}

export async function mailbox({ tls, login }: MailboxOptions = {}): Promise<Mailbox> {
  const received: ReceivedMail[] = []
  const server = new SMTPServer({
    authOptional: login === undefined,
    allowInsecureAuth: tls === undefined,
    ...(tls ?? { disabledCommands: ['STARTTLS'] }),
    onAuth: ({ username, password }, _, done) =>
      username === login?.user && password === login?.password
        ? done(null, { user: username })
        : done(new Error('who are you?')),
    onData(stream, { envelope, user, secure, hostNameAppearsAs }, done) {
      const chunks: Buffer[] = []
      stream.on('data', (chunk: Buffer) => chunks.push(chunk))
      stream.on('end', () => {
        received.push({
          hello: String(hostNameAppearsAs),
          to: envelope.rcptTo.map(({ address }) => address),
          user: typeof user === 'string' ? user : undefined,
          isEncrypted: secure === true,
          text: Buffer.concat(chunks).toString('utf8').replaceAll('\r\n', '\n'),
        })
        done()
      })
    },
  })
  server.listen(0, '127.0.0.1')
  await once(server.server, 'listening')
  return {
    port: (server.server.address() as AddressInfo).port,
    received,
    [Symbol.asyncDispose]: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
