import { API_BASE, refusalsOf } from '../../src/registry/api/openapi.ts'
import { API_ROUTES, type ApiRoute } from '../../src/registry/api/routes.ts'

/** Statuses that the document gives a route. */
export function documentedStatuses(route: ApiRoute): readonly number[] {
  const done = route.redirects === true ? 302 : route.answer ? 200 : 204
  return [done, ...refusalsOf(route)]
}

/** Whether the document gives this status to what was asked for, or there is no such route. */
export function isDocumented(method: string, path: string, status: number): boolean {
  const [asked = ''] = path.split('?')
  const route = Object.values<ApiRoute>(API_ROUTES).find(
    (one) =>
      one.method === method &&
      new RegExp(`^${API_BASE}${one.path.replaceAll(/:\w+/g, '[^/]+')}$`).test(asked),
  )
  return route === undefined || documentedStatuses(route).includes(status)
}
