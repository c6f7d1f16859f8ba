import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { VERSION } from '../src/platform/version.ts'
import { COMMANDS } from './commands.ts'
import { bashCompletion } from './completions/bash.ts'
import { fishCompletion } from './completions/fish.ts'
import { zshCompletion } from './completions/zsh.ts'
import { withGeneratedSections } from './generated-sections.ts'
import { dateOfPages, PAGES, readPage } from './pages.ts'
import { roffOf } from './roff.ts'

const MAN = 'dist/man'
const COMPLETIONS = 'dist/completions'

for (const directory of [MAN, COMPLETIONS]) rmSync(directory, { recursive: true, force: true })

mkdirSync(MAN, { recursive: true })
for (const page of PAGES) {
  const old = readPage(page)
  const text = withGeneratedSections(old, page.documented)
  if (text !== old) writeFileSync(page.file, text)
  const title = { ...page, date: dateOfPages(), source: `re6stnet ${VERSION}` }
  writeFileSync(`${MAN}/${page.name}.${page.section}`, roffOf(text, title))
}

for (const [shell, fileOf, completionOf] of [
  ['bash', (name: string) => name, bashCompletion],
  ['zsh', (name: string) => `_${name}`, zshCompletion],
  ['fish', (name: string) => `${name}.fish`, fishCompletion],
] as const) {
  mkdirSync(`${COMPLETIONS}/${shell}`, { recursive: true })
  for (const documented of COMMANDS)
    writeFileSync(`${COMPLETIONS}/${shell}/${fileOf(documented.command.name)}`, completionOf(documented))
}
