import { type MarkedToken, marked, type Token, type Tokens } from 'marked'

/** What a manual page says at its top and bottom. */
export interface PageTitle {
  readonly name: string
  readonly section: number
  /** `YYYY-MM-DD`. */
  readonly date: string
  /** Name and version of what it belongs to. */
  readonly source: string
}

/**
 * A page in the man(7) macros, from the Markdown that docs/manual is written in: headings, paragraphs, lists, code. A
 * list item whose first line ends with a backslash is a term, and what it means.
 * @throws Error for anything else: the page would lack it
 */
export function roffOf(markdown: string, { name, section, date, source }: PageTitle): string {
  const title = [name.toUpperCase(), String(section), date, source, 're6stnet manual'].map(quoted).join(' ')
  const lines = [`.TH ${title}`, ...marked.lexer(markdown).flatMap((token) => block(token as MarkedToken))]
  // A heading begins a paragraph by itself.
  const needed = lines.filter((line, at) => line !== '.PP' || !/^\.S[HS] /.test(lines[at - 1] ?? ''))
  return `${needed.join('\n')}\n`
}

function block(token: MarkedToken): string[] {
  switch (token.type) {
    case 'space':
    case 'html':
      // Comments say what is generated.
      return []
    case 'heading':
      return heading(token)
    case 'paragraph':
      return ['.PP', ...filled(inline(token.tokens))]
    case 'text':
      return filled(inline(token.tokens ?? [token]))
    case 'code':
      return ['.PP', ...codeBlock(token)]
    case 'list':
      return list(token)
    default:
      throw new Error(`manual pages have no ${token.type}: ${token.raw.trim()}`)
  }
}

/** The title of the page is in its .TH. */
function heading({ depth, text }: Tokens.Heading): string[] {
  if (depth === 1) return []
  return [depth === 2 ? `.SH ${quoted(text.toUpperCase())}` : `.SS ${quoted(text)}`]
}

function codeBlock({ text }: Tokens.Code): string[] {
  return ['.RS 4', '.EX', ...text.split('\n').map((line) => atLineStart(literal(line))), '.EE', '.RE']
}

function list({ ordered, start, items }: Tokens.List): string[] {
  return items.flatMap((item, at) => {
    const [first, ...more] = item.tokens as MarkedToken[]
    const inlines = first && 'tokens' in first ? (first.tokens ?? []) : []
    const end = inlines.findIndex(({ type }) => type === 'br')
    const rest = more.flatMap((token) => (token.type === 'space' ? [] : indented(block(token))))
    if (end >= 0)
      return ['.TP', ...term(inlines.slice(0, end)), ...filled(inline(inlines.slice(end + 1))), ...rest]
    const mark = ordered ? `${Number(start) + at}.` : '\\(bu'
    return [`.IP ${mark} 4`, ...filled(inline(inlines)), ...rest]
  })
}

/** What follows in a list item stays as far to the right as it. */
const indented = (lines: readonly string[]): string[] => ['.RS', ...lines, '.RE']

/** Options, with what stands for a value in italics. */
function term(tokens: readonly Token[]): string[] {
  return [
    atLineStart(
      tokens
        .map((token) =>
          token.type === 'codespan' && token['text'].startsWith('-')
            ? optionTerm(token['text'])
            : inline([token]),
        )
        .join(''),
    ),
  ]
}

const optionTerm = (text: string): string =>
  text
    .split(' ')
    .map((word, at) => (at === 0 ? `\\fB${literal(word)}\\fR` : `\\fI${literal(word)}\\fR`))
    .join(' ')

/** Text within a paragraph. Line breaks in it mean nothing. */
function inline(tokens: readonly Token[]): string {
  return (tokens as readonly MarkedToken[])
    .map((token) => {
      switch (token.type) {
        case 'text':
          return 'tokens' in token && token.tokens ? inline(token.tokens) : prose(token.text)
        case 'escape':
          return prose(token.text)
        case 'strong':
          return `\\fB${inline(token.tokens)}\\fR`
        case 'em':
          return `\\fI${inline(token.tokens)}\\fR`
        case 'codespan':
          return `\\fB${literal(token.text)}\\fR`
        case 'link':
          return link(token)
        default:
          throw new Error(`manual pages have no ${token.type} in a line: ${token.raw}`)
      }
    })
    .join('')
}

/** Another page, or a section, is known by its name; an address is shown. */
function link({ href, text, tokens }: Tokens.Link): string {
  if (/^[a-z0-9-]+\(\d\)$/.test(text)) return `\\fB${literal(text.slice(0, -3))}\\fR${text.slice(-3)}`
  if (!/^https?:/.test(href)) return inline(tokens)
  return text === href ? literal(href) : `${inline(tokens)} (${literal(href)})`
}

/** Each sentence begins a line: roff then spaces them as its user likes. */
const filled = (text: string): string[] =>
  text
    .replace(/\s+/g, ' ')
    .trim()
    .replace(/([a-z)\]\d”](?:\\fR)?[.?!:]\)?) (?=(?:\\f[BI])?["“(]*[A-Z])/g, '$1\n')
    .split('\n')
    .map(atLineStart)

/** A dot or an apostrophe there would begin a request. */
const atLineStart = (line: string): string => (/^(\\f[BIR])*[.']/.test(line) ? `\\&${line}` : line)

const quoted = (text: string): string => `"${prose(text).replaceAll('"', '\\(dq')}"`

/** Text that is read. */
const prose = (text: string): string => withoutUnicode(text.replaceAll('\\', '\\(rs'))

/** Text that is typed: what roff would make beautiful stays as it is. */
const literal = (text: string): string =>
  withoutUnicode(text.replace(/[\\\-'`^~]/g, (character) => LITERALS[character] ?? character))

const LITERALS: Readonly<Record<string, string>> = {
  '\\': '\\(rs',
  '-': '\\-',
  "'": '\\(aq',
  '`': '\\(ga',
  '^': '\\(ha',
  '~': '\\(ti',
}

const withoutUnicode = (text: string): string =>
  text.replace(/\P{ASCII}/gu, (character) => {
    const code = (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
    return `\\[u${code}]`
  })
