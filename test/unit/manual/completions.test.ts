import { mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { COMMANDS, optionsOf } from '../../../manual/commands.ts'
import { installed } from '../../support/installed.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { type Complete, completeInBash, completeInFish, completeInZsh } from '../../support/shells.ts'

const longNames = (name: string) =>
  COMMANDS.flatMap(({ command }) => (command.name === name ? optionsOf(command) : []))
    .flatMap(({ names }) => names)
    .filter((one) => one.startsWith('--'))
    .sort()
const subcommands = (name: string) =>
  COMMANDS.flatMap(({ command, subcommands }) =>
    command.name === name ? [...subcommands.keys()] : [],
  ).sort()
const interfaces = readdirSync('/sys/class/net').sort()

/** What is offered; a function where shells write it differently. */
const LINES: Readonly<Record<string, readonly string[]>> = {
  'a subcommand': ['re6st ', ...subcommands('re6st')],
  'a subcommand of what also runs without one': ['re6st-registry ini', 'init'],
  'an option of such a subcommand': ['re6st-registry init --pre', '--prefix'],
  'an option behind an option file': ['re6st-registry @node.conf --communi', '--community'],
  'the beginning of a subcommand': ['re6st stat', 'status'],
  'an option of a subcommand': [
    're6st status --',
    '--console',
    '--help',
    '--json',
    '--run',
    '--version',
    '--wait',
  ],
  'all options': ['re6st-registry --', ...longNames('re6st-registry')],
  'an option behind a value that looks like several words': ['re6stnet --registry http://r/ --ce', '--cert'],
  'one of a few words': ['re6stnet --disable-proto ', 'none', 'tcp', 'tcp6', 'udp', 'udp6'],
  'the second of two words': ['re6stnet --pp 1194 ', 'tcp', 'tcp6', 'udp', 'udp6'],
  'nothing for the first of two words that is a number': ['re6stnet --pp '],
  'a file': ['re6stnet --ca n', 'node.conf'],
  'a directory, no file': ['re6stnet --log n', 'nodes'],
  'an interface': ['re6stnet --main-interface ', ...interfaces],
}

const SHELLS: readonly [shell: string, complete: Complete][] = [
  ['bash', completeInBash],
  ['zsh', completeInZsh],
  ['fish', completeInFish],
]

describe.each(SHELLS)('%s', (shell, complete) => {
  const { missing, note } = installed(shell)

  describe.skipIf(missing)(`offers${note}`, () => {
    const offered = new Map<string, string[]>()
    beforeAll(async () => {
      const directory = temporaryDirectory()
      writeFileSync(join(directory, 'node.conf'), '')
      mkdirSync(join(directory, 'nodes'))
      const lines = [
        ...Object.values(LINES).map(([line = '']) => line),
        're6stnet @node.',
        're6stnet --ca=node.',
      ]
      const answers = await complete(lines, directory)
      expect(answers).toHaveLength(lines.length)
      for (const [at, line] of lines.entries()) offered.set(line, answers[at] ?? [])
    }, 60_000)

    it.each(Object.entries(LINES))('%s', (_, [line = '', ...expected]) => {
      // A directory may be marked as such; a file beginning with n shows with it.
      const words = offered.get(line)?.map((word) => word.replace(/\/$/, ''))
      expect(line.endsWith('--ca n') ? words?.filter((word) => word !== 'nodes') : words).toEqual(
        [...expected].sort(),
      )
    })

    it('option files, and values joined to their option', () => {
      expect(offered.get('re6stnet @node.')?.join()).toMatch(/^@?node\.conf$/)
      expect(offered.get('re6stnet --ca=node.')?.join()).toMatch(/^(--ca=)?node\.conf$/)
    })
  })
})

it('an option for a file, a directory or an interface says so', () => {
  const offers = { FILE: 'files', DIR: 'directories', SOCK: 'files', IFACE: 'interfaces' }
  for (const { command, subcommands } of COMMANDS)
    for (const option of [command, ...subcommands.values()].flatMap(optionsOf))
      for (const [metavar, offer] of Object.entries(offers))
        if (option.kind !== 'flag' && option.type.metavar.includes(metavar))
          expect({ [option.names[0]]: option.type.offers }).toEqual({ [option.names[0]]: [offer] })
})
