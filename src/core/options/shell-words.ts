import { ok, type Result, refuse } from '../result.ts'

/** What separates words. */
const BLANKS = ' \t\r\n'

/**
 * Splits a line into words as a POSIX shell does (XCU 2.2): quotes group, a backslash takes the next character
 * literally, between double quotes only before `"` and `\`. Nothing is expanded, and `#` is a character like any other.
 */
export function splitShellWords(line: string): Result<string[]> {
  const words: string[] = []
  // Undefined between words: an empty word, written as '', is a word too.
  let word: string | undefined
  let quote: '"' | "'" | undefined
  const characters = [...line]
  for (let at = 0; at < characters.length; at++) {
    const character = characters[at] as string
    if (character === quote) {
      quote = undefined
    } else if (character === '\\' && quote !== "'") {
      const next = characters[++at]
      if (next === undefined)
        return refuse(quote ? `a ${quote} is not closed` : 'nothing follows the backslash at the end')
      const isEscape = quote === undefined || next === quote || next === '\\'
      word = (word ?? '') + (isEscape ? next : `\\${next}`)
    } else if (quote !== undefined) {
      word += character
    } else if (character === '"' || character === "'") {
      quote = character
      word ??= ''
    } else if (!BLANKS.includes(character)) {
      word = (word ?? '') + character
    } else if (word !== undefined) {
      words.push(word)
      word = undefined
    }
  }
  if (quote !== undefined) return refuse(`a ${quote} is not closed`)
  if (word !== undefined) words.push(word)
  return ok(words)
}

/** Writes words so that splitting gives them back. */
export const joinShellWords = (words: readonly string[]): string =>
  words.map((word) => (/^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'"'"'`)}'`)).join(' ')
