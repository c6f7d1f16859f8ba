import type { Packet } from './permission.ts'

/** Yes, no, or undefined: it cannot be told, or holds for some packets of this kind and not for others. */
export type Truth = boolean | undefined

/** Part of a rule: whether it matches a packet. */
export type Condition = (packet: Packet) => Truth

/** What a rule does with a packet that it matches. */
export type Action =
  | { readonly kind: 'accept' }
  | { readonly kind: 'drop' }
  | { readonly kind: 'return' }
  | { readonly kind: 'jump' | 'goto'; readonly target: string }
  /** The next rule decides: a counter, a log line. */
  | { readonly kind: 'continue' }
  /** Something that we do not follow: to a program, to another address. */
  | { readonly kind: 'unknown' }

/** A rule, with all of its conditions. */
export interface FilterRule {
  readonly conditions: readonly Condition[]
  readonly action: Action
  /** For the reader: where it is, and what in it cannot be judged. */
  readonly place: string
  /** What in it is not understood, e.g. `limit`. */
  readonly unknown: readonly string[]
}

/** Where in the kernel a chain is called. */
export type ChainHook = 'ingress' | 'prerouting' | 'input' | 'forward' | 'output' | 'postrouting'

/** What makes a chain one that the kernel calls. */
export interface BaseChain {
  readonly hook: ChainHook
  /** Lower ones come first. */
  readonly priority: number
  readonly policy: 'accept' | 'drop'
  /** The interfaces for which it is called; none: for all. */
  readonly devices: readonly string[]
}

/** A chain of rules. */
export interface FilterChain {
  readonly rules: readonly FilterRule[]
  readonly base: BaseChain | undefined
  readonly place: string
}

/** All chains of a table; names are looked up within it. */
export interface FilterTable {
  readonly families: readonly Packet['family'][]
  readonly chains: ReadonlyMap<string, FilterChain>
}

/** What is loaded in the kernel. */
export type Ruleset = readonly FilterTable[]

/** Both must hold. */
export const both = (one: Truth, other: Truth): Truth =>
  one === false || other === false ? false : one === true && other === true ? true : undefined

/** The opposite, as far as it is known. */
export const not = (truth: Truth): Truth => (truth === undefined ? undefined : !truth)

/** One of them holds. */
export const anyOf = (truths: readonly Truth[]): Truth =>
  truths.includes(true) ? true : truths.includes(undefined) ? undefined : false
