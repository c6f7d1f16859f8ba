import {
  ArgumentError,
  ArgumentParser,
  HelpFormatter,
  type HelpFormatterClass,
  type HelpFormatterOptions,
} from 'argparse'
import { ok, type Result, refuse } from '../result.ts'
import { expandOptionFiles, type ReadFile, type Words } from './option-files.ts'
import { longNamesOf, nearestName } from './option-line.ts'
import {
  descriptionOf,
  flag,
  labelOf,
  metavarOf,
  type Option,
  type OptionsOf,
  type OptionTable,
  plainDefaultOf,
  type RepeatedOption,
  testNameOf,
  usageOf,
} from './option-table.ts'
import { evaluateTest, outcomeOfTest, type TestOutcome } from './test-expression.ts'
import type { PlainValue } from './value-types.ts'

/** A word that is no option. */
export interface Operand {
  readonly metavar: string
  readonly help: string
  readonly required: boolean
}

/** A command: what it is for, and its options. */
export interface Command<Table extends OptionTable = OptionTable> {
  readonly name: string
  readonly description: string
  readonly options: Table
  /** What the first word may be, and what it does. */
  readonly subcommands?: Readonly<Record<string, string>>
  /** Whether it does something also without one of them. */
  readonly runsAlone?: boolean
  /** Shown below the options. */
  readonly epilogue?: string
  /** Whether `@FILE` names an option file. */
  readonly takesOptionFiles: boolean
  /** The one word that it takes beside options; undefined: none. */
  readonly operand?: Operand
  /** What the words after `--` are for; undefined: there must be none. */
  readonly rest?: string
}

/** The words of a command line, by option: the values of each time that it was given. */
export interface ParsedWords {
  readonly given: Given
  /** The word that is no option. */
  readonly operand: string | undefined
  /** What follows `--`. */
  readonly rest: readonly string[]
}

/** The values of an option, as words, and the file and line where they stand unless it is the command line. */
export interface GivenValues {
  readonly words: readonly string[]
  readonly where: string | undefined
}

type Given = ReadonlyMap<string, readonly GivenValues[]>

/** A command line that was read. */
export type ParsedCommandLine =
  | { readonly kind: 'help' }
  | { readonly kind: 'version' }
  | ({ readonly kind: 'run' } & ParsedWords)

/** Name of the option --test, in the table of a command that has it. */
const TEST = 'test'

/** Names under which the parser itself is asked something; no option has them. */
const [HELP, VERSION] = [' help', ' version']

/** Options that every command has, below its own. */
export const COMMON_OPTIONS = {
  [HELP]: flag({ names: ['-h', '--help'], group: 'Other', help: 'print this text', since: '0.1.0' }),
  [VERSION]: flag({ names: ['-V', '--version'], group: 'Other', help: 'print the version', since: '0.1.0' }),
} satisfies OptionTable

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
  const advice = near === undefined ? '' : `; did you mean --${near}?`
  return `${unknown.join(' ')}: no such option, or too many values${advice || `; see ${command.name} --help`}`
}

/** The values of all options, each checked for itself. */
export function optionValues<Table extends OptionTable>(
  { options }: Command<Table>,
  { given }: ParsedWords,
): Result<OptionsOf<Table>> {
  const values: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(options)) {
    const value = typedValueOf(option, given.get(name))
    if (!value.ok) return value
    values[name] = value.value
  }
  return ok(values as OptionsOf<Table>)
}

function typedValueOf(option: Option, times: readonly GivenValues[] | undefined): Result<unknown> {
  switch (option.kind) {
    case 'flag':
      return ok(times !== undefined)
    case 'single':
      return times?.[0] ? read(option, times[0], option.type.read) : ok(option.default)
    case 'repeated':
      return all(timesOf(option, times).map((one) => read(option, one, option.type.read)))
  }
}

/** Reads the values of an option once; a refusal says which option, and where. */
function read<Value>(
  option: Option,
  { words, where }: GivenValues,
  reader: (words: readonly string[]) => Result<Value>,
): Result<Value> {
  const value = reader(words)
  if (value.ok) return value
  return refuse(`${where === undefined ? '' : `${where}: `}${labelOf(option)}: ${value.reason}`)
}

