import { readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { type MailSettings, openMailer } from '../../../src/registry/mail.ts'
import { emptyDatabase, rowsIn } from '../../support/databases.ts'
import { mailbox } from '../../support/mailbox.ts'
import { temporaryDirectory, testRegistry } from '../../support/registry.ts'
import { registryProcess } from '../../support/registry-process.ts'
import { selfSigned } from '../../support/self-signed.ts'
import { vectors } from '../../support/vectors.ts'

const csr = vectors<{ csr: Record<string, string> }>('pki.json').csr['node-a'] ?? ''
const LOGIN = { user: 'registry', password: 'a secret' }

const PLAIN = { user: undefined, password: undefined, startTls: false } as const

/** The same on the command line. */
const optionsOf = ({ mailhost, user, password, startTls }: MailSettings): string[] => [
  ...['--mailhost', mailhost],
  ...(user === undefined ? [] : ['--smtp-user', user]),
  ...(password === undefined ? [] : ['--smtp-pwd', password]),
  ...(startTls ? ['--smtp-starttls'] : []),
]

const tokenIn = (text = ''): string => /^Token: ([a-z]{20})$/m.exec(text)?.[1] ?? ''

/** A port on which nobody listens. */
const closedPort = (): Promise<number> =>
  new Promise((resolve) => {
    const probe = createServer().listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

describe('an SMTP server', () => {
  it('is told a name with a domain, and exactly the address that is meant', async () => {
    await using server = await mailbox()
    const mailer = openMailer({
      mailhost: `127.0.0.1:${server.port}`,
      user: undefined,
      password: undefined,
      startTls: false,
    })
    await mailer.send({ from: 'a@example.com', to: "o'neil+x@example.com", subject: 's', text: 't' })
    expect(server.received).toMatchObject([{ to: ["o'neil+x@example.com"] }])
    expect(server.received[0]?.hello).toMatch(/^[a-z0-9-]+(\.[a-z0-9-]+)+$/i)
  })
})

describe('a mail server with several addresses', () => {
  it('is tried at the next when nobody listens at one', async () => {
    await using server = await mailbox()
    const mailer = openMailer(
      { mailhost: `localhost:${server.port}`, user: undefined, password: undefined, startTls: false },
      async () => ['::1', '127.0.0.1'],
    )
    await mailer.send({ from: 'a@example.com', to: 'b@example.com', subject: 's', text: 't' })
    expect(server.received).toHaveLength(1)
  })
})

describe('a token by SMTP', () => {
  it('comes over an encrypted connection to who logged in, and works once', async () => {
    const tls = await selfSigned()
    await using server = await mailbox({ tls, login: LOGIN })
    const trusted = join(temporaryDirectory(), 'mail.crt')
    writeFileSync(trusted, tls.cert)
    await using registry = await registryProcess(
      [
        ...['--mailhost', `localhost:${server.port}`, '--smtp-starttls'],
        ...['--smtp-user', LOGIN.user, '--smtp-pwd', LOGIN.password],
      ],
      { NODE_EXTRA_CA_CERTS: trusted },
    )
    const client = new RegistryClient(registry.url)
    await client.requestToken('somebody@example.com')
    expect(server.received).toMatchObject([
      { to: ['somebody@example.com'], user: LOGIN.user, isEncrypted: true },
    ])
    const [mail] = server.received
    expect(mail?.text).toMatch(/^From: re6st@example\.com$/m)
    const token = tokenIn(mail?.text)
    expect(await client.requestCertificate({ token, csr })).toContain('BEGIN CERTIFICATE')
    expect(await client.requestCertificate({ token, csr })).toBeUndefined()
  })

  it('comes in the clear where nothing else is asked for', async () => {
    await using server = await mailbox({ login: LOGIN })
    const mailer = openMailer({
      mailhost: `127.0.0.1:${server.port}`,
      user: LOGIN.user,
      password: LOGIN.password,
      startTls: false,
    })
    await mailer.send({ from: 'a@example.com', to: 'b@example.com', subject: 's', text: 't' })
    expect(server.received).toMatchObject([{ user: LOGIN.user, isEncrypted: false }])
  })

  it.each<[what: string, () => Promise<{ settings: MailSettings; server?: AsyncDisposable }>, why: RegExp]>([
    [
      'the server is down',
      async () => ({ settings: { ...PLAIN, mailhost: `127.0.0.1:${await closedPort()}` } }),
      /the mail to a@example\.com was not taken by 127\.0\.0\.1:\d+: .*ECONNREFUSED/,
    ],
    [
      'the password is wrong',
      async () => {
        const server = await mailbox({ login: LOGIN })
        const mailhost = `127.0.0.1:${server.port}`
        return { settings: { mailhost, user: LOGIN.user, password: 'wrong', startTls: false }, server }
      },
      /was not taken by .*who are you\?/,
    ],
    [
      'the server does not encrypt, and must',
      async () => {
        const server = await mailbox()
        return { settings: { ...PLAIN, mailhost: `127.0.0.1:${server.port}`, startTls: true }, server }
      },
      /was not taken by .*STARTTLS/,
    ],
    [
      'nobody vouches for the server’s certificate',
      async () => {
        const server = await mailbox({ tls: await selfSigned() })
        return { settings: { ...PLAIN, mailhost: `localhost:${server.port}`, startTls: true }, server }
      },
      /was not taken by .*self-signed certificate/,
    ],
    [
      'the disk of the mbox file is full',
      async () => ({ settings: { ...PLAIN, mailhost: '/dev/full' } }),
      /the mail to a@example\.com was not written to .*ENOSPC/,
    ],
  ])(
    'where %s, the caller hears of it, the operator hears why, and no token is left',
    async (_, prepare, why) => {
      const { settings, server } = await prepare()
      const mail = { from: 'b@example.com', to: 'a@example.com', subject: 's', text: 't' }
      await expect(openMailer(settings).send(mail)).rejects.toMatchObject({
        code: 'SYSTEM',
        message: expect.stringMatching(why),
      })
      const database = await emptyDatabase()
      await using registry = await registryProcess([...optionsOf(settings), '--db', database])
      const before = registry.complaints().length
      const client = new RegistryClient(registry.url)
      await expect(client.requestToken('a@example.com')).rejects.toThrow(
        /status 500.*its operator finds the cause/,
      )
      expect(registry.complaints()).toHaveLength(before + 1)
      expect(await rowsIn(database, 'SELECT token FROM token')).toEqual([])
      // It goes on.
      expect(await client.getCa()).toContain('BEGIN CERTIFICATE')
      await server?.[Symbol.asyncDispose]()
    },
  )

  it.each(['', 'nobody', 'a@b@example.com', 'a@example.com\r\nBcc: c@example.com', 'a b@example.com'])(
    'is not sent to %j',
    async (address) => {
      await using server = await mailbox()
      const mailer = openMailer({
        mailhost: `127.0.0.1:${server.port}`,
        user: undefined,
        password: undefined,
        startTls: false,
      })
      await using registry = await testRegistry({}, { mailer })
      await expect(new RegistryClient(registry.url).requestToken(address)).rejects.toThrow(/status 400/)
      expect(server.received).toEqual([])
    },
  )
})

describe('mails in an mbox file', () => {
  it('are told apart by their first lines, whatever they contain', async () => {
    const path = join(temporaryDirectory(), 'mbox')
    const mailer = openMailer({ mailhost: path, user: undefined, password: undefined, startTls: false })
    const texts = [
      'From here to there\n\nFrom the start\n',
      '>From one\n>>From two\n from three',
      'x\n\n\nFrom 4',
    ]
    await Promise.all(
      texts.map((text, index) =>
        mailer.send({ from: 'r@example.com', to: `${index}@example.com`, subject: `mail ${index}`, text }),
      ),
    )
    const content = readFileSync(path, 'utf8')
    expect(content).not.toContain('\r')
    expect(content).toMatch(/\n\n$/)
    // `From `, the sender, and the time as asctime(3) writes it: the first line of a mail, and of nothing else.
    const mails = content.split(/^From MAILER-DAEMON \w{3} \w{3} [ \d]\d \d\d:\d\d:\d\d \d{4}\n/m).slice(1)
    expect(content.match(/^From /gm)).toHaveLength(texts.length)
    expect(mails).toHaveLength(texts.length)
    const read = mails.map((mail) => {
      const [head = '', ...body] = mail.split('\n\n')
      const to = /^To: (\d)@example\.com$/m.exec(head)?.[1]
      return [
        Number(to),
        body
          .join('\n\n')
          .replace(/^>(>*From )/gm, '$1')
          .trimEnd(),
      ] as const
    })
    expect(new Map(read)).toEqual(new Map(texts.map((text, index) => [index, text.trimEnd()])))
  })

  it.each([
    ['a directory', () => temporaryDirectory(), 'EISDIR'],
    ['where there is no directory', () => join(temporaryDirectory(), 'none', 'mbox'), 'ENOENT'],
  ])('are refused at the start if it is %s', (_, path, why) => {
    expect(() =>
      openMailer({ mailhost: path(), user: undefined, password: undefined, startTls: false }),
    ).toThrow(new RegExp(`^--mailhost .*: no mail can be written there: ${why}.*; give another file`))
  })

  it('carry a token that works once', async () => {
    const mbox = join(temporaryDirectory(), 'mbox')
    writeFileSync(mbox, '')
    await using registry = await registryProcess(['--mailhost', mbox])
    const client = new RegistryClient(registry.url)
    await client.requestToken('somebody@example.com')
    const token = tokenIn(readFileSync(mbox, 'utf8'))
    expect(await client.requestCertificate({ token, csr })).toContain('BEGIN CERTIFICATE')
    expect(await client.requestCertificate({ token, csr })).toBeUndefined()
  })
})
