import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { describe, expect, it } from 'vitest'
import { COMMANDS, optionsOf, ownOptions } from '../../../manual/commands.ts'
import { withGeneratedSections } from '../../../manual/generated-sections.ts'
import { PAGES, readPage } from '../../../manual/pages.ts'
import { roffOf } from '../../../manual/roff.ts'
import { installed } from '../../support/installed.ts'
import { temporaryDirectory } from '../../support/registry.ts'

const man = installed('man', 'man-db')
const mandoc = installed('mandoc')

/** Pages of others that are not installed here; and how long a sentence is. */
const IGNORED = /referenced manual not found|line longer than 80 bytes/

const written = PAGES.map((page) => {
  const { name, section } = page
  const file = join(temporaryDirectory(), `${name}.${section}`)
  writeFileSync(file, roffOf(readPage(page), { name, section, date: '2026-11-25', source: 're6stnet 0.1.0' }))
  return { ...page, file, markdown: readPage(page) }
})

describe.each(written)('$name($section)', ({ name, section, file, markdown, documented }) => {
  it('says what the option tables say', () => {
    const now = withGeneratedSections(markdown, documented)
    expect(now === markdown, 'the options have changed: npm run man').toBe(true)
  })

  it.skipIf(man.missing)(`is without faults for man${man.note}`, async () => {
    const { stdout, stderr } = await execa('man', ['--warnings=w', '--local-file', file], {
      env: { LC_ALL: 'C.UTF-8', MANWIDTH: '100' },
    })
    expect(stderr).toBe('')
    expect(stdout).toContain(`${name.toUpperCase()}(${section})`)
    const options = [
      ...optionsOf(documented.command),
      ...[...documented.subcommands.values()].flatMap(ownOptions),
    ]
    for (const option of options) for (const one of option.names) expect(stdout).toContain(one)
  })

  it.skipIf(man.missing)(`is found by apropos${man.note}`, async () => {
    const { stdout } = await execa('lexgrog', [file])
    expect(stdout).toMatch(new RegExp(`: "${name} - [a-z].+"$`))
  })

  it.skipIf(mandoc.missing)(`is without faults for mandoc${mandoc.note}`, async () => {
    const { stdout } = await execa('mandoc', ['-T', 'lint', '-W', 'style', file], { reject: false })
    expect(stdout.split('\n').filter((line) => line !== '' && !IGNORED.test(line))).toEqual([])
  })
})

it('has a page for each command', () => {
  expect(written.map(({ name }) => name)).toEqual(COMMANDS.map(({ command }) => command.name))
})
