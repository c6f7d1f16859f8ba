import { type Static, Type } from 'typebox'
import { named } from './common.ts'

/** Where the rotation of the MAC keys is. Each step is one call. */
export const KeyRotation = Type.Object(
  {
    step: Type.Union(
      [Type.Literal('idle'), Type.Literal('announced'), Type.Literal('used'), Type.Literal('beginning')],
      {
        description:
          'idle: one key; announced: a new one is accepted, the old one still signs; used: the new one signs, the old one is still accepted; beginning: a first key, anything is accepted',
      },
    ),
    nextStep: Type.String({ description: 'What the next step does' }),
    validUntil: Type.Optional(
      Type.String({ format: 'date-time', description: 'Until when the new key should not be used yet' }),
    ),
    following: Type.Integer({ minimum: 0, description: 'Machines that have the present configuration' }),
    behindCount: Type.Integer({
      minimum: 0,
      description:
        'Machines that have a certificate, and have not asked for the configuration since the last step',
    }),
    behind: named(
      'The first of these, those first that have asked last; `/machines?configuration=behind` has all',
    ),
    warning: Type.Optional(Type.String({ description: 'What would be cut off by the next step now' })),
  },
  { $id: 'KeyRotation' },
)
export type KeyRotation = Static<typeof KeyRotation>

/** Take the next step. */
export const RotateKeys = Type.Object(
  {
    fromStep: Type.String({
      description: 'The step that whoever asks has seen: it is refused if it is another',
    }),
    isCutOffAccepted: Type.Optional(Type.Boolean({ description: 'Although there is a warning' })),
  },
  { $id: 'RotateKeys', additionalProperties: false },
)
export type RotateKeys = Static<typeof RotateKeys>
