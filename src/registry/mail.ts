import { lookup } from 'node:dns/promises'
import { closeSync, existsSync, openSync } from 'node:fs'
import { appendFile } from 'node:fs/promises'
import { isIP } from 'node:net'
import { hostname } from 'node:os'
import { isAbsolute } from 'node:path'
import { createTransport } from 'nodemailer'
import { messageOf, Re6stError } from '../core/errors.ts'
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
  /** @throws Re6stError `SYSTEM` when it cannot be handed over */
  send(mail: Mail): Promise<void>
}

/** Options of the command. */
export interface MailSettings {
  /** An SMTP server as `HOST[:PORT]`, or the path of an mbox file. */
  readonly mailhost: string
  readonly user: string | undefined
  readonly password: string | undefined
  readonly startTls: boolean
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
    ...(user === undefined ? {} : { auth: { user, pass: password ?? '' } }),
    connectionTimeout: SMTP_TIMEOUT_MS,
    greetingTimeout: SMTP_TIMEOUT_MS,
    socketTimeout: SMTP_TIMEOUT_MS,
  }
  const sendTo = (address: string, mail: Mail) =>
    createTransport({
      ...options,
      host: address,
      name: ownName(mail),
      ...(isIP(host) > 0 ? {} : { tls: { servername: host } }),
    }).sendMail(taken(mail))
  return {
    async send(mail) {
      try {
        const addresses = await resolve(host)
        for (const [at, address] of addresses.entries())
          try {
            await sendTo(address, mail)
            return
          } catch (error) {
            // `localhost` is ::1 first, and not every server listens there.
            if (at === addresses.length - 1 || !isNobodyThere(error)) throw error
          }
      } catch (error) {
        throw new Re6stError(
          'SYSTEM',
          `the mail to ${mail.to} was not taken by ${mailhost}: ${messageOf(error)}`,
          { cause: error },
        )
      }
    },
  }
}

/** Whether there was no connection: a mail that somebody may have taken is not sent to another. */
const isNobodyThere = (error: unknown): boolean =>
  error instanceof Error &&
  (('syscall' in error && error.syscall === 'connect') || error.message === 'Connection timeout')

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
