import { unescape as unescapeLeniently } from 'node:querystring'
import { ok, type Result, refuse } from '../result.ts'
import { METHODS, type MethodName } from './methods.ts'

/** A call that was read: its method, and a value for each of its parameters. */
export interface Call {
  readonly method: MethodName
  readonly parameters: Readonly<Record<string, string>>
}

/** The longest request target that is read: a CSR for a key of 16384 bits, with room to spare. */
export const MAX_TARGET_LENGTH = 32 * 1024

/** Writes `/<method>?<query>`, all parameters included: exactly what the HMAC is made over. */
export function formatTarget(method: MethodName, given: Readonly<Record<string, string>>): string {
  const parameters = new URLSearchParams()
  for (const [name, missing] of Object.entries(METHODS[method].parameters))
    parameters.set(name, given[name] ?? missing ?? '')
  const query = parameters.toString()
  return query === '' ? `/${method}` : `/${method}?${query}`
}

/** Reads a request target. The path has exactly one `/`; blank values are kept; nothing unknown is accepted. */
export function parseTarget(target: string): Result<Call> {
  if (target.length > MAX_TARGET_LENGTH) return refuse('the request is too long')
  const end = target.indexOf('?')
  // Several slashes at the beginning count as one: a proxy that strips a base path may leave them.
  const path = (end < 0 ? target : target.slice(0, end)).replace(/^\/+/, '/')
  const name = path.slice(1)
  if (!path.startsWith('/') || name.includes('/')) return refuse('the path is not /METHOD')
  if (!Object.hasOwn(METHODS, name)) return refuse('there is no such method')
  const method = name as MethodName
  const given = parseQuery(end < 0 ? '' : target.slice(end + 1))
  if (!given.ok) return given

  const known: Readonly<Record<string, string | undefined>> = METHODS[method].parameters
  const parameters: Record<string, string> = {}
  for (const [parameter, missing] of Object.entries(known)) {
    const value = given.value.get(parameter) ?? missing
    if (value === undefined) return refuse(`the parameter ${parameter} is missing`)
    parameters[parameter] = value
  }
  for (const parameter of given.value.keys())
    if (!Object.hasOwn(known, parameter))
      return refuse(`the parameter ${JSON.stringify(parameter)} is not expected`)
  return ok({ method, parameters })
}

/** `application/x-www-form-urlencoded`: each part is `name=value`; of a name given twice the last value counts. */
function parseQuery(query: string): Result<ReadonlyMap<string, string>> {
  const parameters = new Map<string, string>()
  if (query === '') return ok(parameters)
  for (const part of query.split('&')) {
    const equals = part.indexOf('=')
    if (equals < 0) return refuse('a part of the query is not NAME=VALUE')
    parameters.set(decodeForm(part.slice(0, equals)), decodeForm(part.slice(equals + 1)))
  }
  return ok(parameters)
}

/** Lenient as the recorded registry: a `%` that begins no byte stays, bytes that are no UTF-8 are replaced. */
const decodeForm = (text: string): string => unescapeLeniently(text.replaceAll('+', ' '))
