import type { FilterHook, Packet } from './permission.ts'
import {
  both,
  type ChainHook,
  type FilterChain,
  type FilterRule,
  type FilterTable,
  type Ruleset,
  type Truth,
} from './ruleset.ts'

/** What becomes of a packet. */
export type Fate =
  | { readonly kind: 'accepted' }
  /** By this rule or policy. */
  | { readonly kind: 'dropped'; readonly by: string }
  /** It depends on what these rules say, which cannot be judged. */
  | { readonly kind: 'unknown'; readonly because: readonly string[] }

/** What a chain may do with a packet. */
interface Outcome {
  readonly mayAccept: boolean
  /** The first rule or policy that may drop it. */
  readonly dropsAt: string | undefined
  /** It may go back to where it came from. */
  readonly mayReturn: boolean
  readonly doubts: readonly string[]
}

/** Chains that a packet passes. */
const WAYS: Readonly<Record<FilterHook, readonly ChainHook[]>> = {
  input: ['ingress', 'prerouting', 'input'],
  forward: ['ingress', 'prerouting', 'forward', 'postrouting'],
  output: ['output', 'postrouting'],
}

/** The kernel allows 16 jumps into jumps: what is deeper did not come from a kernel. */
const MAX_DEPTH = 32
/** Doubts that are told: the first ones say enough. */
const MAX_DOUBTS = 3

/** What the loaded rules do with a packet: it has to be accepted by each chain on its way. */
export function fateOf(ruleset: Ruleset, packet: Packet): Fate {
  const doubts: string[] = []
  for (const hook of WAYS[packet.hook])
    for (const { table, chain } of calledAt(ruleset, hook, packet)) {
      const outcome = new ChainWalk(table, packet).ofBaseChain(chain)
      if (outcome.dropsAt === undefined) continue
      if (!outcome.mayAccept) return { kind: 'dropped', by: outcome.dropsAt }
      doubts.push(...outcome.doubts)
    }
  if (doubts.length === 0) return { kind: 'accepted' }
  return { kind: 'unknown', because: [...new Set(doubts)].slice(0, MAX_DOUBTS) }
}

function calledAt(ruleset: Ruleset, hook: ChainHook, { family, iif }: Packet) {
  return ruleset
    .filter(({ families }) => families.includes(family))
    .flatMap((table) => [...table.chains.values()].map((chain) => ({ table, chain })))
    .filter(
      ({ chain: { base } }) =>
        base?.hook === hook && (base.devices.length === 0 || base.devices.some((device) => device === iif)),
    )
    .sort((one, other) => (one.chain.base?.priority ?? 0) - (other.chain.base?.priority ?? 0))
}

const NOWHERE: Outcome = { mayAccept: false, dropsAt: undefined, mayReturn: false, doubts: [] }

/** Follows one packet through the chains of a table. */
class ChainWalk {
  readonly #table: FilterTable
  readonly #packet: Packet
  /** A chain does the same with a packet wherever it is called from. */
  readonly #known = new Map<string, Outcome>()

  constructor(table: FilterTable, packet: Packet) {
    this.#table = table
    this.#packet = packet
  }

  ofBaseChain(chain: FilterChain): Outcome {
    const outcome = this.#ofRules(chain, 0)
    if (!outcome.mayReturn) return outcome
    return chain.base?.policy === 'drop'
      ? { ...outcome, dropsAt: outcome.dropsAt ?? `policy of ${chain.place}` }
      : { ...outcome, mayAccept: true }
  }

  #ofChain(name: string, depth: number): Outcome {
    const known = this.#known.get(name)
    if (known !== undefined) return known
    const chain = this.#table.chains.get(name)
    if (chain === undefined || depth > MAX_DEPTH) return UNKNOWN
    // Should it come back to itself.
    this.#known.set(name, UNKNOWN)
    const outcome = this.#ofRules(chain, depth)
    this.#known.set(name, outcome)
    return outcome
  }

  #ofRules(chain: FilterChain, depth: number): Outcome {
    let sum = NOWHERE
    for (const rule of chain.rules) {
      const matches = this.#matches(rule)
      if (matches === false) continue
      const outcome = this.#ofAction(rule, depth)
      if (outcome === undefined) continue
      const isDoubtful = matches === undefined || outcome === UNKNOWN
      sum = {
        mayAccept: sum.mayAccept || outcome.mayAccept,
        dropsAt: sum.dropsAt ?? outcome.dropsAt,
        mayReturn: sum.mayReturn || (outcome.mayReturn && !isJump(rule)),
        doubts: [...sum.doubts, ...outcome.doubts, ...(isDoubtful ? [doubtOf(rule)] : [])].slice(
          0,
          MAX_DOUBTS,
        ),
      }
      if (matches === true && !(isJump(rule) && outcome.mayReturn)) return sum
    }
    return { ...sum, mayReturn: true }
  }

  #matches({ conditions }: FilterRule): Truth {
    let all: Truth = true
    for (const condition of conditions) {
      all = both(all, condition(this.#packet))
      if (all === false) return false
    }
    return all
  }

  /** Undefined: the next rule decides. */
  #ofAction({ action, place }: FilterRule, depth: number): Outcome | undefined {
    switch (action.kind) {
      case 'accept':
        return { ...NOWHERE, mayAccept: true }
      case 'drop':
        return { ...NOWHERE, dropsAt: place }
      case 'return':
        return { ...NOWHERE, mayReturn: true }
      case 'jump':
      case 'goto':
        return this.#ofChain(action.target, depth + 1)
      case 'unknown':
        return UNKNOWN
      case 'continue':
        return undefined
    }
  }
}

/** Anything can happen. */
const UNKNOWN: Outcome = { mayAccept: true, dropsAt: 'unknown', mayReturn: true, doubts: [] }

const isJump = ({ action }: FilterRule): boolean => action.kind === 'jump'

const doubtOf = ({ place, unknown }: FilterRule): string =>
  unknown.length === 0 ? place : `${place} (${unknown.join(', ')})`
