import { type Static, Type } from 'typebox'
import { named, Time } from './common.ts'

/** The authority: who signs all certificates of the network. */
export const Authority = Type.Object(
  {
    name: Type.String(),
    notBefore: Time,
    notAfter: Time,
    fingerprint: Type.String({ description: 'As re6st-conf --fingerprint takes it' }),
  },
  { $id: 'Authority' },
)

/** Who has the present certificate of the authority. Machines whose own has ended are not counted. */
export const AuthorityState = Type.Object(
  {
    authority: Authority,
    since: Type.Optional(Type.String({ format: 'date-time', description: 'When it was first served here' })),
    nodesAskFrom: Type.String({
      format: 'date-time',
      description: 'From then on nodes ask for the one after it, once a day',
    }),
    have: Type.Integer({
      minimum: 0,
      description: 'Machines that say that they have it, or were enrolled with it',
    }),
    haveOther: Type.Integer({ minimum: 0, description: 'Machines that say that they have another one' }),
    former: Type.Array(
      Type.Object({
        fingerprint: Type.String(),
        notAfter: Type.Optional(
          Type.String({ format: 'date-time', description: 'Missing: it was never served here' }),
        ),
        nodesAskFrom: Type.Optional(Time),
        have: Type.Integer({ minimum: 1, description: 'Machines that say that they have it' }),
        machines: named('The first of them; `/machines?authority=` and the fingerprint has all'),
      }),
      {
        maxItems: 20,
        description: 'Other certificates of it that machines still have: those that most have',
      },
    ),
    silent: Type.Integer({
      minimum: 0,
      description: 'Machines of which nobody knows: they are not ours, or have not asked since this is kept',
    }),
    silentMachines: named('The first of them; `/machines?authority=unknown` has all'),
    warning: Type.Optional(Type.String({ description: 'What is to be done, and until when' })),
  },
  { $id: 'AuthorityState' },
)
export type AuthorityState = Static<typeof AuthorityState>
