import { ok, type Result, refuse } from '../result.ts'
import { COMPARISONS, type Comparison, contains, isSame, isTrue, negated, textOf } from './python-values.ts'
import type { PlainValue } from './value-types.ts'

/*
 * The expressions of --test, a small part of Python's: scripts compare options and take the exit status.
 *
 *   or         := and ('or' and)*
 *   and        := not ('and' not)*
 *   not        := 'not' not | comparison
 *   comparison := value (('==' | '!=' | '<' | '<=' | '>' | '>=' | ['not'] 'in' | 'is' ['not']) value)*
 *   value      := name | text | number | 'None' | 'True' | 'False' | '(' or ')' | '[' list ']' | '(' list ')'
 *               | 'len' '(' or ')'
 *
 * There are no other calls, no attributes and no arithmetic: an expression can only look at the options.
 */

/** A part of an expression, ready to be evaluated. Fails only for values that cannot be compared. */
type Node = (names: ReadonlyMap<string, PlainValue>) => Result<PlainValue>

type Token =
  | { readonly kind: 'word' | 'symbol'; readonly text: string }
  | { readonly kind: 'literal'; readonly text: string; readonly value: PlainValue }

/** What a process ends with after --test. */
export interface TestOutcome {
  readonly status: number
  /** To be printed on standard error: a value that is no status. */
  readonly message: string | undefined
}

/** More brackets and `not`s inside each other than this are refused. */
const MAX_DEPTH = 100

const TOKEN =
  /\s*(?:(?<number>\d+(?:\.\d+)?)(?![\w.])|(?<word>[A-Za-z_]\w*)|'(?<single>(?:[^'\\\n]|\\.)*)'|"(?<double>(?:[^"\\\n]|\\.)*)"|(?<symbol>==|!=|<=|>=|[<>()[\],-]))/y

const CONSTANTS: ReadonlyMap<string, PlainValue> = new Map([
  ['None', null],
  ['True', true],
  ['False', false],
])

const KEYWORDS = new Set(['and', 'or', 'not', 'in', 'is', ...CONSTANTS.keys()])

/** The only function that there is. */
const LENGTH = 'len'

/** Evaluates an expression over named values. The reason of a refusal says what is wrong and where. */
export function evaluateTest(expression: string, names: ReadonlyMap<string, PlainValue>): Result<PlainValue> {
  const tokens = tokensOf(expression)
  if (!tokens.ok) return tokens
  try {
    const parser = new Parser(tokens.value, names)
    return parser.parse()(names)
  } catch (error) {
    if (error instanceof SyntaxMistake) return refuse(error.message)
    throw error
  }
}

/** The exit status for a value: a number is one, true is 1, false and none are 0; anything else is printed, and 1. */
export function outcomeOfTest(value: PlainValue): TestOutcome {
  if (value === null) return { status: 0, message: undefined }
  const number = Number(value)
  if (typeof value === 'boolean' || (typeof value === 'number' && Number.isInteger(number)))
    return { status: ((number % 256) + 256) % 256, message: undefined }
  return { status: 1, message: typeof value === 'string' ? value : textOf(value) }
}

