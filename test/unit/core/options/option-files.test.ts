import { describe, expect, it } from 'vitest'
import type { Command } from '../../../../src/core/options/command.ts'
import { parseCommandLine } from '../../../../src/core/options/command-line.ts'
import { optionValues } from '../../../../src/core/options/given-values.ts'
import { expandOptionFiles, type ReadFile } from '../../../../src/core/options/option-files.ts'
import { flag, type OptionTable, repeated } from '../../../../src/core/options/option-table.ts'
import { type PlainValue, text, type ValueType } from '../../../../src/core/options/value-types.ts'
import { ok, refuse } from '../../../../src/core/result.ts'
import { fc, test } from '../../../support/property.ts'
import { vectors } from '../../../support/vectors.ts'

interface Recorded {
  name: string
  files: Record<string, string>
  argv: string[]
  expanded: string[] | null
  /** Neither, when the file itself is refused. */
  options?: Record<string, PlainValue> | null
}
const recorded = vectors<{ declared: Record<string, string[]>; cases: Recorded[] }>('option-files.json')

const filesOf =
  (files: Readonly<Record<string, string>>): ReadFile =>
  (path) =>
    Object.hasOwn(files, path) ? ok(files[path] ?? '') : refuse('no such file')

const words: ValueType<PlainValue> = {
  metavar: ['A', 'B'],
  plain: (two) => ok(two),
  read: (two) => ok(two),
}

/** The options that the recorded cases declare. */
const declared = Object.fromEntries(
  Object.entries(recorded.declared).flatMap(([kind, options]) =>
    options.map((label) => {
      const names = label.split('/') as [string, ...string[]]
      const name = (names.at(-1) ?? '').replace(/^-+/, '').replace('-', '_')
      const common = { names, group: 'All', help: '' }
      if (kind === 'flags') return [name, flag(common)]
      return [name, kind.endsWith('two values') ? repeated(words, common) : repeated(text('A'), common)]
    }),
  ),
) as OptionTable
const command: Command = { name: 'test', description: '', options: declared, takesOptionFiles: true }
const options = Object.values(declared)
const names = options.flatMap((option) => option.names)

const expand = (argv: readonly string[], files: Readonly<Record<string, string>>) => {
  const expanded = expandOptionFiles(argv, options, filesOf(files))
  return expanded.ok ? ok(expanded.value.flatMap(({ words }) => words)) : expanded
}

/** Read as other options than what was meant, when recorded; refused now. */
const REFUSED_SINCE = new Set(['equals'])

describe('recorded', () => {
  it.each(recorded.cases)('$name', ({ name, files, argv, expanded, options }) => {
    const result = expand(argv, files)
    const isRefused = options === null || options === undefined || REFUSED_SINCE.has(name)
    // A word that is no option is refused where it stands, before it becomes another one.
    if (result.ok || !isRefused) expect(result).toEqual(ok(expanded))
    const parsed = parseCommandLine(command, argv, filesOf(files))
    expect(parsed.ok, parsed.ok ? '' : parsed.reason).toBe(!isRefused)
    if (!parsed.ok || parsed.value.kind !== 'run') return
    const values = optionValues(command, parsed.value)
    const given = parsed.value.given
    expect(
      values.ok && Object.fromEntries(Object.entries(values.value).filter(([name]) => given.has(name))),
    ).toEqual(options)
  })
})

describe('says what is wrong and where', () => {
  it.each<[string, Record<string, string>, string]>([
    ['a file that is not there', {}, '@main: no such file'],
    ['a quote', { main: 'log a\n\nup "x' }, '@main, line 3: a " is not closed'],
    ['a file that includes itself', { main: '@other', other: '@main' }, '@main: the file includes itself'],
  ])('%s', (_, files, reason) => {
    expect(expand(['@main'], files)).toEqual(refuse(reason))
  })

  it('a file may be included twice', () => {
    const files = { main: '@other\n@other', other: 'i eth0' }
    expect(expand(['@main'], files)).toEqual(ok(['-i', 'eth0', '-i', 'eth0']))
  })

  it('a byte order mark is none of the options', () => {
    expect(expand(['@main'], { main: '\uFEFFlog /a' })).toEqual(ok(['--log', '/a']))
  })
})

test('any file is read or refused, in one line', fc.string({ unit: 'binary' }), (content) => {
  const parsed = parseCommandLine(command, ['@main'], filesOf({ main: content }))
  if (!parsed.ok) expect(parsed.reason).not.toMatch(/[\n\r]/)
})

test(
  'any options are read or refused, in one line',
  fc.array(fc.oneof(fc.constantFrom(...names, '-', '-v3', '--p', '-O--x'), fc.string())),
  (argv) => {
    const parsed = parseCommandLine(command, argv, filesOf({}))
    if (!parsed.ok) expect(parsed.reason).not.toMatch(/[\n\r]/)
  },
)
