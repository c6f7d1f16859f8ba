import type { Purpose } from './permission.ts'

/** Columns of a script. */
const WIDTH = 110

/** So that a listing of the kernel's rules tells whose they are. */
export const ruleComment = (purposes: readonly Purpose[]): string => `re6stnet: ${purposes[0]?.title ?? ''}`

/** What a rule is for, as comments of a script. @param indent what each line begins with */
export const purposeLines = (purposes: readonly Purpose[], indent = ''): readonly string[] =>
  purposes.flatMap(({ title, why }) => commentLines(`${title}: ${why}`, indent))

/** A text as comments of a script. */
export function commentLines(text: string, indent = ''): readonly string[] {
  const lines: string[] = []
  let line = `${indent}#`
  for (const word of text.split(' ')) {
    if (line.length + word.length >= WIDTH) {
      lines.push(line)
      line = `${indent}#`
    }
    line += ` ${word}`
  }
  return [...lines, line.trimEnd()]
}
