import type { IncomingHttpHeaders } from 'node:http'
import { isIP } from 'node:net'

/** Longest cookie header that is looked at. */
const MAX_COOKIES_LENGTH = 8_192

/** Headers of every answer of the page and the API. A page loads nothing from elsewhere, and nobody may frame it. */
export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "font-src 'self'",
    "connect-src 'self'",
    "worker-src 'self' blob:",
    "manifest-src 'self'",
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  'Referrer-Policy': 'no-referrer',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
}

/**
 * Whether the page may be asked for under this name: a name that anybody can let point here is none (DNS rebinding).
 * @param own hosts, with port if it is not the usual one, under which it is known
 */
export function isOwnHost(host: string | undefined, own: ReadonlySet<string>): boolean {
  if (host === undefined) return false
  const text = host.toLowerCase()
  if (own.has(text)) return true
  const [, bracketed, name] = /^(?:\[([0-9a-f:.]+)\]|([^:[\]]+))(?::\d{1,5})?$/.exec(text) ?? []
  return bracketed !== undefined ? isIP(bracketed) === 6 : name === 'localhost' || isIP(name ?? '') === 4
}

/**
 * Why a request that changes something was not made by our page, nor by a program; undefined: it was. Browsers say where a
 * request comes from; a form of another page cannot have this content type without asking first.
 */
export function whyForged(headers: IncomingHttpHeaders, hasBody: boolean): string | undefined {
  const { origin, host } = headers
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return 'another page asks'
  if (origin !== undefined && !isOrigin(origin, host)) return 'another page asks'
  if (hasBody && !/^application\/json\s*(;|$)/i.test(headers['content-type'] ?? ''))
    return 'the body must be application/json'
  return undefined
}

function isOrigin(origin: string, host: string | undefined): boolean {
  try {
    return new URL(origin).host === host?.toLowerCase()
  } catch {
    return false
  }
}

/** The value of a cookie; undefined if there is none, or several: another host of the domain may have set one. */
export function cookieOf(header: string | undefined, name: string): string | undefined {
  if (header === undefined || header.length > MAX_COOKIES_LENGTH) return undefined
  const values = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
  return values.length === 1 ? values[0]?.slice(name.length + 1) : undefined
}

/** The token of an Authorization header (RFC 6750). */
export const bearerOf = (header: string | undefined): string | undefined =>
  /^Bearer ([A-Za-z0-9_-]{1,200})$/i.exec(header ?? '')?.[1]
