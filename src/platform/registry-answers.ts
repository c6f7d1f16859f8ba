import { Re6stError } from '../core/errors.ts'
import { printable } from '../core/values/printable.ts'
import type { HttpAnswer } from './http-get.ts'

/** The body of a good answer. @throws Re6stError for any other: what is wrong, and what to do */
export function bodyOf({ href }: URL, { status, body, headers }: HttpAnswer): Buffer {
  const { location, 'retry-after': retryAfter } = headers
  switch (status) {
    case 200:
    case 204:
      return body
    case 403:
      throw new Re6stError('REFUSED', `${href}: registration of this kind is disabled`)
    case 404:
      throw new Re6stError(
        'NOT_FOUND',
        `${href}: it knows no certificate with our prefix: it was revoked, or ended too long ago (get a new one with re6st-conf), or --registry is wrong`,
      )
    case 400:
    case 401:
      throw new Re6stError('REGISTRY', `${href}: it does not accept the request (status ${status})`)
    case 507:
      throw new Re6stError('EXHAUSTED', `${href}: the network has no prefix left; ask its operator`)
    case 500:
      throw new Re6stError(
        'REGISTRY',
        `${href}: it failed (status 500): its operator finds the cause in its log`,
      )
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
      throw new Re6stError(
        'REGISTRY',
        `${href}: moved to ${printable(String(location ?? 'nowhere'))} (status ${status}): give --registry the new URL, without the name of the method`,
      )
    case 429:
    case 503:
      throw new Re6stError(
        'REGISTRY',
        `${href}: too busy, or asked too often (status ${status}): try again in ${/^\d{1,6}$/.test(String(retryAfter)) ? `${String(retryAfter)} s` : 'a minute'}`,
      )
    case 502:
    case 504:
      throw new Re6stError(
        'REGISTRY',
        `${href}: cannot be reached through its proxy now (status ${status}): try again in a minute`,
      )
    default:
      throw notARegistry({ href }, `status ${status}`)
  }
}

/** Somebody answers as no registry does. */
export const notARegistry = ({ href }: Pick<URL, 'href'>, why: string): Re6stError =>
  new Re6stError('REGISTRY', `${href}: this is not a re6st registry (${why}): is --registry right?`)
