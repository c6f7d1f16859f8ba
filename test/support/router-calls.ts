import type { Router, RoutingChange } from '../../src/node/routing/router.ts'

/** A call of a router in another process. */
export interface RouterCall {
  readonly number: number
  readonly method:
    | Exclude<keyof Router, 'neighbours' | 'routes' | 'isRunning' | 'drainsAtOnce' | 'watch' | 'isNameFree'>
    | 'occupy'
  readonly args: readonly unknown[]
}

/** What that process says. */
export type RouterEvent =
  | { readonly kind: 'change'; readonly change: RoutingChange }
  | { readonly kind: 'done'; readonly number: number; readonly result?: unknown }
  | { readonly kind: 'failed'; readonly number: number; readonly reason: string }

/** For `JSON.stringify`: bytes, as in keys. */
export const written = (_: string, value: unknown): unknown =>
  value instanceof Uint8Array ? { bytes: [...value] } : value
/** For `JSON.parse`. */
export const revived = (_: string, value: unknown): unknown =>
  typeof value === 'object' && value !== null && 'bytes' in value
    ? Uint8Array.from(value.bytes as number[])
    : value
