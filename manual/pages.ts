import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { COMMANDS, type DocumentedCommand } from './commands.ts'

/** Where the pages are written by hand, but for what is generated from the option tables. */
const PAGES_DIRECTORY = 'docs/manual'

/** A page of the manual. */
export interface Page {
  readonly name: string
  readonly section: 1 | 8
  /** Its Markdown. */
  readonly file: string
  readonly documented: DocumentedCommand
}

/** Commands that only an administrator has a use for; the others are in section 1. */
const OF_ADMINISTRATORS = new Set(['re6stnet', 're6st-registry'])

/** All pages. */
export const PAGES: readonly Page[] = COMMANDS.map((documented) => {
  const { name } = documented.command
  return {
    name,
    section: OF_ADMINISTRATORS.has(name) ? 8 : 1,
    file: `${PAGES_DIRECTORY}/${name}.md`,
    documented,
  }
})

/** When a page was last changed: the same sources make the same pages. Today where nobody knows. */
export function dateOfPages(): string {
  const epoch = process.env['SOURCE_DATE_EPOCH'] ?? lastCommit()
  return new Date(epoch === undefined ? Date.now() : Number(epoch) * 1000).toISOString().slice(0, 10)
}

function lastCommit(): string | undefined {
  try {
    const seconds = execFileSync('git', ['log', '-1', '--format=%ct', '--', PAGES_DIRECTORY], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
    return seconds === '' ? undefined : seconds
  } catch {
    return undefined
  }
}

/** The text of a page, as it is. */
export const readPage = ({ file }: Page): string => readFileSync(file, 'utf8')
