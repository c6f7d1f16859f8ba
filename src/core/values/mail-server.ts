import { isIPv6 } from 'node:net'

/** Where mails are handed over. */
export interface MailServer {
  /** Name or address, without brackets. */
  readonly host: string
  readonly port: number
}

const SMTP_PORT = 25

/** `HOST`, `HOST:PORT`, an IPv6 address, or one in brackets with or without a port. */
export function parseMailServer(text: string): MailServer {
  if (isIPv6(text)) return { host: text, port: SMTP_PORT }
  const [, bracketed, name, port] = /^(?:\[([^\]]*)\]|([^:]*))(?::(\d+))?$/.exec(text) ?? []
  return { host: bracketed ?? name ?? text, port: port === undefined ? SMTP_PORT : Number(port) }
}
