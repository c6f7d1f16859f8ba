import { createHash } from 'node:crypto'
import { lookup } from 'node:dns/promises'
import { once } from 'node:events'
import { closeSync, existsSync, openSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { isAbsolute } from 'node:path'
import { Readable } from 'node:stream'
import { createTransport } from 'nodemailer'
import SMTPConnection from 'nodemailer/lib/smtp-connection'
import { codeOf, messageOf, Re6stError } from '../core/errors.ts'
import { parseMailServer } from '../core/values/mail-server.ts'

/** A mail to be sent: plain text. */
export interface Mail {
  readonly from: string
  readonly to: string
  readonly subject: string
  readonly text: string
}

/** Sends mails. */
export interface Mailer {
  /** @throws Re6stError `SYSTEM` when it cannot be handed over: `fateOf` says what that means for it */
  send(mail: Mail): Promise<void>
}

/**
 * What is to be done with a mail that was not taken. `refused`: the server does not want this one. `later`: it wants it later, as those
 * that put off whom they do not know; others it may take now. `unknown`: it has got all of it, and has not said whether it took it.
 * `nobody`: there is no server, or one that takes none.
 */
export type MailFate = 'refused' | 'later' | 'unknown' | 'nobody'

/** Of an error that a mailer has thrown. */
export const fateOf = (error: unknown): MailFate =>
  error instanceof Re6stError && error.cause instanceof NotTaken ? error.cause.fate : 'nobody'

class NotTaken extends Error {
  readonly fate: MailFate

  constructor(fate: MailFate, error: unknown) {
    super(messageOf(error), { cause: error })
    this.fate = fate
  }
}

/** Codes of the library for what a server says of a sender, a recipient or a text, and not of whom it talks to. */
const OF_THIS_MAIL: ReadonlySet<string> = new Set(['EENVELOPE', 'EMESSAGE'])

function smtpFateOf(error: unknown, isGiven: boolean): MailFate {
  const { responseCode } = error as { readonly responseCode?: number }
  if (responseCode === undefined) return isGiven ? 'unknown' : 'nobody'
  if (!OF_THIS_MAIL.has(codeOf(error))) return 'nobody'
  return responseCode >= 500 ? 'refused' : 'later'
}

/** Options of the command. */
export interface MailSettings {
  /** An SMTP server as `HOST[:PORT]`, or the path of an mbox file. */
  readonly mailhost: string
  readonly user: string | undefined
  readonly password: string | undefined
  readonly startTls: boolean
}

/** Whoever began to send a mail so long ago, and has not ended, never will: a mail server is given up after a minute. */
export const SENDING_MS = 600_000

/** How long a registry that stops waits for a mail server. */
const LAST_MAIL_MS = 3_000

/** Waits for what is being sent, but not for a server that does not answer. */
export async function untilSent(sending: Promise<unknown> | undefined): Promise<void> {
  const patience = AbortSignal.timeout(LAST_MAIL_MS)
  await Promise.race([sending?.catch(() => {}), once(patience, 'abort')])
}

/** How long the SMTP server may take. */
const SMTP_TIMEOUT_MS = 20_000

/** The addresses of a host, as this machine resolves names: /etc/hosts included. At least one. */
type Resolve = (host: string) => Promise<readonly string[]>

/** The library would ask DNS first. */
const systemResolve: Resolve = async (host) =>
  (await lookup(host, { all: true })).map(({ address }) => address)

/**
 * A path that exists, or an absolute one, is an mbox file; anything else an SMTP server.
 * @throws Re6stError `FILE` when an mbox file cannot be written
 */
export function openMailer(settings: MailSettings, resolve: Resolve = systemResolve): Mailer {
  const { mailhost } = settings
  return isAbsolute(mailhost) || existsSync(mailhost) ? mboxMailer(mailhost) : smtpMailer(settings, resolve)
}

function smtpMailer({ mailhost, user, password, startTls }: MailSettings, resolve: Resolve): Mailer {
  const { host, port } = parseMailServer(mailhost)
  const options = {
    port,
    ...(startTls ? { requireTLS: true } : { ignoreTLS: true }),
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
  }
  const login = user === undefined ? undefined : { user, pass: password ?? '' }
  const composer = createTransport({ streamTransport: true, buffer: true })
  return {
    async send(mail) {
      // It is read when the server wants it: at the end of it, the server has got all.
      let isGiven = false
      try {
        const { envelope, message } = await composer.sendMail({
          ...taken(mail),
          messageId: messageIdOf(mail),
        })
        const addresses = await resolve(host)
        for (const [at, address] of addresses.entries())
          try {
            const text = Readable.from([message as Buffer]).once('end', () => {
              isGiven = true
            })
            const own = { host: address, name: ownName(mail) }
            const tls = isIP(host) > 0 ? {} : { tls: { servername: host } }
            await handOver({ ...options, ...own, ...tls }, login, { envelope, text })
            return
          } catch (error) {
            // `localhost` is ::1 first, and not every server listens there.
            if (at === addresses.length - 1 || !isNobodyThere(error)) throw error
          }
      } catch (error) {
        throw new Re6stError(
          'SYSTEM',
          `the mail to ${mail.to} was not taken by ${mailhost}: ${messageOf(error)}`,
          { cause: new NotTaken(smtpFateOf(error, isGiven), error) },
        )
      }
    },
  }
}

/**
 * Hands a mail to a server, which asks for its text when it takes the recipient: the transport of the library would read it before.
 * @throws what the server says, or why there is none
 */
function handOver(
  options: SMTPConnection.Options,
  login: SMTPConnection.Credentials | undefined,
  { envelope, text }: { readonly envelope: SMTPConnection.Envelope; readonly text: Readable },
): Promise<void> {
  // What the types do not say: whether it lets anybody log in.
  const connection: SMTPConnection & { readonly allowsAuth?: boolean } = new SMTPConnection(options)
  return new Promise<void>((resolve, reject) => {
    const orFail = (next: () => void) => (error?: Error | null) => (error ? reject(error) : next())
    const send = () => connection.send(envelope, text, orFail(resolve))
    connection.once('error', reject)
    connection.connect(
      orFail(() => (login && connection.allowsAuth ? connection.login(login, orFail(send)) : send())),
    )
  }).finally(() => connection.close())
}

/** Whether there was no connection: a mail that somebody may have taken is not sent to another. */
const isNobodyThere = (error: unknown): boolean =>
  error instanceof Error &&
  (('syscall' in error && error.syscall === 'connect') || error.message === 'Connection timeout')

/** The same for the same mail: whoever gets it twice, since a server did not say that it had it, need see it but once. */
const messageIdOf = ({ from, to, subject, text }: Mail): string =>
  `<${createHash('sha256').update([from, to, subject, text].join('\0')).digest('hex').slice(0, 40)}@${from.slice(from.lastIndexOf('@') + 1)}>`

/** The address is one: it is not to be read for names and further addresses. */
const taken = (mail: Mail) => ({ ...mail, to: { name: '', address: mail.to } })

/** What we call ourselves: mail servers want a name with a domain. */
const ownName = ({ from }: Mail): string =>
  hostname().includes('.') ? hostname() : from.slice(from.lastIndexOf('@') + 1)

/** Appends to a file in mbox format (RFC 4155; `From ` at the beginning of a line is quoted, mboxrd). */
function mboxMailer(path: string): Mailer {
  try {
    closeSync(openSync(path, 'a', 0o600))
  } catch (error) {
    throw new Re6stError(
      'FILE',
      `--mailhost ${path}: no mail can be written there: ${messageOf(error)}; give another file, or an SMTP server`,
      { cause: error },
    )
  }
  const composer = createTransport({ streamTransport: true, buffer: true, newline: 'unix' })
  return {
    async send(mail) {
      try {
        const { message } = await composer.sendMail(taken(mail))
        const text = (message as Buffer).toString('utf8').replace(/^(>*From )/gm, '>$1')
        await appendFile(path, `From MAILER-DAEMON ${asctime(new Date())}\n${text.trimEnd()}\n\n`)
      } catch (error) {
        throw new Re6stError(
          'SYSTEM',
          `the mail to ${mail.to} was not written to ${path}: ${messageOf(error)}`,
          { cause: error },
        )
      }
    },
  }
}

/** `Mon Nov  9 16:38:05 2026`, in UTC: what RFC 4155 asks for, and readers of mbox files look for. */
function asctime(date: Date): string {
  const [weekday = '', day = '', month = '', year = '', time = ''] = date
    .toUTCString()
    .replace(',', '')
    .split(' ')
  return `${weekday} ${month} ${String(Number(day)).padStart(2)} ${time} ${year}`
}
