import { ok, type Result, refuse } from '../result.ts'
import type { Command } from './command.ts'
import {
  labelOf,
  type Option,
  type OptionsOf,
  type OptionTable,
  plainDefaultOf,
  type RepeatedOption,
  testNameOf,
} from './option-table.ts'
import type { PlainValue } from './value-types.ts'

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

/** The values of options that were given, by the name of the option. */
export type Given = ReadonlyMap<string, readonly GivenValues[]>

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
