import { type Static, Type } from 'typebox'
import { Role, Time } from './common.ts'

/** Name and password of an administrator. */
export const SignIn = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    password: Type.String({ minLength: 1, maxLength: 1_024 }),
  },
  { $id: 'SignIn', additionalProperties: false },
)
export type SignIn = Static<typeof SignIn>

/** How one can sign in: public. */
export const SignInMethods = Type.Object(
  {
    isPassword: Type.Boolean(),
    isCertificate: Type.Boolean(),
    openId: Type.Optional(Type.Object({ name: Type.String(), url: Type.String() })),
    isFirstStart: Type.Boolean({ description: 'There is no administrator yet' }),
  },
  { $id: 'SignInMethods' },
)
export type SignInMethods = Static<typeof SignInMethods>

/** Who is signed in. */
export const Session = Type.Object(
  {
    name: Type.String(),
    role: Role,
    by: Type.Union([
      Type.Literal('password'),
      Type.Literal('certificate'),
      Type.Literal('openid'),
      Type.Literal('token'),
      Type.Literal('local'),
    ]),
    csrfToken: Type.Optional(
      Type.String({
        description: 'To be sent as X-CSRF-Token with whatever is not a GET; not needed with a bearer token',
      }),
    ),
    idleEnd: Type.Optional(Time),
    end: Type.Optional(Time),
  },
  { $id: 'Session' },
)
export type Session = Static<typeof Session>

/** A bearer token to be made. */
export const NewBearerToken = Type.Object(
  {
    label: Type.String({ minLength: 1, maxLength: 100, pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$' }),
    scope: Role,
    end: Type.String({ format: 'date-time', description: 'At most a year from now' }),
  },
  { $id: 'NewBearerToken', additionalProperties: false },
)
export type NewBearerToken = Static<typeof NewBearerToken>

/** A bearer token, without its secret. */
export const BearerToken = Type.Object(
  {
    id: Type.String(),
    label: Type.String(),
    scope: Role,
    madeBy: Type.String(),
    madeAt: Time,
    end: Time,
    usedAt: Type.Optional(Time),
  },
  { $id: 'BearerToken' },
)
export type BearerToken = Static<typeof BearerToken>

export const BearerTokens = Type.Object({ items: Type.Array(BearerToken) }, { $id: 'BearerTokens' })

/** A bearer token that was just made. */
export const MadeBearerToken = Type.Object(
  { token: BearerToken, secret: Type.String({ description: 'Not shown again' }) },
  { $id: 'MadeBearerToken' },
)
export type MadeBearerToken = Static<typeof MadeBearerToken>
