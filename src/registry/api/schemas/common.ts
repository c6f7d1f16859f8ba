import { type Static, type TSchema, Type } from 'typebox'
import { ROLES } from '../../../core/values/roles.ts'

/** A moment, in UTC. */
export const Time = Type.String({ format: 'date-time', examples: ['2026-11-28T08:30:00.000Z'] })

/** `<decimal value>/<length>`: the common name of a node's certificate. */
export const SubnetName = Type.String({
  pattern: '^\\d{1,39}/\\d{1,3}$',
  description: "A machine's name in the network: the common name of its certificate",
  examples: ['5/16'],
})

/** Of machines that something is said of, so many are named: the list of machines has all of them, by the query that is said with it. */
export const MAX_NAMED = 100

/** The first of some machines. */
export const named = (description: string) => Type.Array(SubnetName, { maxItems: MAX_NAMED, description })

/** What somebody may do; each may do what the one before may. */
export const Role = Type.Enum(ROLES, {
  description: 'look: see everything; enrol: also invite; administer: also revoke, rotate keys, configure',
})

/** What an answer says that is no success. */
export const ApiError = Type.Object(
  {
    code: Type.Union(
      [
        Type.Literal('bad-request'),
        Type.Literal('not-signed-in'),
        Type.Literal('forbidden'),
        Type.Literal('not-found'),
        Type.Literal('conflict'),
        Type.Literal('too-large'),
        Type.Literal('too-many'),
        Type.Literal('failed'),
        Type.Literal('unavailable'),
      ],
      { description: 'For programs' },
    ),
    message: Type.String({ description: 'For people: what is wrong, and what to do' }),
    field: Type.Optional(Type.String({ description: 'What of the request is wrong' })),
  },
  { $id: 'Error', description: 'Why it was not done' },
)
export type ApiError = Static<typeof ApiError>

/** One page of a list. */
export const pageOf = <Item extends TSchema>(item: Item, $id: string) =>
  Type.Object(
    {
      total: Type.Integer({ minimum: 0, description: 'Of all pages' }),
      items: Type.Array(item),
    },
    { $id },
  )

/** Of a query: a filter with a slip of the pen would be none, and give all in place of some. */
export const CLOSED = { additionalProperties: false } as const

/** Which page of a list. */
export const PAGING = {
  offset: Type.Optional(Type.Integer({ minimum: 0, maximum: 100_000_000, default: 0 })),
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 100 })),
} as const
