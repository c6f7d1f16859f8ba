import type { ChangedValue } from '../../core/standby/messages.ts'

/** A value that was given to SQLite, as JSON can say it. */
export function asChanged(value: unknown): ChangedValue {
  if (typeof value === 'bigint') return { integer: String(value) }
  if (value instanceof Uint8Array) return { octets: Buffer.from(value).toString('base64') }
  if (value === null || typeof value === 'string' || typeof value === 'number') return value
  throw new Error(`SQLite takes no ${typeof value}`)
}

/** The value again. */
export function asGiven(value: ChangedValue): string | number | bigint | Buffer | null {
  if (value === null || typeof value !== 'object') return value
  return 'integer' in value ? BigInt(value.integer) : Buffer.from(value.octets, 'base64')
}