const timesOf = (
  { always }: RepeatedOption<unknown>,
  times: readonly GivenValues[] | undefined,
): readonly GivenValues[] => [...always.map((words) => ({ words, where: undefined })), ...(times ?? [])]

/** The values of all options by their names in --test expressions, before most checks. */
export function plainValues(
  { options }: Command,
  { given }: ParsedWords,
): Result<ReadonlyMap<string, PlainValue>> {
  const values = new Map<string, PlainValue>()
  for (const [name, option] of Object.entries(options)) {
    const value = plainValueOf(option, given.get(name))
    if (!value.ok) return value
    values.set(testNameOf(option), value.value)
  }
  return ok(values)
}

function plainValueOf(option: Option, times: readonly GivenValues[] | undefined): Result<PlainValue> {
  switch (option.kind) {
    case 'flag':
      return ok(times !== undefined)
    case 'single':
      return times?.[0] ? read(option, times[0], option.type.plain) : ok(plainDefaultOf(option))
    case 'repeated': {
      const given = timesOf(option, times)
      return given.length === 0
        ? ok(option.unsetInTest)
        : all(given.map((one) => read(option, one, option.type.plain)))
    }
  }
}

function all<Value>(results: readonly Result<Value>[]): Result<readonly Value[]> {
  const values: Value[] = []
  for (const result of results) {
    if (!result.ok) return result
    values.push(result.value)
  }
  return ok(values)
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

/** The text of --help. @param width columns of the terminal */
export function helpOf(command: Command, width: number): string {
  const subcommands = Object.entries(command.subcommands ?? {})
  const column = Math.max(0, ...subcommands.map(([name]) => name.length)) + 2
  const lines = subcommands.map(([name, what]) => `  ${name.padEnd(column)}${what}\n`)
  return [
    helpParserOf(command, width).format_help(),
    ...(lines.length > 0 ? ['\nCommands:\n', ...lines] : []),
  ].join('')
}

/** Words that are no options are not for the parser, which takes the first one before it has seen all options. */
function helpParserOf(command: Command, width: number): ArgumentParser {
  const parser = parserOf(command, width)
  const { metavar, help } = command.operand ?? {}
  if (metavar !== undefined)
    parser.add_argument(metavar, { metavar, help: help?.replaceAll('%', '%%') ?? '' })
  return parser
}

function parserOf(command: Command, width = 80): ArgumentParser {
  const parser = new ArgumentParser({
    prog: command.name,
    usage: usageLineOf(command),
    description: command.description,
    ...(command.epilogue === undefined ? {} : { epilog: command.epilogue }),
    formatter_class: formatterOf(width),
    add_help: false,
    exit_on_error: false,
    color: false,
  })
  const groups = new Map<string, ReturnType<ArgumentParser['add_argument_group']>>()
  const groupOf = (title: string) => {
    const group = groups.get(title) ?? parser.add_argument_group(title)
    groups.set(title, group)
    return group
  }
  for (const [dest, option] of Object.entries({ ...command.options, ...COMMON_OPTIONS })) {
    const metavar = metavarOf(option)
    groupOf(option.group).add_argument(...option.names, {
      dest,
      help: descriptionOf(option).replaceAll('%', '%%'),
      ...(option.kind === 'flag'
        ? { action: 'store_true' }
        : metavar.length === 1
          ? { action: 'append', metavar: metavar[0] ?? '' }
          : { action: 'append', nargs: metavar.length, metavar: [...metavar] }),
    })
  }
  return parser
}

/** Columns of the help before what an option does. */
const HELP_POSITION = 30

const formatterOf = (width: number): HelpFormatterClass =>
  class extends HelpFormatter {
    constructor(options: HelpFormatterOptions) {
      super({ ...options, width, max_help_position: HELP_POSITION })
    }
  }

/** How a command is used, on one line. */
export const usageLineOf = ({
  name,
  subcommands,
  runsAlone,
  takesOptionFiles,
  operand,
  rest,
}: Command): string =>
  [
    name,
    ...(subcommands && !runsAlone ? ['COMMAND'] : []),
    '[OPTIONS]',
    ...(operand ? [operand.required ? operand.metavar : `[${operand.metavar}]`] : []),
    ...(takesOptionFiles ? ['[@FILE]'] : []),
    ...(rest ? [`[-- ${rest}]`] : []),
  ].join(' ')

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
