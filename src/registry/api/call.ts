import type { Role } from '../../core/values/roles.ts'
import type { LivingSession } from './access/sessions.ts'
import type { Actor } from './audit-log.ts'
import type { ApiRouteName, RoutePart } from './routes.ts'
import type { Session } from './schemas/access.ts'

/** Who calls, and what may be done. */
export interface Principal extends Actor {
  readonly role: Role
  readonly by: Session['by']
  /** Of a browser. */
  readonly session: LivingSession | undefined
}

/** A call of a route that everybody may call has perhaps nobody. */
export interface ApiCall<Name extends ApiRouteName> {
  readonly params: RoutePart<Name, 'params'>
  readonly query: RoutePart<Name, 'query'>
  readonly body: RoutePart<Name, 'body'>
  readonly who: Principal
  /** What counts as one source, for limits. */
  readonly source: string
  /** Scheme and host of the page, as the caller named it and as it was checked. */
  readonly baseUrl: string
}

/** Routes that are more than a question and an answer in JSON. */
export type SpecialRoute =
  | 'signIn'
  | 'certificateSignIn'
  | 'signOut'
  | 'openIdSignIn'
  | 'openIdReturn'
  | 'topologyEvents'
  | 'machinesJson'
  | 'machinesCsv'

/** A handler for each other route: one cannot be forgotten. */
export type ApiHandlers = {
  readonly [Name in Exclude<ApiRouteName, SpecialRoute>]: (
    call: ApiCall<Name>,
  ) => Promise<RoutePart<Name, 'answer'>> | RoutePart<Name, 'answer'>
}
