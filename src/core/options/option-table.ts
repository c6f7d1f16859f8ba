import type { PlainValue, ValueType } from './value-types.ts'

/*
 * Each command has one table of options, by the name that the program gives to the value. Parser, help, option files,
 * --test and the types of the values all follow from it.
 */

interface Common {
  /** As on the command line, e.g. `['-l', '--log']`. */
  readonly names: readonly [string, ...string[]]
  /** Heading in the help. */
  readonly group: string
  /** A phrase, with units; no full stop. The default is added to it. */
  readonly help: string
  /** Name in --test expressions, where it is not the long name. */
  readonly testName?: string
}

/** Given or not. */
export interface FlagOption extends Common {
  readonly kind: 'flag'
}

/** Has one value; given again, the later one wins. */
export interface SingleOption<Value, Default> extends Common {
  readonly kind: 'single'
  readonly type: ValueType<Value>
  readonly default: Default
  readonly required: boolean
  /** What happens without it, where that is more than a value. */
  readonly otherwise?: string
}

/** May be given several times: its values accumulate, after those of `always`. */
export interface RepeatedOption<Value> extends Common {
  readonly kind: 'repeated'
  readonly type: ValueType<Value>
  readonly always: readonly (readonly string[])[]
  /** What --test sees if it is not given: no list, or an empty one. */
  readonly unsetInTest: null | readonly []
  readonly otherwise?: string
}

/** Any option. */
export type Option = FlagOption | SingleOption<unknown, unknown> | RepeatedOption<unknown>

/** All options of a command, by name of the value. */
export type OptionTable = Readonly<Record<string, Option>>

/** The values that a table describes. */
export type OptionsOf<Table extends OptionTable> = {
  readonly [Name in keyof Table]: Table[Name] extends FlagOption
    ? boolean
    : Table[Name] extends SingleOption<infer Value, infer Default>
      ? Value | Default
      : Table[Name] extends RepeatedOption<infer Value>
        ? readonly Value[]
        : never
}

/** Declares a flag. */
export const flag = (option: Common): FlagOption => ({ kind: 'flag', ...option })

/** Declares an option without a default: its value may be undefined. */
export const optional = <Value>(
  type: ValueType<Value>,
  option: Common & { readonly otherwise?: string },
): SingleOption<Value, undefined> => ({
  kind: 'single',
  type,
  default: undefined,
  required: false,
  ...option,
})

/** Declares an option with a default. */
export const withDefault = <Value>(
  type: ValueType<Value>,
  defaultValue: Value,
  option: Common,
): SingleOption<Value, Value> => ({ kind: 'single', type, default: defaultValue, required: false, ...option })

/** Declares an option that must be given. */
export const required = <Value>(type: ValueType<Value>, option: Common): SingleOption<Value, never> => ({
  kind: 'single',
  type,
  default: undefined as never,
  required: true,
  ...option,
})

/** Declares an option that may be given several times. */
export const repeated = <Value>(
  type: ValueType<Value>,
  option: Common & { readonly otherwise?: string } & Partial<
      Pick<RepeatedOption<Value>, 'always' | 'unsetInTest'>
    >,
): RepeatedOption<Value> => ({ kind: 'repeated', type, always: [], unsetInTest: null, ...option })

/** The words of an option: none for a flag. */
export const metavarOf = (option: Option): readonly string[] =>
  option.kind === 'flag' ? [] : option.type.metavar

/** How an option is written, e.g. `--pp PORT PROTO`. */
export const usageOf = (option: Option): string => [longNameOf(option), ...metavarOf(option)].join(' ')

/** All names of an option, as messages name it: `-l/--log`. */
export const labelOf = (option: Option): string => option.names.join('/')

/** The long name, or the only one. */
const longNameOf = (option: Option): string =>
  option.names.find((name) => name.startsWith('--')) ?? option.names[0]

/** The name that --test expressions use. */
export const testNameOf = (option: Option): string =>
  option.testName ?? longNameOf(option).replace(/^-+/, '').replaceAll('-', '_')

/** What the help says of an option: what it does; in brackets, what is true without it, and how it may be used. */
export function descriptionOf(option: Option): string {
  const notes = [
    defaultTextOf(option),
    option.kind === 'repeated' ? 'may be given several times' : undefined,
  ].filter((note) => note !== undefined)
  return notes.length > 0 ? `${option.help} (${notes.join('; ')})` : option.help
}

function defaultTextOf(option: Option): string | undefined {
  switch (option.kind) {
    case 'flag':
      return undefined
    case 'single':
      if (option.required) return 'required'
      return option.otherwise ?? (option.default === undefined ? undefined : `default: ${option.default}`)
    case 'repeated': {
      const given = option.always.map((words) => words.join(' ')).join(', ')
      return option.otherwise ?? (given === '' ? undefined : `always: ${given}`)
    }
  }
}

/** A default as --test sees it. */
export const plainDefaultOf = (option: SingleOption<unknown, unknown>): PlainValue =>
  typeof option.default === 'string' || typeof option.default === 'number' ? option.default : null
