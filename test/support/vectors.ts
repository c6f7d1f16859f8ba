import { readFileSync } from 'node:fs'

/** One of the recorded files in `test/vectors`; the caller says what it reads of it. */
export const vectors = <T>(name: string): T =>
  JSON.parse(readFileSync(new URL(`../vectors/${name}`, import.meta.url), 'utf8')) as T

/** Bytes of a hex string. */
export const hex = (text: string): Buffer => Buffer.from(text, 'hex')
