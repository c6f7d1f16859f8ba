/** More of a text is not looked for. */
const MAX_WORDS = 16
/** As much of each word is kept, with what comes after it. */
const MAX_LENGTH = 64

const WORD_START = /(?<![\p{L}\p{N}])[\p{L}\p{N}]/gu
const BEFORE_WORD = /^[^\p{L}\p{N}]+/u

/**
 * A text from each of its words on, in small letters: it is found by what one of them begins with, as `john.smith@example.com` by
 * `smith@ex`, in an index.
 */
export function searchWordsOf(text: string): string[] {
  const small = text.toLowerCase()
  const words = Array.from(small.matchAll(WORD_START), ({ index }) => small.slice(index, index + MAX_LENGTH))
  return [...new Set(words.slice(0, MAX_WORDS))]
}

/** What words begin with that a text asks for; empty: there is no word in it. */
export const searchStartOf = (text: string): string =>
  text.toLowerCase().replace(BEFORE_WORD, '').slice(0, MAX_LENGTH)

/** Comes after everything that begins with this, in the order of octets, and before all else; undefined: nothing does. */
export function endOfStart(start: string): string | undefined {
  const points = Array.from(start, (letter) => letter.codePointAt(0) ?? 0)
  while (points.at(-1) === LAST_POINT) points.pop()
  const last = points.pop()
  if (last === undefined) return undefined
  // The halves of others are no letters.
  return String.fromCodePoint(...points, last === BEFORE_HALVES ? AFTER_HALVES : last + 1)
}

/** Unicode, D76. */
const [LAST_POINT, BEFORE_HALVES, AFTER_HALVES] = [0x10ffff, 0xd7ff, 0xe000]
