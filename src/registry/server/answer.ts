import type { ServerResponse } from 'node:http'
import type { Refusal } from '../refusal.ts'
import { RETRY_AFTER_SECONDS } from './limits.ts'

/** What a call is answered. */
export interface Answer {
  readonly status: number
  readonly body?: Buffer
  readonly headers?: Readonly<Record<string, string>>
  /** Called when it was sent. */
  readonly onSent?: () => void
}

/** That it is too many calls, or connections, and when to come back. */
export const turnedAway = (status: 429 | 503, retryAfterMs = RETRY_AFTER_SECONDS * 1000): Answer => ({
  status,
  headers: { 'Retry-After': String(Math.max(1, Math.ceil(retryAfterMs / 1000))) },
})

/** Who typed the call sees why; programs go by the status. */
export function refused({ status, message, retryAfterMs }: Refusal): Answer {
  const answer = status === 429 || status === 503 ? turnedAway(status, retryAfterMs) : { status }
  return {
    ...answer,
    body: Buffer.from(`${message}\n`),
    headers: { ...answer.headers, 'Content-Type': 'text/plain; charset=utf-8' },
  }
}

/** Sends it. @param isLast the connection ends with it */
export function send(
  response: ServerResponse,
  { status, body, headers, onSent }: Answer,
  isLast = false,
): void {
  if (isLast) response.shouldKeepAlive = false
  response.setHeader('X-Content-Type-Options', 'nosniff')
  const length = body?.length ?? 0
  for (const [name, value] of Object.entries(headers ?? {}))
    if (length > 0 || name !== 'Content-Type') response.setHeader(name, value)
  response.statusCode = status
  if (length > 0) response.setHeader('Content-Length', length)
  if (onSent) response.once('finish', onSent)
  response.end(length > 0 ? body : undefined)
}
