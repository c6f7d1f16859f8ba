import type { Option } from '../../src/core/options/option-table.ts'
import type { Offer } from '../../src/core/options/value-types.ts'

/** A word that an option awaits. */
export interface AwaitedWord {
  readonly metavar: string
  readonly offer: Offer | undefined
}

/** The words that follow an option, in order. */
export const awaitedWords = (option: Option): readonly AwaitedWord[] =>
  option.kind === 'flag'
    ? []
    : option.type.metavar.map((metavar, at) => ({ metavar, offer: option.type.offers?.[at] }))

/** What an option does, short enough to stand beside it. */
export const briefHelp = ({ help }: Option): string => help.split(/; | \(/)[0] ?? help

/** Above each file. */
export const headerOf = (name: string): string =>
  `# Completion of ${name}. Made from its option table by "npm run man": do not edit.\n`
