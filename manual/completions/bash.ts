import type { Command } from '../../src/core/options/command.ts'
import type { Offer } from '../../src/core/options/value-types.ts'
import { type DocumentedCommand, optionsOf } from '../commands.ts'
import { awaitedWords, headerOf } from './words.ts'

/** Completion for bash 5. Needs nothing of the package bash-completion, which loads it when it is there. */
export function bashCompletion({ command, subcommands }: DocumentedCommand): string {
  const prefix = functionName(command.name)
  return [
    headerOf(command.name),
    offers(prefix),
    optionsFunction(prefix, command),
    ...[...subcommands.values()].map((one) => optionsFunction(functionName(one.name), one)),
    entry(prefix, command, subcommands),
    `complete -F ${prefix} ${command.name}\n`,
  ].join('\n')
}

const functionName = (command: string): string => `_${command.replace(/\W/g, '_')}`

/** The caller has `current`, the word to complete. */
const offers = (prefix: string): string => `${prefix}_names() {
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen "$1" -- "$current")
}

${prefix}_words() {
  mapfile -t COMPREPLY < <(compgen -W "$1" -- "$current")
}
`

/** Completes an option or a value. Its argument: the index of the first word that is an option. */
function optionsFunction(prefix: string, command: Command): string {
  const helpers = functionName(command.name.split(' ')[0] ?? '')
  const options = optionsOf(command).map((option) => ({
    patterns: option.names.join(' | '),
    names: option.names,
    words: awaitedWords(option),
  }))
  const withWords = options.filter(({ words }) => words.length > 0)
  const offering = withWords.flatMap(({ names, words }) =>
    words.flatMap(({ offer }, at) =>
      offer === undefined
        ? []
        : `      ${names.map((name) => `${name}:${words.length - at}`).join(' | ')}) ${offerCommand(helpers, offer)} ;;`,
    ),
  )
  return `${prefix}_options() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD - 1]} word option=
  local -i at left=0
  # bash makes words of their own of the "=" in --option=value, and of the "@" in @file.
  [[ $current == "=" ]] && current=
  for ((at = $1; at < COMP_CWORD; at++)); do
    word=\${COMP_WORDS[at]}
    if [[ $word == [=@] ]]; then
      continue
    elif ((left > 0)); then
      left=left-1
    else
      case $word in
        --) return ;;
${withWords.map(({ patterns, words }) => `        ${patterns}) option=$word left=${words.length} ;;`).join('\n')}
      esac
    fi
  done
  if ((left > 0)); then
    case $option:$left in
${offering.join('\n')}
    esac${command.takesOptionFiles ? OPTION_FILES : ''}
  else
    ${helpers}_words '${options.flatMap(({ names }) => names).join(' ')}'
  fi
}
`
}

/** `@FILE`: bash may have made two words of it, and wants them back as one. */
const OPTION_FILES = `
  elif [[ $previous == @ || $current == @* ]]; then
    current=\${current#@}
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    for at in "\${!COMPREPLY[@]}"; do
      if [[ -d \${COMPREPLY[at]} ]]; then
        COMPREPLY[at]+=/
        compopt -o nospace 2>/dev/null
      fi
      printf -v "COMPREPLY[$at]" '@%q' "\${COMPREPLY[at]}"
    done`

function offerCommand(helpers: string, offer: Offer): string {
  switch (offer) {
    case 'files':
      return `${helpers}_names -f`
    case 'directories':
      return `${helpers}_names -d`
    case 'interfaces':
      return `${helpers}_words "$(command ls /sys/class/net 2>/dev/null)"`
    default:
      return `${helpers}_words '${offer.join(' ')}'`
  }
}

function entry(prefix: string, { runsAlone }: Command, subcommands: ReadonlyMap<string, Command>): string {
  if (subcommands.size === 0)
    return `${prefix}() {
  COMPREPLY=()
  ${prefix}_options 1
}
`
  return `${prefix}() {
  local current=\${COMP_WORDS[COMP_CWORD]}
  COMPREPLY=()
  if ((COMP_CWORD == 1)) && [[ $current != ${runsAlone ? '[-@]*' : '-*'} ]]; then
    ${prefix}_words '${[...subcommands.keys()].join(' ')}'
    return
  fi
  case \${COMP_WORDS[1]} in
${[...subcommands].map(([name, one]) => `    ${name}) ${functionName(one.name)}_options 2 ;;`).join('\n')}
    ${runsAlone ? '*' : '-*'}) ${prefix}_options 1 ;;
  esac
}
`
}
