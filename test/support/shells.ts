import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { COMMANDS, type DocumentedCommand } from '../../manual/commands.ts'
import { bashCompletion } from '../../manual/completions/bash.ts'
import { fishCompletion } from '../../manual/completions/fish.ts'
import { zshCompletion } from '../../manual/completions/zsh.ts'
import { temporaryDirectory } from './registry.ts'

/** What a shell offers for each of these lines, with the cursor at its end. */
export type Complete = (lines: readonly string[], directory: string) => Promise<string[][]>

/** Between the answers for two lines. */
const END = '== end =='

/** bash, asked as its own completion asks: by the function, with the words of the line. */
export const completeInBash: Complete = async (lines, directory) => {
  const script = `
    for file in "$1"/*; do . "$file"; done
    while IFS= read -r line; do
      # As bash splits them: "=" and "@" stand alone.
      read -ra COMP_WORDS <<<"$(sed 's/[=@]/ & /g' <<<"$line")"
      [[ $line == *' ' ]] && COMP_WORDS+=('')
      COMP_CWORD=$((\${#COMP_WORDS[@]} - 1)) COMPREPLY=()
      function=$(complete -p "\${COMP_WORDS[0]}" | sed 's/.*-F \\([^ ]*\\) .*/\\1/')
      $function
      printf '%s\\n' "\${COMPREPLY[@]}" '${END}'
    done`
  const completions = directoryOf(bashCompletion, (name) => name)
  const { stdout } = await execa('bash', ['--norc', '-c', script, 'bash', completions], {
    input: `${lines.join('\n')}\n`,
    cwd: directory,
  })
  return answers(stdout)
}

/** zsh, with its editor at work in a terminal: what its completion adds is noted, and the lines are never run. */
export const completeInZsh: Complete = async (lines, directory) => {
  const home = temporaryDirectory()
  const found = join(home, 'found')
  writeFileSync(
    join(home, '.zshrc'),
    `
    fpath=(${directoryOf(zshCompletion, (name) => `_${name}`)} $fpath)
    autoload -Uz compinit
    compinit -u -D
    compadd() {
      if (( \${@[(I)-[OAD]]} )); then builtin compadd "$@"; return; fi
      local -a found
      builtin compadd -A found "$@"
      (( $#found )) && print -rl -- $found >>${found}
      builtin compadd "$@"
    }
    zle-line-init() {
      local line
      for line in "\${(@f)LINES_TO_COMPLETE}"; do
        LBUFFER=$line
        zle complete-word
        print -r -- '${END}' >>${found}
      done
      exit
    }
    zle -N zle-line-init
    `,
  )
  await execa('script', ['--quiet', '--return', '--command', 'zsh -d -i', '/dev/null'], {
    env: { LINES_TO_COMPLETE: lines.join('\n'), ZDOTDIR: home, TERM: 'dumb' },
    cwd: directory,
    stdin: 'ignore',
    timeout: 50_000,
  })
  const { stdout } = await execa('cat', [found])
  return answers(stdout)
}

/** fish, by the command that tells what it would offer. */
export const completeInFish: Complete = async (lines, directory) => {
  const completions = directoryOf(fishCompletion, (name) => `${name}.fish`)
  const script = `
    for file in ${completions}/*; source $file; end
    while read line; complete -C "$line"; echo '${END}'; end`
  const { stdout } = await execa('fish', ['--no-config', '-c', script], {
    input: `${lines.join('\n')}\n`,
    cwd: directory,
    env: { HOME: temporaryDirectory() },
  })
  // Behind a tab, it describes them.
  return answers(stdout.replace(/\t.*/g, ''))
}

function directoryOf(
  make: (documented: DocumentedCommand) => string,
  fileOf: (name: string) => string,
): string {
  const directory = join(temporaryDirectory(), 'completions')
  mkdirSync(directory)
  for (const documented of COMMANDS)
    writeFileSync(join(directory, fileOf(documented.command.name)), make(documented))
  return directory
}

/** Without what quotes a blank: each shell has its own way. */
const answers = (output: string): string[][] =>
  output
    .split(`${END}`)
    .slice(0, -1)
    .map((answer) => [...new Set(answer.split('\n').filter((line) => line !== ''))].sort())
