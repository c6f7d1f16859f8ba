import { ok, type Result, refuse } from '../result.ts'

/** The objects in what `ip -j … show` prints; nothing at all when there are none. */
export function listPrintedByIp(printed: string): Result<readonly Record<string, unknown>[]> {
  let list: unknown
  try {
    list = printed.trim() === '' ? [] : JSON.parse(printed)
  } catch {
    return refuse('ip did not print JSON')
  }
  return Array.isArray(list) ? ok(list.filter(isRecord)) : refuse('ip did not print a list')
}

/** Whether a value from JSON has named fields. */
export const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null
