import { ArgumentParser, HelpFormatter, type HelpFormatterClass, type HelpFormatterOptions } from 'argparse'
import { type Command, usageLineOf } from './command.ts'
import { descriptionOf, flag, metavarOf, type OptionTable } from './option-table.ts'

/** Names under which the parser itself is asked something; no option has them. */
export const [HELP, VERSION] = [' help', ' version']

/** Options that every command has, below its own. */
export const COMMON_OPTIONS = {
  [HELP]: flag({ names: ['-h', '--help'], group: 'Other', help: 'print this text' }),
  [VERSION]: flag({ names: ['-V', '--version'], group: 'Other', help: 'print the version' }),
} satisfies OptionTable

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

/** A parser of argparse for the options of a command. @param width columns of the terminal */
export function parserOf(command: Command, width = 80): ArgumentParser {
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
