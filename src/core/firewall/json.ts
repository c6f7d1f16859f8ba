/** A value of JSON from outside. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [name: string]: Json }

/** A JSON object; empty for anything else. */
export const objectOf = (value: Json | undefined): { readonly [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as { readonly [name: string]: Json })
    : {}

/** A JSON list; one of a single element for anything else. */
export const listOf = (value: Json | undefined): readonly Json[] =>
  value === undefined ? [] : Array.isArray(value) ? value : [value as Json]

/** A text; empty for anything else, which must not be made one: JSON may have a `toString` of its own. */
export const textOf = (value: Json | undefined): string => (typeof value === 'string' ? value : '')
