import type { Command } from '../../src/core/options/command.ts'
import type { Option } from '../../src/core/options/option-table.ts'
import type { Offer } from '../../src/core/options/value-types.ts'
import { type DocumentedCommand, optionsOf } from '../commands.ts'
import { awaitedWords, briefHelp, headerOf } from './words.ts'

/** Completion for zsh 5, to be put in a directory of its fpath. */
export function zshCompletion({ command, subcommands }: DocumentedCommand): string {
  const body = subcommands.size === 0 ? argumentsOf(command) : subcommandsBody(command, subcommands)
  return `#compdef ${command.name}\n${headerOf(command.name)}\n${body}\n`
}

/** `_arguments` completes options, their values, and option files. */
function argumentsOf(command: Command): string {
  const specs = optionsOf(command).flatMap(optionSpecs)
  if (command.operand) specs.push(quoted(`:${escaped(command.operand.metavar)}: `))
  if (command.takesOptionFiles) specs.push(quoted('*: :{ compset -P @ && _files }'))
  return ['_arguments -s -S :', ...specs].join(' \\\n  ')
}

/** One for each name; a name shuts out the other unless the option may be given again. */
function optionSpecs(option: Option): string[] {
  const words = awaitedWords(option)
  const others = option.kind === 'repeated' ? '*' : `(${option.names.join(' ')})`
  const values = words.map(({ metavar, offer }) => `:${escaped(metavar)}:${action(offer)}`).join('')
  return option.names.map((name) => {
    // A single value may also be joined to its option.
    const joint = words.length !== 1 ? '' : name.startsWith('--') ? '=' : '+'
    return quoted(`${others}${name}${joint}[${escaped(briefHelp(option))}]${values}`)
  })
}

function action(offer: Offer | undefined): string {
  switch (offer) {
    case undefined:
      return ' '
    case 'files':
      return '_files'
    case 'directories':
      return '_files -/'
    case 'interfaces':
      return '_net_interfaces'
    default:
      return `(${offer.join(' ')})`
  }
}

function subcommandsBody(command: Command, subcommands: ReadonlyMap<string, Command>): string {
  const described = Object.entries(command.subcommands ?? {}).map(([name, what]) =>
    quoted(`${name}:${what.replaceAll(':', '\\:')}`),
  )
  const cases = [...subcommands].map(([name, one]) => `${name})\n${argumentsOf(one)}\n;;`)
  const first = command.runsAlone
    ? `{ compset -P @ && _files || _describe command commands }`
    : '{ _describe command commands }'
  if (command.runsAlone) cases.push(`*)\n${argumentsOf(command)}\n;;`)
  return `local curcontext=$curcontext state line
local -a commands
typeset -A opt_args
commands=(
  ${described.join('\n  ')}
)
${argumentsOf({ ...command, takesOptionFiles: false })} \\
  '1:command:${first}' \\
  '*::argument:->arguments' && return
[[ $state == arguments ]] || return
case $words[1] in
${cases.join('\n')}
esac`
}

/** Within brackets and messages, where these have a meaning. */
const escaped = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&')

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`
