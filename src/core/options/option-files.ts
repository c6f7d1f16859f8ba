import { ok, type Result, refuse } from '../result.ts'
import { wordsOfLine } from './option-line.ts'
import type { Option } from './option-table.ts'

/** The content of a file, or why it cannot be read. */
export type ReadFile = (path: string) => Result<string>

/** Words that belong together, and where they stand. */
export interface Words {
  readonly words: readonly string[]
  /** E.g. `@re6stnet.conf, line 3`; undefined: on the command line. */
  readonly where: string | undefined
}

/** The end of a line, in any convention. */
const LINE_END = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/

/** Some editors begin a file with it. */
const BYTE_ORDER_MARK = /^\uFEFF/

/** Replaces each `@FILE` by the options in that file, which may name further files. */
export function expandOptionFiles(
  args: readonly string[],
  options: readonly Option[],
  readFile: ReadFile,
): Result<Words[]> {
  const expanded: Words[] = []
  let words: string[] = []
  for (const arg of args) {
    if (!arg.startsWith('@')) {
      words.push(arg)
      continue
    }
    const inner = wordsOfFile(arg, options, readFile, [])
    if (!inner.ok) return inner
    expanded.push({ words, where: undefined }, ...inner.value)
    words = []
  }
  return ok([...expanded, { words, where: undefined }].filter((one) => one.words.length > 0))
}

/**
 * @param arg the file's name, after an `@`
 * @param open the files that led here, to notice one that includes itself
 */
function wordsOfFile(
  arg: string,
  options: readonly Option[],
  readFile: ReadFile,
  open: readonly string[],
): Result<Words[]> {
  const path = arg.slice(1)
  if (open.includes(path)) return refuse(`${arg}: the file includes itself`)
  const content = readFile(path)
  if (!content.ok) return refuse(`${arg}: ${content.reason}`)
  const expanded: Words[] = []
  for (const [at, line] of content.value.replace(BYTE_ORDER_MARK, '').split(LINE_END).entries()) {
    const where = `${arg}, line ${at + 1}`
    if (line.startsWith('@')) {
      const inner = wordsOfFile(line, options, readFile, [...open, path])
      if (!inner.ok) return inner
      expanded.push(...inner.value)
    } else if (!/^\s*(#|$)/.test(line)) {
      const words = wordsOfLine(line, options)
      if (!words.ok) return refuse(`${where}: ${words.reason}`)
      expanded.push({ words: words.value, where })
    }
  }
  return ok(expanded)
}
