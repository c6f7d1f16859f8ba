import type { API_ROUTES, ApiRouteName, RoutePart } from '../api/routes.ts'
import type { ApiError } from '../api/schemas/common.ts'
import { takeUse } from './in-use.ts'
import { hearDate } from './parts/registry-clock.ts'
import { hearVersion } from './parts/registry-version.ts'

type Routes = typeof API_ROUTES

/** Method and path of what the page calls: the routes themselves would bring their schemas into the browser. */
const PATHS = {
  setup: ['GET', '/setup'],
  makeNetwork: ['POST', '/setup'],
  signInMethods: ['GET', '/session/methods'],
  signIn: ['POST', '/session'],
  certificateSignIn: ['POST', '/session/certificate'],
  session: ['GET', '/session'],
  signOut: ['DELETE', '/session'],
  enrolmentInformation: ['GET', '/enrolment'],
  requestToken: ['POST', '/enrolment/token'],
  invitationState: ['POST', '/enrolment/invitation'],
  overview: ['GET', '/network'],
  authority: ['GET', '/authority'],
  machines: ['GET', '/machines'],
  machine: ['GET', '/machines/:name'],
  route: ['GET', '/machines/:name/route'],
  history: ['GET', '/machines/:name/history'],
  revoke: ['POST', '/revocations'],
  invitations: ['GET', '/invitations'],
  invite: ['POST', '/invitations'],
  deleteInvitation: ['DELETE', '/invitations/:id'],
  keyRotation: ['GET', '/keys'],
  rotateKeys: ['POST', '/keys/rotation'],
  configuration: ['GET', '/configuration'],
  previewConfiguration: ['POST', '/configuration/preview'],
  changeConfiguration: ['POST', '/configuration'],
  audit: ['GET', '/audit'],
  verifyAudit: ['GET', '/audit/verification'],
  pair: ['GET', '/pair'],
  dropStandby: ['POST', '/pair/drop'],
  bearerTokens: ['GET', '/tokens'],
  makeBearerToken: ['POST', '/tokens'],
  deleteBearerToken: ['DELETE', '/tokens/:id'],
  administrators: ['GET', '/administrators'],
  addAdministrator: ['POST', '/administrators'],
  changeAdministrator: ['POST', '/administrators/:name'],
  setPassword: ['POST', '/administrators/:name/password'],
  removeAdministrator: ['DELETE', '/administrators/:name'],
  endSessions: ['POST', '/sessions/end'],
} as const satisfies {
  readonly [Name in ApiRouteName]?: readonly [Routes[Name]['method'], Routes[Name]['path']]
}

type Called = keyof typeof PATHS

/** What a route takes. */
interface Parts<Name extends Called> {
  readonly params?: RoutePart<Name, 'params'>
  readonly query?: RoutePart<Name, 'query'>
  readonly body?: RoutePart<Name, 'body'>
}

/** An answer that is no success. */
export class ApiFailure extends Error {
  override readonly name = 'ApiFailure'
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }

  /** Nobody has answered, or a proxy for a registry that is not there: it may be there soon. */
  get isAway(): boolean {
    return [0, 502, 503, 504].includes(this.status)
  }
}

let csrfToken: string | undefined
/** How many sessions this page has had. */
let sessions = 0

/** Somebody has signed in. @param token sent from now on with whatever changes something */
export const beginSession = (token: string | undefined): void => {
  csrfToken = token
  sessions += 1
}

/** What of a session all parts of the page must know: `ended`, and `begun` anew. */
export const sessionEvents = new EventTarget()

/** Of what only asks: an answer that is lost with its connection does not keep the page waiting for ever. */
const ANSWER_WITHIN_MS = 30_000

/** What an answer means that says nothing itself, as those of proxies. */
const withoutReason = (status: number): string =>
  status >= 502 && status <= 504 ? `the registry is away (${status})` : `the registry answered ${status}`

const noAnswer = (): never => {
  throw new ApiFailure(0, 'the registry does not answer')
}

/** Where a wrong name or password is an answer, and no end of a session. */
const SIGNING_IN: readonly Called[] = ['signIn', 'certificateSignIn']

/** Where something of the API is. */
export function pathOf(path: string, query: object = {}): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '')
  const search = new URLSearchParams(given.map(([key, value]) => [key, String(value)]))
  return `/api/v1${path}${given.length > 0 ? `?${search}` : ''}`
}

/** Calls the registry. @throws ApiFailure with what to tell whoever looks */
export async function call<Name extends Called>(
  name: Name,
  { params, query, body }: Parts<Name> = {},
): Promise<RoutePart<Name, 'answer'>> {
  const [method, pattern] = PATHS[name]
  const path = pattern.replace(/:(\w+)/g, (_, key: string) =>
    encodeURIComponent(String((params as Record<string, unknown> | undefined)?.[key] ?? '')),
  )
  const isInUse = takeUse()
  const asking = sessions
  const response = await fetch(pathOf(path, query as object | undefined), {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...(method === 'GET' || csrfToken === undefined ? {} : { 'x-csrf-token': csrfToken }),
      // What the page asks for by itself keeps no session alive.
      ...(isInUse ? { 'x-in-use': '1' } : {}),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    ...(method === 'GET' ? { signal: AbortSignal.timeout(ANSWER_WITHIN_MS) } : {}),
  }).catch(noAnswer)
  hearDate(response.headers.get('date'))
  hearVersion(response.headers.get('re6st-version'))
  if (response.status === 401 && !SIGNING_IN.includes(name)) {
    // Of what was asked in the session before, the one of now knows nothing.
    if (asking === sessions) sessionEvents.dispatchEvent(new Event('ended'))
    throw new ApiFailure(401, 'the session has ended: sign in again')
  }
  if (!response.ok) {
    const said = (await response.json().catch(() => undefined)) as Partial<ApiError> | undefined
    throw new ApiFailure(response.status, said?.message ?? withoutReason(response.status))
  }
  if (response.status === 204) return undefined as RoutePart<Name, 'answer'>
  // Half an answer is none, nor is what somebody on the way says in place of the registry.
  return (await response.json().catch(noAnswer)) as RoutePart<Name, 'answer'>
}
