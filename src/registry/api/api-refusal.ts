import { codeOf, type ErrorCode, Re6stError } from '../../core/errors.ts'
import { Refusal, type RefusalStatus } from '../refusal.ts'
import type { ApiError } from './schemas/common.ts'

/** An answer of the API that is no success. */
export class ApiRefusal extends Error {
  readonly status: number
  readonly code: ApiError['code']
  readonly field: string | undefined
  readonly retryAfterMs: number | undefined

  constructor(
    status: number,
    code: ApiError['code'],
    message: string,
    { field, retryAfterMs }: { readonly field?: string; readonly retryAfterMs?: number } = {},
  ) {
    super(message)
    this.status = status
    this.code = code
    this.field = field
    this.retryAfterMs = retryAfterMs
  }
}

const CODES: Readonly<Record<RefusalStatus, ApiError['code']>> = {
  400: 'bad-request',
  401: 'not-signed-in',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  429: 'too-many',
  503: 'unavailable',
  507: 'conflict',
}

/** What whoever calls can do something about; of files of this machine only the log tells. */
const STATUSES: Readonly<Partial<Record<ErrorCode, RefusalStatus>>> = {
  OPTION: 400,
  NOT_FOUND: 404,
  CONFLICT: 409,
}

function ofRe6stError({ code, message }: Re6stError): ApiRefusal | undefined {
  const status = STATUSES[code]
  return status === undefined ? undefined : new ApiRefusal(status, CODES[status], message)
}

/** By the codes of Fastify. */
const UNREADABLE: Readonly<Record<string, string>> = {
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'the body must be application/json',
  FST_ERR_CTP_INVALID_JSON_BODY: 'the body is not JSON',
  FST_ERR_CTP_EMPTY_JSON_BODY: 'the body is empty, and should be JSON',
}

/** What any error is answered; undefined: it is a fault of ours, of which others learn nothing. */
export function apiRefusalOf(error: unknown): ApiRefusal | undefined {
  if (error instanceof ApiRefusal) return error
  if (error instanceof Refusal) {
    const { status, message, retryAfterMs } = error
    return new ApiRefusal(status, CODES[status], message, retryAfterMs === undefined ? {} : { retryAfterMs })
  }
  if (error instanceof Re6stError) return ofRe6stError(error)
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  if (status === 413) return new ApiRefusal(413, 'too-large', 'the body is too long')
  return status >= 400 && status < 500
    ? new ApiRefusal(400, 'bad-request', UNREADABLE[codeOf(error)] ?? 'the request cannot be read')
    : undefined
}
