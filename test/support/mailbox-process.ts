import { SMTPServer } from 'smtp-server'

/* A real SMTP server for a namespace of its own: prints each mail that arrives on this port as a line of JSON. */

const [port = ''] = process.argv.slice(2)
new SMTPServer({
  authOptional: true,
  disabledCommands: ['STARTTLS'],
  onData(stream, { envelope }, done) {
    const chunks: Buffer[] = []
    stream.on('data', (chunk: Buffer) => chunks.push(chunk))
    stream.on('end', () => {
      const to = envelope.rcptTo.map(({ address }) => address)
      console.log(JSON.stringify({ to, text: Buffer.concat(chunks).toString('utf8') }))
      done()
    })
  },
}).listen(Number(port))
