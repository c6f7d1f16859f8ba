import { ArgumentError, type ArgumentParser } from 'argparse'
import { ok, type Result, refuse } from '../result.ts'
import type { Command } from './command.ts'
import { type Given, type GivenValues, type ParsedWords, plainValues } from './given-values.ts'
import { expandOptionFiles, type ReadFile, type Words } from './option-files.ts'
import { longNamesOf, nearestName } from './option-line.ts'
import { HELP, parserOf, VERSION } from './option-parser.ts'
import { labelOf, metavarOf, type Option, usageOf } from './option-table.ts'
import { evaluateTest, outcomeOfTest, type TestOutcome } from './test-expression.ts'

/** A command line that was read. */
export type ParsedCommandLine =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | ({ readonly kind: 'run' } & ParsedWords)

/** Name of the option --test, in the table of a command that has it. */
const TEST = 'test'

/**
 * Sorts the words of a command line by option. Neither numbers nor combinations are checked yet. Long names may be
 * shortened as long as they are unambiguous, except in option files.
 */
export function parseCommandLine(
  command: Command,
  args: readonly string[],
  readFile: ReadFile,
): Result<ParsedCommandLine> {
  const options = Object.values(command.options)
  const end = args.indexOf('--')
  const before = end < 0 ? args : args.slice(0, end)
  const rest = end < 0 ? [] : args.slice(end + 1)
  const expanded = command.takesOptionFiles
    ? expandOptionFiles(before, options, readFile)
    : ok([{ words: before, where: undefined }])
  if (!expanded.ok) return expanded
  const parser = parserOf(command)
  const given = new Map<string, readonly GivenValues[]>()
  let operand: string | undefined
  for (const part of expanded.value) {
    const parsed = parsePart(command, parser, part)
    if (!parsed.ok)
      return refuse(part.where === undefined ? parsed.reason : `${part.where}: ${parsed.reason}`)
    if (parsed.value === 'help' || parsed.value === 'version') return ok({ kind: parsed.value })
    operand = parsed.value.operand ?? operand
    for (const [name, times] of parsed.value.given) {
      const isRepeated = command.options[name]?.kind === 'repeated'
      given.set(name, isRepeated ? [...(given.get(name) ?? []), ...times] : times.slice(-1))
    }
  }
  if (rest.length > 0 && command.rest === undefined) return refuse(`${rest.join(' ')}: nothing may follow --`)
  const missing = Object.entries(command.options).filter(
    ([name, option]) => option.kind === 'single' && option.required && !given.has(name),
  )
  if (command.operand?.required && operand === undefined)
    return refuse(`missing, but required: ${command.operand.metavar}, ${command.operand.help}`)
  if (missing.length > 0)
    return refuse(
      `missing, but required: ${missing.map(([, option]) => usageOf(option)).join(', ')}${command.takesOptionFiles ? `; options may be in a file: ${command.name} @FILE` : ''}`,
    )
  return ok({ kind: 'run', given, operand, rest })
}

/** What a part says: a line of an option file, or what stands on the command line beside such files. */
function parsePart(
  command: Command,
  parser: ArgumentParser,
  { words, where }: Words,
): Result<{ readonly given: Given; readonly operand: string | undefined } | 'help' | 'version'> {
  let values: Record<string, unknown>
  let unknown: string[]
  try {
    ;[values, unknown] = parser.parse_known_args<Record<string, unknown>>([...words])
  } catch (error) {
    if (error instanceof ArgumentError) return refuse(mistake(command, error.str()))
    throw error
  }
  if (values[HELP] === true) return ok('help')
  if (values[VERSION] === true) return ok('version')
  const given = new Map<string, readonly GivenValues[]>()
  for (const [name, option] of Object.entries(command.options)) {
    const parsed = values[name] as boolean | null | undefined | readonly (string | readonly string[])[]
    if (parsed === true) given.set(name, [{ words: [], where }])
    if (!Array.isArray(parsed)) continue
    const times = parsed.map((value) => ({ words: [value].flat() as readonly string[], where }))
    if (times.some((time) => time.words.length > 1 && time.words.some(looksLikeOption)))
      return refuse(`${labelOf(option)}: ${valuesMissing(option)}`)
    given.set(name, times)
  }
  const operand = command.operand && unknown.find((word) => !word.startsWith('-'))
  if (operand !== undefined) unknown.splice(unknown.indexOf(operand), 1)
  return unknown.length > 0 ? refuse(notUnderstood(command, unknown, where)) : ok({ given, operand })
}

function notUnderstood(command: Command, unknown: readonly string[], where: string | undefined): string {
  if (where !== undefined)
    return `${unknown.join(' ')}: too many values; one option a line, and a comment on a line of its own`
  const [first = ''] = unknown
  const near = first.startsWith('--')
    ? nearestName(
        first.slice('--'.length).split('=', 1)[0] ?? '',
        longNamesOf(Object.values(command.options)),
      )
    : undefined
  const what = first.startsWith('-') ? 'no such option' : 'too many values'
  return `${unknown.join(' ')}: ${what}; ${near === undefined ? `see ${command.name} --help` : `did you mean --${near}?`}`
}

/** What the user wants. */
export type Request<Options> =
  | { readonly kind: 'help'; readonly command: Command }
  | { readonly kind: 'version' }
  /** --test: do nothing but end with a status. */
  | ({ readonly kind: 'test' } & TestOutcome)
  | { readonly kind: 'run'; readonly options: Options }

/**
 * Reads a whole command line.
 * @param read checks the options together
 */
export function readCommandLine<Options>(
  command: Command,
  read: (words: ParsedWords) => Result<Options>,
  args: readonly string[],
  readFile: ReadFile,
): Result<Request<Options>> {
  const parsed = parseCommandLine(command, args, readFile)
  if (!parsed.ok) return parsed
  if (parsed.value.kind === 'help') return ok({ kind: 'help', command })
  if (parsed.value.kind === 'version') return ok({ kind: 'version' })
  const test = parsed.value.given.get(TEST)?.[0]?.words[0]
  if (test !== undefined) {
    const values = plainValues(command, parsed.value)
    const value = values.ok ? evaluateTest(test, values.value) : values
    return value.ok ? ok({ kind: 'test', ...outcomeOfTest(value.value) }) : refuse(`--test: ${value.reason}`)
  }
  const options = read(parsed.value)
  if (!options.ok) return options
  return ok({ kind: 'run', options: options.value })
}

/** A message of argparse in our words, with what is allowed. */
function mistake(command: Command, message: string): string {
  const [, label, what = ''] = /^argument ([^\s:]+): (.*)$/s.exec(message) ?? []
  const option = Object.values(command.options).find((one) => labelOf(one) === label)
  if (!option) return message.replaceAll('\n', ' ')
  if (!what.startsWith('expected')) return `${label}: ${what}`
  return `${label}: ${valuesMissing(option)}`
}

function valuesMissing(option: Option): string {
  const count = metavarOf(option).length
  const missing = `${count === 1 ? 'a value is missing' : `it takes ${count} values`}, it is used as: ${usageOf(option)}`
  const [name] = option.names
  return metavarOf(option)[0] === 'ARG'
    ? `${missing}; what begins with a dash follows without a blank: ${name}--example`
    : missing
}

/** argparse takes such a word for one of several values, never for the only one: we never do. */
const looksLikeOption = (word: string): boolean => /^-[^\s]+$/.test(word) && Number.isNaN(Number(word))
