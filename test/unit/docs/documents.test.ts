import { existsSync, readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { type MarkedToken, marked, type Tokens } from 'marked'
import { describe, expect, it } from 'vitest'
import { sampleConfiguration } from '../../../src/conf/sample-configuration.ts'
import { readCommandLine } from '../../../src/core/options/command-line.ts'
import { CONF_COMMAND, confOptions } from '../../../src/core/options/conf-options.ts'
import { NODE_COMMAND, nodeOptions } from '../../../src/core/options/node-options.ts'
import type { ReadFile } from '../../../src/core/options/option-files.ts'
import { RE6ST_COMMAND, readRe6stCommandLine } from '../../../src/core/options/re6st-options.ts'
import { readRegistryCommandLine } from '../../../src/core/options/registry-commands.ts'
import { splitShellWords } from '../../../src/core/options/shell-words.ts'
import { ok, type Result, refuse } from '../../../src/core/result.ts'

const FILES = [
  'README.md',
  'CONTRIBUTING.md',
  'CHANGELOG.md',
  ...readdirSync('docs', { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.md'))
    .map((file) => `docs/${file}`),
].sort()

const { scripts } = JSON.parse(readFileSync('package.json', 'utf8')) as { scripts: Record<string, string> }
/** What npm has without a script. */
const OF_NPM = new Set(['ci', 'install', 'link'])

/** Option files that are named in the documents. */
const OPTION_FILES: Readonly<Record<string, string>> = {
  're6stnet.conf': sampleConfiguration('http://re6st.example.com/', 'FR'),
  're6st-registry.conf': 'ca ca.crt\nkey ca.key\n',
}
const readFile: ReadFile = (file) => {
  const content = OPTION_FILES[path.basename(file)]
  return content === undefined ? refuse('no such file') : ok(content)
}

const READERS: Readonly<Record<string, (args: readonly string[], readFile: ReadFile) => Result<unknown>>> = {
  re6stnet: (args, read) => readCommandLine(NODE_COMMAND, nodeOptions, args, read),
  're6st-registry': readRegistryCommandLine,
  're6st-conf': (args, read) => readCommandLine(CONF_COMMAND, confOptions, args, read),
  re6st: readRe6stCommandLine,
}

/** Files of the project that documents name, by their path or the end of it. */
const SOURCES = ['src', 'lab', 'demo', 'bench', 'manual', 'scripts', 'test', 'packaging'].flatMap(
  (directory) =>
    readdirSync(directory, { recursive: true, encoding: 'utf8' }).map((name) => `${directory}/${name}`),
)
const isSourceFile = (code: string): boolean => /^[\w-][\w./-]*\.(tsx?|mjs)$/.test(code)

/** Tokens of a type, in whatever they are. */
function tokensOf<Type extends MarkedToken['type']>(file: string, type: Type) {
  const found: Extract<MarkedToken, { type: Type }>[] = []
  void marked.walkTokens(marked.lexer(readFileSync(file, 'utf8')), (token) => {
    if (token.type === type) found.push(token as Extract<MarkedToken, { type: Type }>)
  })
  return found
}

/** As GitHub names the anchors of headings. */
const anchorOf = ({ text }: Tokens.Heading): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\- ]/gu, '')
    .replaceAll(' ', '-')

/** Why a link leads nowhere; undefined: it does not. */
function faultOfLink(file: string, href: string): string | undefined {
  if (/^[a-z]+:/.test(href)) return undefined
  const [target = '', anchor] = href.split('#')
  const linked = target === '' ? file : path.join(path.dirname(file), target)
  if (!existsSync(linked)) return `${href}: there is no ${linked}`
  if (anchor === undefined) return undefined
  return tokensOf(linked, 'heading').map(anchorOf).includes(anchor)
    ? undefined
    : `${href}: ${linked} has no such heading`
}

/** The commands of a shell script, without comments and redirections, and without those that leave something out. */
const commandsOf = (script: string): string[] =>
  script
    .replaceAll('\\\n', ' ')
    .split(/\n|&&|[|;&](?=(?:[^"]*"[^"]*")*[^"]*$)/)
    .map((command) => command.replace(/(^|\s)#.*$|\s\d?>>?\s*\S+/g, '').trim())
    .filter((command) => command !== '' && !command.includes('…'))

/** Why a command is not one; undefined: it is, or is not ours. */
function faultOfCommand(command: string): string | undefined {
  const words = splitShellWords(command)
  if (!words.ok) return `${command}: ${words.reason}`
  const [program = '', ...args] = words.value
  if (program === 'npm') {
    const [verb = '', script = ''] = args
    const name = verb === 'run' ? script : verb
    return OF_NPM.has(name) || Object.hasOwn(scripts, name)
      ? undefined
      : `${command}: there is no such script`
  }
  const reader = Object.hasOwn(READERS, program) ? READERS[program] : undefined
  const read = reader?.(args, readFile)
  return read === undefined || read.ok ? undefined : `${command}: ${read.reason}`
}

/** In a line of text, only what is certainly a whole command: a script, a subcommand with what belongs to it. */
const isWhole = (code: string): boolean => {
  const [program = '', word = '', ...more] = code.split(' ')
  return (
    program === 'npm' || (program === 're6st' && more.length > 0 && word in (RE6ST_COMMAND.subcommands ?? {}))
  )
}

describe.each(FILES)('%s', (file) => {
  it('has links that lead somewhere', () => {
    const links = tokensOf(file, 'link').map(({ href }) => href)
    expect(links.flatMap((href) => faultOfLink(file, href) ?? [])).toEqual([])
  })

  it('has commands that are such', () => {
    const blocks = tokensOf(file, 'code').filter(({ lang = '' }) => lang === 'sh')
    const spans = tokensOf(file, 'codespan').map(({ text }) => text)
    const commands = [...blocks.flatMap(({ text }) => commandsOf(text)), ...spans.filter(isWhole)]
    expect(commands.flatMap((command) => faultOfCommand(command) ?? [])).toEqual([])
  })

  it.skipIf(file === 'CHANGELOG.md')('names source files that are there', () => {
    const named = tokensOf(file, 'codespan').flatMap(({ text }) => (isSourceFile(text) ? [text] : []))
    expect(named.filter((name) => !SOURCES.some((source) => `/${source}`.endsWith(`/${name}`)))).toEqual([])
  })

  it('has option files that can be read', () => {
    for (const { lang = '', text } of tokensOf(file, 'code')) {
      const [kind, program = ''] = lang.split(' ')
      if (kind !== 'conf') continue
      // What must be given may be in another part of the file.
      const files: ReadFile = (name) => (name === 'example' ? ok(text) : readFile(name))
      const read = READERS[program]?.([`@${program}.conf`, '@example'], files)
      expect(read?.ok === false ? read.reason : program).toBe(program)
      expect(READERS).toHaveProperty(program)
    }
  })
})

describe('the check of documents', () => {
  it.each([
    ['re6stnet @re6stnet.conf --frobnicate', '--frobnicate: no such option'],
    ['re6st frobnicate', 'no such command'],
    ['re6st-conf --registry http://r/ --anonymous --token x', 'cannot be combined'],
    ['npm run frobnicate', 'no such script'],
  ])('finds %s', (command, fault) => {
    expect(faultOfCommand(command)).toContain(fault)
  })

  it('finds links that lead nowhere', () => {
    expect(faultOfLink('docs/README.md', '../LICENSE')).toBeUndefined()
    expect(faultOfLink('docs/README.md', 'frobnicate.md')).toContain('there is no')
    expect(faultOfLink('docs/README.md', '#frobnicate')).toContain('no such heading')
    expect(faultOfLink('docs/README.md', '#documentation')).toBeUndefined()
  })
})
