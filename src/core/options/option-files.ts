import { ok, type Result, refuse } from '../result.ts'
import { splitShellWords } from './shell-words.ts'

/** The content of a file, or why it cannot be read. */
export type ReadFile = (path: string) => Result<string>

/** The end of a line, in any convention. */
const LINE_END = /\r\n|[\n\r\v\f\u0085\u2028\u2029]/

/**
 * Replaces each `@FILE` by the options in that file, which may name further files. What follows `--` stays.
 * @param names all names of options, with their dashes: what is no long name in a file, is taken for a short one
 */
export function expandOptionFiles(
  args: readonly string[],
  names: ReadonlySet<string>,
  readFile: ReadFile,
): Result<string[]> {
  const end = args.indexOf('--')
  const before = end < 0 ? args : args.slice(0, end)
  const expanded = expand(before, names, readFile, [])
  return expanded.ok ? ok([...expanded.value, ...(end < 0 ? [] : args.slice(end))]) : expanded
}

/** @param open the files that led here, to notice one that includes itself */
function expand(
  args: readonly string[],
  names: ReadonlySet<string>,
  readFile: ReadFile,
  open: readonly string[],
): Result<string[]> {
  const expanded: string[] = []
  for (const arg of args) {
    if (!arg.startsWith('@')) {
      expanded.push(arg)
      continue
    }
    const path = arg.slice(1)
    if (open.includes(path)) return refuse(`${arg}: the file includes itself`)
    const content = readFile(path)
    if (!content.ok) return refuse(`${arg}: ${content.reason}`)
    for (const [at, line] of content.value.split(LINE_END).entries()) {
      const read = argumentsOfLine(line, names)
      if (!read.ok) return refuse(`${arg}, line ${at + 1}: ${read.reason}`)
      const inner = expand(read.value, names, readFile, [...open, path])
      if (!inner.ok) return inner
      expanded.push(...inner.value)
    }
  }
  return ok(expanded)
}

/** One option per line: the long name without dashes, or a letter, then its values. `@` in front includes a file. */
function argumentsOfLine(line: string, names: ReadonlySet<string>): Result<string[]> {
  if (line.startsWith('@')) return ok([line])
  if (/^\s*(#|$)/.test(line)) return ok([])
  const words = splitShellWords(line)
  if (!words.ok) return words
  const [name, ...values] = words.value
  if (name === undefined) return ok([])
  return ok([names.has(`--${name}`) ? `--${name}` : `-${name}`, ...values])
}
