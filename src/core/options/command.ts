import type { OptionTable } from './option-table.ts'

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
