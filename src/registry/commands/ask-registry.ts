import { request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http'
import { hostname } from 'node:os'
import { text } from 'node:stream/consumers'
import { AS_ROOT, codeOf, type ErrorCode, messageOf, Re6stError } from '../../core/errors.ts'
import { systemClock } from '../../platform/clock.ts'
import { COMMAND_USER_HEADER } from '../api/authenticate.ts'
import type { SpecialRoute } from '../api/call.ts'
import { API_BASE } from '../api/openapi.ts'
import { API_ROUTES, type ApiRoute, type ApiRouteName, type RoutePart } from '../api/routes.ts'
import type { ApiError } from '../api/schemas/common.ts'
import { commandSocket } from '../command-socket.ts'
import { isPostgresUrl } from '../database/open-store.ts'
import { commandActor } from './own-database.ts'

/** Revoking waits for a turn of the database, and for the new configuration to be signed. */
const TIMEOUT_MS = 60_000
const RETRY_MS = 200

type Asked = Exclude<ApiRouteName, SpecialRoute>

interface Parts<Name extends Asked> {
  readonly params?: RoutePart<Name, 'params'>
  readonly query?: RoutePart<Name, 'query'>
  readonly body?: RoutePart<Name, 'body'>
}

/** Which registry of this machine is asked. */
export interface AskedRegistry {
  /** As it was started with. */
  readonly database: string
  /** Where it is asked, if it was started with a place of its own. */
  readonly commandSocket?: string | undefined
  /** How long it may take until it runs: without, it must run already. */
  readonly waitSeconds?: number
}

/** Asks a registry that runs on this machine. */
export type AskRegistry = <Name extends Asked>(
  name: Name,
  parts?: Parts<Name>,
) => Promise<RoutePart<Name, 'answer'>>

/**
 * What asks the registry that runs with this database, by the socket of its own user: the command and the page have the
 * same done by the same, and the audit log says who has run the command.
 * @param host under which machines find the registry, where it does not know
 * @throws Re6stError `REGISTRY` when none runs, `REFUSED`, `NOT_FOUND`, `CONFLICT` when it does not do it
 */
export function askRegistryOf(
  { database, commandSocket: given, waitSeconds = 0 }: AskedRegistry,
  host = hostname(),
): AskRegistry {
  const socketPath = commandSocket(database, given)
  const isBeside = given === undefined && !isPostgresUrl(database)
  if (socketPath === undefined)
    throw new Re6stError('OPTION', `--db ${database}: a registry with this database has no socket`)
  return async (name, parts = {}) => {
    const { method, path }: ApiRoute = API_ROUTES[name]
    const {
      params = {},
      query = {},
      body,
    } = parts as {
      readonly [part: string]: Readonly<Record<string, unknown>> | undefined
    }
    const target = path.replace(/:(\w+)/g, (_, key: string) => encodeURIComponent(String(params[key])))
    const search = new URLSearchParams()
    for (const [key, value] of Object.entries(query)) search.set(key, String(value))
    const request = {
      ...{ socketPath, method, timeout: TIMEOUT_MS },
      path: `${API_BASE}${target}?${search}`,
      headers: {
        host,
        [COMMAND_USER_HEADER]: commandActor().name,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
    }
    const answer = await onceItRuns(
      () => exchange(request, body === undefined ? '' : JSON.stringify(body)),
      waitSeconds,
    ).catch((error: unknown) => {
      // A URL of PostgreSQL may have a password.
      throw unreachable(isBeside ? `--db ${database}` : `--command-socket ${socketPath}`, error)
    })
    const { status } = answer
    if (status === 204) return undefined as never
    const said: unknown = JSON.parse(answer.text)
    if (status === 200) return said as never
    const { code, message } = said as ApiError
    throw new Re6stError(CODES[code] ?? 'REFUSED', message)
  }
}

/** The same failure; where something is not there, with what lists what is. */
export const withList =
  (list: string) =>
  (error: unknown): never => {
    if (!(error instanceof Re6stError) || error.code !== 'NOT_FOUND') throw error
    throw new Re6stError(error.code, `${error.message}: "re6st-registry ${list}" lists them`, {
      cause: error,
    })
  }

const CODES: Readonly<Partial<Record<ApiError['code'], ErrorCode>>> = {
  'bad-request': 'OPTION',
  'not-found': 'NOT_FOUND',
  conflict: 'CONFLICT',
  failed: 'REGISTRY',
  unavailable: 'REGISTRY',
}

function exchange(
  options: RequestOptions,
  body: string,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(options, (response: IncomingMessage) => {
      text(response).then((said) => resolve({ status: response.statusCode ?? 0, text: said }), reject)
    })
    request.on('timeout', () => request.destroy(new Error(`no answer in ${TIMEOUT_MS / 1000} s`)))
    request.on('error', reject)
    request.end(body)
  })
}

/** Asks again while nobody listens there: nothing was asked then. */
async function onceItRuns<Answer>(ask: () => Promise<Answer>, waitSeconds: number): Promise<Answer> {
  const endMs = systemClock.monotonicMs() + waitSeconds * 1000
  for (;;)
    try {
      return await ask()
    } catch (error) {
      if (!isNobodyThere(error) || systemClock.monotonicMs() >= endMs) throw error
      await systemClock.sleep(RETRY_MS)
    }
}

const isNobodyThere = (error: unknown): boolean => ['ENOENT', 'ECONNREFUSED'].includes(codeOf(error))

function unreachable(option: string, error: unknown): Re6stError {
  const why = isNobodyThere(error)
    ? 'no registry runs with it on this machine: start it, or say --db and --command-socket as it was started with'
    : codeOf(error) === 'EACCES'
      ? `may only be asked by root and the user that the registry runs as: ${AS_ROOT}`
      : `the registry does not answer: ${messageOf(error)}`
  return new Re6stError('REGISTRY', `${option}: ${why}`, { cause: error })
}
