import { ok, type Result, refuse } from '../result.ts'
import type { PlainValue } from './value-types.ts'

/** Compares as Python does; refused for values that cannot be compared. */
export type Comparison = (left: PlainValue, right: PlainValue) => Result<boolean>

const ordered =
  (symbol: string, holds: (order: number) => boolean): Comparison =>
  (left, right) => {
    const order = orderOf(left, right)
    return order === undefined
      ? refuse(`${textOf(left)} ${symbol} ${textOf(right)}: these cannot be compared`)
      : ok(holds(order))
  }

/** Whether a list has such an element, or a text such a part. */
export const contains: Comparison = (left, right) => {
  if (Array.isArray(right)) return ok(right.some((element) => areEqual(left, element)))
  if (typeof left === 'string' && typeof right === 'string') return ok(right.includes(left))
  return refuse(`${textOf(left)} in ${textOf(right)}: the second is neither a list nor a text with a text`)
}

/** By the sign or the word that stands for it. */
export const COMPARISONS: ReadonlyMap<string, Comparison> = new Map([
  ['==', (left, right) => ok(areEqual(left, right))],
  ['!=', (left, right) => ok(!areEqual(left, right))],
  ['<', ordered('<', (order) => order < 0)],
  ['<=', ordered('<=', (order) => order <= 0)],
  ['>', ordered('>', (order) => order > 0)],
  ['>=', ordered('>=', (order) => order >= 0)],
  ['in', contains],
  ['is', (left, right) => ok(isSame(left, right))],
])

/** The opposite, unless it was refused. */
export const negated = (result: Result<boolean>): Result<boolean> => (result.ok ? ok(!result.value) : result)

/** Truth as in Python: none, zero and what is empty are not true. */
export const isTrue = (value: PlainValue): boolean =>
  Array.isArray(value) ? value.length > 0 : Boolean(value)

/** What `is` finds: equality of values of one kind. */
export const isSame = (left: PlainValue, right: PlainValue): boolean =>
  typeof left === typeof right && areEqual(left, right)

/** Equality as in Python: true is 1, a text is never a number. */
function areEqual(left: PlainValue, right: PlainValue): boolean {
  if (Array.isArray(left) && Array.isArray(right))
    return left.length === right.length && left.every((element, at) => areEqual(element, right[at] ?? null))
  const [one, other] = [numberOf(left), numberOf(right)]
  return one !== undefined && other !== undefined ? one === other : left === right
}

/** Negative, zero, positive; undefined for values of different kinds. */
function orderOf(left: PlainValue, right: PlainValue): number | undefined {
  const [one, other] = [numberOf(left), numberOf(right)]
  if (one !== undefined && other !== undefined) return one - other
  if (typeof left === 'string' && typeof right === 'string') return left < right ? -1 : left > right ? 1 : 0
  return undefined
}

const numberOf = (value: PlainValue): number | undefined =>
  typeof value === 'number' || typeof value === 'boolean' ? Number(value) : undefined

/** A value as one would write it in an expression. */
export function textOf(value: PlainValue): string {
  if (value === null) return 'None'
  if (typeof value === 'boolean') return value ? 'True' : 'False'
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return `'${value.replace(/['\\]/g, '\\$&')}'`
  return `[${value.map(textOf).join(', ')}]`
}
