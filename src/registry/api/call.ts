import type { Static, TSchema } from 'typebox'
import type { LivingSession } from './access/sessions.ts'
import type { Actor } from './audit-log.ts'
import type { API_ROUTES, ApiRouteName } from './routes.ts'
import type { Session } from './schemas/access.ts'
import type { Role } from './schemas/common.ts'

type Routes = typeof API_ROUTES
type Part<Name extends ApiRouteName, Key extends string> =
  Routes[Name] extends Readonly<Record<Key, infer Schema extends TSchema>> ? Static<Schema> : undefined

/** Who calls, and what may be done. */
export interface Principal extends Actor {
  readonly role: Role
  readonly by: Session['by']
  /** Of a browser. */
  readonly session: LivingSession | undefined
}

/** A call of a route that everybody may call has perhaps nobody. */
export interface ApiCall<Name extends ApiRouteName> {
  readonly params: Part<Name, 'params'>
  readonly query: Part<Name, 'query'>
  readonly body: Part<Name, 'body'>
  readonly who: Principal
  /** What counts as one source, for limits. */
  readonly source: string
  /** Scheme and host of the page, as the caller named it and as it was checked. */
  readonly baseUrl: string
}

/** Routes that are more than a question and an answer in JSON. */
export type SpecialRoute = 'signIn' | 'signOut' | 'topologyEvents'

/** A handler for each other route: one cannot be forgotten. */
export type ApiHandlers = {
  readonly [Name in Exclude<ApiRouteName, SpecialRoute>]: (
    call: ApiCall<Name>,
  ) => Promise<Part<Name, 'answer'>> | Part<Name, 'answer'>
}