function tokensOf(expression: string): Result<Token[]> {
  const tokens: Token[] = []
  const pattern = new RegExp(TOKEN)
  while (pattern.lastIndex < expression.trimEnd().length) {
    const start = pattern.lastIndex
    const match = pattern.exec(expression)
    if (!match?.groups) return refuse(`${JSON.stringify(expression.slice(start).trim())} is not understood`)
    const { number, word, single, double, symbol } = match.groups
    const quoted = single ?? double
    if (word !== undefined) tokens.push({ kind: 'word', text: word })
    else if (symbol !== undefined) tokens.push({ kind: 'symbol', text: symbol })
    else if (number !== undefined) tokens.push({ kind: 'literal', text: number, value: Number(number) })
    else if (quoted !== undefined)
      tokens.push({ kind: 'literal', text: match[0].trim(), value: quoted.replace(/\\(['"\\])/g, '$1') })
  }
  return ok(tokens)
}

/** Only inside this module: a recursive descent has no simpler way out. */
class SyntaxMistake extends Error {}

class Parser {
  readonly #tokens: readonly Token[]
  readonly #names: ReadonlyMap<string, PlainValue>
  #at = 0
  #depth = 0

  constructor(tokens: readonly Token[], names: ReadonlyMap<string, PlainValue>) {
    this.#tokens = tokens
    this.#names = names
  }

  parse(): Node {
    const node = this.#or()
    const left = this.#tokens[this.#at]
    if (left) throw new SyntaxMistake(`${left.text} is not expected there`)
    return node
  }

  #or(): Node {
    if (++this.#depth > MAX_DEPTH) throw new SyntaxMistake('too many brackets inside each other')
    let left = this.#and()
    while (this.#take('or')) left = choose(left, this.#and(), true)
    this.#depth--
    return left
  }

  #and(): Node {
    let left = this.#not()
    while (this.#take('and')) left = choose(left, this.#not(), false)
    return left
  }

  #not(): Node {
    if (!this.#take('not')) return this.#comparison()
    if (++this.#depth > MAX_DEPTH) throw new SyntaxMistake('too many "not"s')
    const operand = this.#not()
    this.#depth--
    return (names) => {
      const value = operand(names)
      return value.ok ? ok(!isTrue(value.value)) : value
    }
  }

  #comparison(): Node {
    const first = this.#value()
    const rest: { readonly compare: Comparison; readonly operand: Node }[] = []
    for (let compare = this.#operator(); compare; compare = this.#operator())
      rest.push({ compare, operand: this.#value() })
    if (rest.length === 0) return first
    // As in Python, a < b < c means a < b and b < c.
    return (names) => {
      let left = first(names)
      for (const { compare, operand } of rest) {
        if (!left.ok) return left
        const right = operand(names)
        if (!right.ok) return right
        const holds = compare(left.value, right.value)
        if (!holds.ok || !holds.value) return holds
        left = right
      }
      return ok(true)
    }
  }

  #operator(): Comparison | undefined {
    const token = this.#tokens[this.#at]
    if (token === undefined || token.kind === 'literal') return undefined
    if (token.text === 'not' && this.#tokens[this.#at + 1]?.text === 'in') {
      this.#at += 2
      return (left, right) => negated(contains(left, right))
    }
    const comparison = COMPARISONS.get(token.text)
    if (comparison === undefined) return undefined
    this.#at++
    if (token.text === 'is' && this.#take('not')) return (left, right) => ok(!isSame(left, right))
    return comparison
  }

  #value(): Node {
    const token = this.#tokens[this.#at++]
    if (token === undefined) throw new SyntaxMistake('the expression ends too early')
    if (token.kind === 'literal') return constant(token.value)
    if (token.kind === 'word') return this.#named(token.text)
    if (token.text === '-') return this.#negative()
    if (token.text === '[') return listNode(this.#list(']'))
    if (token.text === '(') return this.#bracketed()
    throw new SyntaxMistake(`${token.text} is not expected there`)
  }

  #named(name: string): Node {
    if (name === LENGTH && this.#take('(')) return this.#length()
    const value = CONSTANTS.get(name)
    if (value !== undefined) return constant(value)
    if (KEYWORDS.has(name)) throw new SyntaxMistake(`${name} is not expected there`)
    if (!this.#names.has(name))
      throw new SyntaxMistake(
        `${name} is no option; there are ${[...this.#names.keys()].sort().join(', ')}; a text needs quotes`,
      )
    return (names) => ok(names.get(name) ?? null)
  }

  #length(): Node {
    const operand = this.#or()
    if (!this.#take(')')) throw new SyntaxMistake(') is missing')
    return (names) => {
      const value = operand(names)
      if (!value.ok) return value
      return typeof value.value === 'string' || Array.isArray(value.value)
        ? ok(value.value.length)
        : refuse(`${LENGTH}(${textOf(value.value)}): neither a list nor a text`)
    }
  }

  #negative(): Node {
    const token = this.#tokens[this.#at++]
    if (token?.kind !== 'literal' || typeof token.value !== 'number')
      throw new SyntaxMistake('- needs a number behind it')
    return constant(-token.value)
  }

  #bracketed(): Node {
    const elements = this.#list(')')
    const [only] = elements
    const isTuple = this.#tokens[this.#at - 2]?.text === ','
    return elements.length === 1 && only && !isTuple ? only : listNode(elements)
  }

  #list(end: string): Node[] {
    const elements: Node[] = []
    while (!this.#take(end)) {
      elements.push(this.#or())
      if (!this.#take(',') && this.#tokens[this.#at]?.text !== end)
        throw new SyntaxMistake(`${end} is missing`)
    }
    return elements
  }

  #take(text: string): boolean {
    const token = this.#tokens[this.#at]
    if (token === undefined || token.kind === 'literal' || token.text !== text) return false
    this.#at++
    return true
  }
}

const constant =
  (value: PlainValue): Node =>
  () =>
    ok(value)

const listNode =
  (elements: readonly Node[]): Node =>
  (names) => {
    const values: PlainValue[] = []
    for (const element of elements) {
      const value = element(names)
      if (!value.ok) return value
      values.push(value.value)
    }
    return ok(values)
  }

/** `or` (with `when` true) and `and` (false): the value of the operand that decides. */
const choose =
  (left: Node, right: Node, when: boolean): Node =>
  (names) => {
    const value = left(names)
    return !value.ok || isTrue(value.value) === when ? value : right(names)
  }
