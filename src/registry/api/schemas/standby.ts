import { type Static, Type } from 'typebox'
import { SubnetName, Time } from './common.ts'

/** How a pair of registries is, as one of them sees it. */
export const PairState = Type.Object(
  {
    role: Type.Union([Type.Literal('alone'), Type.Literal('primary'), Type.Literal('standby')], {
      description: 'alone: it was started without --peer',
    }),
    epoch: Type.Integer({ minimum: 0, description: 'Each promotion begins one' }),
    connection: Type.Union([Type.Literal('away'), Type.Literal('copying'), Type.Literal('current')], {
      description:
        'With the other registry. copying: the standby does not have everything yet; current: it has, or is a moment behind',
    }),
    isRegistered: Type.Boolean({
      description: 'Whether nothing is given that the standby has not stored, as far as this registry knows',
    }),
    since: Type.Optional(Time),
    behind: Type.Optional(
      Type.Integer({ minimum: 0, description: 'Changes that the standby has not stored yet' }),
    ),
  },
  { $id: 'PairState' },
)
export type PairState = Static<typeof PairState>

/** How a standby is promoted. */
export const Promotion = Type.Object(
  {
    node: Type.Optional(SubnetName),
    isLossAccepted: Type.Boolean({ description: 'Also when it may not have everything' }),
  },
  { $id: 'Promotion', additionalProperties: false },
)
export type Promotion = Static<typeof Promotion>
