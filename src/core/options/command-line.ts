import {
  ArgumentError,
  ArgumentParser,
  HelpFormatter,
  type HelpFormatterClass,
  type HelpFormatterOptions,
} from 'argparse'
import { ok, type Result, refuse } from '../result.ts'
import { expandOptionFiles, type ReadFile } from './option-files.ts'
import {
  descriptionOf,
  flag,
  labelOf,
  metavarOf,
  type Option,
  type OptionsOf,
  type OptionTable,
  plainDefaultOf,
  testNameOf,
  usageOf,
} from './option-table.ts'
import { evaluateTest, outcomeOfTest, type TestOutcome } from './test-expression.ts'
import type { PlainValue } from './value-types.ts'

/** A command: what it is for, and its options. */
export interface Command<Table extends OptionTable = OptionTable> {
  readonly name: string
  readonly description: string
  readonly options: Table
  /** What the first word may be, and what it does. */
  readonly subcommands?: Readonly<Record<string, string>>
  /** Shown below the options. */
  readonly epilogue?: string
  /** Whether `@FILE` names an option file. */
  readonly takesOptionFiles: boolean
  /** What the words after `--` are for; undefined: there must be none. */
  readonly rest?: string
}

/** The words of a command line, by option: the values of each time that it was given. */
export interface ParsedWords {
  readonly given: ReadonlyMap<string, readonly (readonly string[])[]>
  /** What follows `--`. */
  readonly rest: readonly string[]
}

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
  const names = new Set(Object.values(command.options).flatMap((option) => option.names))
  const expanded = command.takesOptionFiles ? expandOptionFiles(args, names, readFile) : ok([...args])
  if (!expanded.ok) return expanded
  const end = expanded.value.indexOf('--')
  const words = end < 0 ? expanded.value : expanded.value.slice(0, end)
  const rest = end < 0 ? [] : expanded.value.slice(end + 1)

  let values: Record<string, unknown>
  let unknown: string[]
  try {
    ;[values, unknown] = parserOf(command).parse_known_args<Record<string, unknown>>(words)
  } catch (error) {
    if (error instanceof ArgumentError) return refuse(mistake(command, error.str()))
    throw error
  }
  if (values[HELP] === true) return ok({ kind: 'help' })
  if (values[VERSION] === true) return ok({ kind: 'version' })
  const given = new Map<string, readonly (readonly string[])[]>()
  for (const [name, option] of Object.entries(command.options)) {
    const parsed = values[name] as boolean | null | undefined | readonly (string | readonly string[])[]
    if (parsed === true) given.set(name, [[]])
    if (!Array.isArray(parsed)) continue
    const times = parsed.map((words) => [words].flat() as readonly string[])
    if (times.some((words) => words.length > 1 && words.some(looksLikeOption)))
      return refuse(`${labelOf(option)}: ${valuesMissing(option)}`)
    given.set(name, option.kind === 'repeated' ? times : times.slice(-1))
  }
  if (unknown.length > 0)
    return refuse(`${unknown.join(' ')}: no such option, or too many values; see ${command.name} --help`)
  if (rest.length > 0 && command.rest === undefined) return refuse(`${rest.join(' ')}: nothing may follow --`)
  const missing = Object.entries(command.options).filter(
    ([name, option]) => option.kind === 'single' && option.required && !given.has(name),
  )
  if (missing.length > 0)
    return refuse(`missing, but required: ${missing.map(([, option]) => usageOf(option)).join(', ')}`)
  return ok({ kind: 'run', given, rest })
}

/** The values of all options, each checked for itself. */
export function optionValues<Table extends OptionTable>(
  { options }: Command<Table>,
  { given }: ParsedWords,
): Result<OptionsOf<Table>> {
  const values: Record<string, unknown> = {}
  for (const [name, option] of Object.entries(options)) {
    const value = readValue(option, given.get(name))
    if (!value.ok) return refuse(`${labelOf(option)}: ${value.reason}`)
    values[name] = value.value
  }
  return ok(values as OptionsOf<Table>)
}

function readValue(option: Option, times: readonly (readonly string[])[] | undefined): Result<unknown> {
  switch (option.kind) {
    case 'flag':
      return ok(times !== undefined)
    case 'single':
      return times?.[0] ? option.type.read(times[0]) : ok(option.default)
    case 'repeated':
      return all([...option.always, ...(times ?? [])].map((words) => option.type.read(words)))
  }
}

/** The values of all options by their names in --test expressions, before most checks. */
export function plainValues(
  { options }: Command,
  { given }: ParsedWords,
): Result<ReadonlyMap<string, PlainValue>> {
  const values = new Map<string, PlainValue>()
  for (const [name, option] of Object.entries(options)) {
    const value = plainValueOf(option, given.get(name))
    if (!value.ok) return refuse(`${labelOf(option)}: ${value.reason}`)
    values.set(testNameOf(option), value.value)
  }
  return ok(values)
}

function plainValueOf(option: Option, times: readonly (readonly string[])[] | undefined): Result<PlainValue> {
  switch (option.kind) {
    case 'flag':
      return ok(times !== undefined)
    case 'single':
      return times?.[0] ? option.type.plain(times[0]) : ok(plainDefaultOf(option))
    case 'repeated': {
      const words = [...option.always, ...(times ?? [])]
      return words.length === 0 ? ok(option.unsetInTest) : all(words.map((one) => option.type.plain(one)))
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

/** Refuses what was given although its behaviour is still missing: it must not be ignored in silence. */
function refuseNotYet({ options }: Command, { given }: ParsedWords): Result<void> {
  for (const [name, option] of Object.entries(options)) {
    const { notYet } = option
    const times = notYet ? (given.get(name) ?? []) : []
    const early = times.find((words) => words.some((word) => notYet?.test(word)))
    if (early) return refuse(`${[labelOf(option), ...early].join(' ')}: not available yet in this version`)
  }
  return ok(undefined)
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
  const test = parsed.value.given.get(TEST)?.[0]?.[0]
  if (test !== undefined) {
    const values = plainValues(command, parsed.value)
    const value = values.ok ? evaluateTest(test, values.value) : values
    return value.ok ? ok({ kind: 'test', ...outcomeOfTest(value.value) }) : refuse(`--test: ${value.reason}`)
  }
  const options = read(parsed.value)
  if (!options.ok) return options
  const available = refuseNotYet(command, parsed.value)
  return available.ok ? ok({ kind: 'run', options: options.value }) : available
}

/** The text of --help. @param width columns of the terminal */
export function helpOf(command: Command, width: number): string {
  const subcommands = Object.entries(command.subcommands ?? {})
  const column = Math.max(0, ...subcommands.map(([name]) => name.length)) + 2
  const lines = subcommands.map(([name, what]) => `  ${name.padEnd(column)}${what}\n`)
  return [
    parserOf(command, width).format_help(),
    ...(lines.length > 0 ? ['\nCommands:\n', ...lines] : []),
  ].join('')
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
export const usageLineOf = ({ name, subcommands, takesOptionFiles, rest }: Command): string =>
  [
    name,
    ...(subcommands ? ['COMMAND'] : []),
    '[OPTIONS]',
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
  const missing = `${count === 1 ? 'a value is' : `${count} values are`} missing, it is used as: ${usageOf(option)}`
  const [name] = option.names
  return metavarOf(option)[0] === 'ARG'
    ? `${missing}; what begins with a dash follows without a blank: ${name}--example`
    : missing
}

/** argparse takes such a word for one of several values, never for the only one: we never do. */
const looksLikeOption = (word: string): boolean => /^-[^\s]+$/.test(word) && Number.isNaN(Number(word))
