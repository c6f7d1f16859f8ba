import type { IncomingHttpHeaders } from 'node:http'
import { mayDo } from './access/administrators.ts'
import type { BearerTokens } from './access/bearer-tokens.ts'
import { isCsrfToken, type Sessions } from './access/sessions.ts'
import { ApiRefusal } from './api-refusal.ts'
import type { Principal } from './call.ts'
import { bearerOf, cookieOf, whyForged } from './guards.ts'
import type { ApiRoute } from './routes.ts'

/** Who may call what. */
export interface AuthenticationComponents {
  readonly sessions: Sessions
  readonly tokens: BearerTokens
  readonly cookieName: string
}

/** What is known of a request before it is looked at. */
export interface Incoming {
  readonly headers: IncomingHttpHeaders
  readonly from: string
  /** Over the socket of the registry's own user: may do everything. */
  readonly isLocal: boolean
}

/** Which of the users of this machine asks, over the socket that only some may open; see `commandActor`. */
export const COMMAND_USER_HEADER = 're6st-command-user'

/**
 * Said by our page of what it asks for since a person has done something. Whatever else is asked for with a cookie, and changes nothing,
 * may be asked for by a page that nobody sits before.
 */
export const IN_USE_HEADER = 'x-in-use'

const COMMAND_USER = /^command:[\w.@-]{1,64}$/

const NOBODY = { name: '', role: 'look', by: 'local', session: undefined } as const

/** Who calls this route. @throws ApiRefusal when it is nobody who may */
export async function authenticate(
  { sessions, tokens, cookieName }: AuthenticationComponents,
  route: ApiRoute,
  { headers, from, isLocal }: Incoming,
): Promise<Principal> {
  const forged = route.method === 'GET' ? undefined : whyForged(headers, route.body !== undefined)
  if (forged !== undefined) throw new ApiRefusal(403, 'forbidden', forged)
  if (isLocal)
    return {
      name: commandUserOf(headers),
      from: undefined,
      role: 'administer',
      by: 'local',
      session: undefined,
    }
  if (route.role === undefined) return { ...NOBODY, from }
  const principal =
    (await bearer(tokens, headers, from)) ?? (await browser(sessions, headers, from, cookieName, route))
  if (!principal)
    throw new ApiRefusal(401, 'not-signed-in', 'sign in, or give a bearer token that has not ended')
  if (!mayDo(principal.role, route.role))
    throw new ApiRefusal(
      403,
      'forbidden',
      `this needs the role ${route.role}, and ${principal.name} has ${principal.role}`,
    )
  return principal
}

/** Whom it is put down to, what is asked over the socket that only some may open. */
export function commandUserOf(headers: IncomingHttpHeaders): string {
  const user = headers[COMMAND_USER_HEADER]
  return typeof user === 'string' && COMMAND_USER.test(user) ? user : 'local'
}

async function bearer(
  tokens: BearerTokens,
  headers: IncomingHttpHeaders,
  from: string,
): Promise<Principal | undefined> {
  if (headers.authorization === undefined) return undefined
  const found = await tokens.find(bearerOf(headers.authorization) ?? '')
  // Who gives one means it: a cookie does not stand in for it.
  if (!found) throw new ApiRefusal(401, 'not-signed-in', 'the bearer token is none, or has ended')
  return { name: `token:${found.id}`, from, role: found.scope, by: 'token', session: undefined }
}

async function browser(
  sessions: Sessions,
  headers: IncomingHttpHeaders,
  from: string,
  cookieName: string,
  route: ApiRoute,
): Promise<Principal | undefined> {
  const cookie = cookieOf(headers.cookie, cookieName)
  const isUse = route.method !== 'GET' || headers[IN_USE_HEADER] !== undefined
  const session = cookie === undefined ? undefined : await sessions.find(cookie, { isUse })
  if (!session) return undefined
  if (route.method !== 'GET' && !isCsrfToken(headers['x-csrf-token'], session))
    throw new ApiRefusal(
      403,
      'forbidden',
      'the header X-CSRF-Token is not that of the session: load the page again',
    )
  return { name: session.name, from, role: session.role, by: session.by, session }
}
