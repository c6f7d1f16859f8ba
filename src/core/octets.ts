import { timingSafeEqual } from 'node:crypto'

/** Whether two keys, hashes or challenges are the same; how long that takes says nothing of where they differ. */
export const isSameOctets = (one: Uint8Array, other: Uint8Array): boolean =>
  one.length === other.length && timingSafeEqual(one, other)
