import { ok, type Result, refuse } from '../result.ts'
import { isLikeSubnetName } from '../values/prefix.ts'
import type { Command } from './command.ts'
import { optionValues, type ParsedWords } from './given-values.ts'
import { flag, type OptionsOf, optional } from './option-table.ts'
import { ASKED_REGISTRY, actionOf } from './registry-operator-options.ts'
import { nonEmpty } from './value-types.ts'

const PROMOTION = 'Promotion'

const ACTIONS = ['status', 'promote', 'drop'] as const

const STANDBY = {
  node: optional(nonEmpty('NAME'), {
    names: ['--node'],
    group: PROMOTION,
    help: 'subnet name of the node of this machine, like 5/16: through it the registry speaks to the network from now on',
    otherwise: "default: it stays the former primary's node",
  }),
  isLossAccepted: flag({
    names: ['--accept-loss'],
    group: PROMOTION,
    help: 'promote a standby also when it may not have everything: certificates are lost then, and prefixes may be given twice',
  }),
  ...ASKED_REGISTRY,
} as const

/** The command `re6st-registry standby`. */
export const STANDBY_COMMAND: Command<typeof STANDBY> = {
  name: 're6st-registry standby',
  description:
    'Of a pair of registries. With "status", says how the pair is. With "promote", on the standby, when the machine of the primary is lost or was stopped: it serves the network from now on. With "drop", on the primary, when the standby is lost: it goes on without one; a standby that was dropped must not be promoted until it has followed again.',
  options: STANDBY,
  takesOptionFiles: false,
  operand: { metavar: 'ACTION', help: `one of ${ACTIONS.join(', ')}`, required: true },
}

/** What is to be done with a standby. */
export type StandbyOptions = OptionsOf<typeof STANDBY> & { readonly action: (typeof ACTIONS)[number] }

/** Checks all options of `re6st-registry standby`, together. */
export function standbyOptions(words: ParsedWords): Result<StandbyOptions> {
  const values = optionValues(STANDBY_COMMAND, words)
  if (!values.ok) return values
  const action = actionOf(STANDBY_COMMAND.name, ACTIONS, words.operand)
  if (!action.ok) return action
  const useless = (['node', 'isLossAccepted'] as const).find((option) => words.given.has(option))
  if (action.value !== 'promote' && useless !== undefined)
    return refuse(`${STANDBY[useless].names[0]}: is for "standby promote" only`)
  const { node } = values.value
  if (node !== undefined && !isLikeSubnetName(node))
    return refuse(`--node ${node}: must be a subnet name like 5/16: "re6st status" on that machine has it`)
  return ok({ ...values.value, action: action.value })
}
