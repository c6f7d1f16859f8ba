import { type Static, Type } from 'typebox'
import { Time } from './common.ts'

/** Whether there is a network: public. */
export const SetupState = Type.Object(
  { isNeeded: Type.Boolean({ description: 'There is no network yet: one can be made here' }) },
  { $id: 'SetupState' },
)

/** A network that is to be made, by whoever has the code that the registry has printed. */
export const NewNetwork = Type.Object(
  {
    code: Type.String({ minLength: 1, maxLength: 100, description: 'As the registry has printed it' }),
    prefix: Type.Optional(
      Type.String({
        maxLength: 50,
        examples: ['2001:db8:42::/48'],
        description: 'Default: fd and 40 random bits (RFC 4193)',
      }),
    ),
    name: Type.String({
      minLength: 1,
      maxLength: 64,
      pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
      description: 'As its certificates say it',
    }),
    email: Type.Optional(Type.String({ maxLength: 254, description: 'Whose its mails are' })),
    days: Type.Integer({ minimum: 1, maximum: 36_500, description: 'How long the authority is valid' }),
    encrypt: Type.Boolean({ description: 'Whether tunnels are encrypted' }),
    administrator: Type.Object(
      {
        name: Type.String({ minLength: 1, maxLength: 64 }),
        password: Type.String({ minLength: 1, maxLength: 1_024 }),
      },
      { additionalProperties: false },
    ),
  },
  { $id: 'NewNetwork', additionalProperties: false },
)
export type NewNetwork = Static<typeof NewNetwork>

/** A network that was made: its registry starts now. */
export const MadeNetwork = Type.Object(
  {
    network: Type.String({ examples: ['2001:db8:42::/48'] }),
    validUntil: Time,
    fingerprint: Type.String({ description: 'As re6st-conf --fingerprint takes it' }),
    next: Type.Array(Type.String(), {
      description: 'Lines for a shell that make the node of this machine run, which must be the first',
    }),
  },
  { $id: 'MadeNetwork' },
)
export type MadeNetwork = Static<typeof MadeNetwork>
