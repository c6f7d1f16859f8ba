import type { Command } from '../../src/core/options/command.ts'
import type { Option } from '../../src/core/options/option-table.ts'
import type { Offer } from '../../src/core/options/value-types.ts'
import { type DocumentedCommand, optionsOf } from '../commands.ts'
import { awaitedWords, briefHelp, headerOf } from './words.ts'

/** Completion for fish 3. */
export function fishCompletion({ command, subcommands }: DocumentedCommand): string {
  const { name } = command
  const [first, second] = ['__fish_use_subcommand', (one: string) => `__fish_seen_subcommand_from ${one}`]
  const own = command.runsAlone ? `not ${second([...subcommands.keys()].join(' '))}` : first
  return [
    headerOf(name),
    // No files, unless something asks for them.
    `complete -c ${name} -f`,
    ...(command.takesOptionFiles ? [optionFiles(name)] : []),
    ...(subcommands.size === 0
      ? optionLines(name, command, undefined)
      : [
          ...Object.entries(command.subcommands ?? {}).map(
            ([word, what]) => `complete -c ${name} -n ${quoted(first)} -a ${word} -d ${quoted(what)}`,
          ),
          ...optionLines(name, command, own),
          ...[...subcommands].flatMap(([word, one]) => optionLines(name, one, second(word))),
        ]),
    '',
  ].join('\n')
}

/** `@FILE`: fish completes the path, and wants the whole word back. */
const optionFiles = (name: string): string =>
  `complete -c ${name} -n 'string match -q "@*" -- (commandline -ct)' -a '(string replace -r "^" "@" -- (__fish_complete_path (string sub -s 2 -- (commandline -ct))))'`

const optionLines = (name: string, command: Command, condition: string | undefined): string[] =>
  optionsOf(command).flatMap((option) => optionLine(name, option, condition))

function optionLine(name: string, option: Option, condition: string | undefined): string[] {
  const [first, second] = awaitedWords(option)
  const line = [
    `complete -c ${name}`,
    ...(condition === undefined ? [] : [`-n ${quoted(condition)}`]),
    ...option.names.map((one) => (one.startsWith('--') ? `-l ${one.slice(2)}` : `-s ${one.slice(1)}`)),
    ...(first === undefined ? [] : firstValue(first.offer)),
    `-d ${quoted(briefHelp(option))}`,
  ].join(' ')
  // fish knows of one value for an option: the second is a word after it.
  if (second?.offer === undefined) return [line]
  const isSecond = `contains -- (commandline -opc)[-2] ${option.names.join(' ')}`
  return [line, [`complete -c ${name} -n ${quoted(isSecond)}`, ...candidates(second.offer)].join(' ')]
}

const firstValue = (offer: Offer | undefined): string[] =>
  offer === 'files' ? ['-r -F'] : ['-x', ...candidates(offer)]

function candidates(offer: Offer | undefined): string[] {
  switch (offer) {
    case undefined:
      return []
    case 'files':
      return [`-a '(__fish_complete_path)'`]
    case 'directories':
      return [`-a '(__fish_complete_directories)'`]
    case 'interfaces':
      return [`-a '(command ls /sys/class/net)'`]
    default:
      return [`-a ${quoted(offer.join(' '))}`]
  }
}

const quoted = (text: string): string => `'${text.replace(/['\\]/g, '\\$&')}'`
