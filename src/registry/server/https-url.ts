import type { IncomingMessage } from 'node:http'

/** A host as a browser writes it: a name, an IPv4 address, or an IPv6 address in brackets; then, perhaps, a port. */
const HOST = /^([\w.-]+|\[[\da-f:.]+\])(?::\d{1,5})?$/i

/**
 * The same page by TLS, for a browser.
 * @returns undefined for whoever is no browser, or does not say by which name it came
 */
export function httpsUrlOf(
  { headers, url = '/' }: Pick<IncomingMessage, 'headers' | 'url'>,
  port: number,
): string | undefined {
  const [, host] = HOST.exec(headers.host ?? '') ?? []
  if (host === undefined || !headers.accept?.includes('text/html') || !url.startsWith('/')) return undefined
  return `https://${host}${port === 443 ? '' : `:${port}`}${url}`
}
