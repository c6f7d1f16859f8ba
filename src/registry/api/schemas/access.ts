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
    storageKey: Type.Optional(
      Type.String({
        description:
          'By which the page seals what it keeps in a browser, as the places of nodes on its map (AES-256, base64url): the same for all sessions, and in the registry only',
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

const AdministratorName = Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$' })

/** Which administrator. */
export const ByAdministrator = Type.Object({ name: AdministratorName })

/** An administrator, without the password. */
export const Administrator = Type.Object(
  {
    name: Type.String(),
    role: Role,
    isDisabled: Type.Boolean({ description: 'May not sign in' }),
    passwordSetAt: Time,
    sessions: Type.Integer({ minimum: 0, description: 'Living sessions of browsers' }),
  },
  { $id: 'Administrator' },
)

/** Who may sign in by a password or a certificate, and who else is signed in. */
export const Administrators = Type.Object(
  {
    items: Type.Array(Administrator),
    elsewhere: Type.Array(Type.Object({ name: Type.String(), sessions: Type.Integer({ minimum: 1 }) }), {
      description: 'Who is signed in without being one of them: by OpenID Connect',
    }),
  },
  { $id: 'Administrators' },
)
export type Administrators = Static<typeof Administrators>

const Password = Type.Optional(
  Type.String({ minLength: 12, maxLength: 1_024, description: 'Without one, one is made up' }),
)

/** Another password of an administrator. */
export const NewPassword = Type.Object(
  { password: Password },
  { $id: 'NewPassword', additionalProperties: false },
)

/** An administrator to be added. */
export const NewAdministrator = Type.Object(
  {
    name: AdministratorName,
    role: Role,
    password: Password,
  },
  { $id: 'NewAdministrator', additionalProperties: false },
)
export type NewAdministrator = Static<typeof NewAdministrator>

/** An administrator that was just added, or has another password. */
export const MadeAdministrator = Type.Object(
  {
    name: Type.String(),
    role: Role,
    password: Type.Optional(Type.String({ description: 'That was made up: not shown again' })),
  },
  { $id: 'MadeAdministrator' },
)
export type MadeAdministrator = Static<typeof MadeAdministrator>

/** What of an administrator is to be another. */
export const AdministratorChange = Type.Object(
  { role: Type.Optional(Role), isDisabled: Type.Optional(Type.Boolean()) },
  { $id: 'AdministratorChange', additionalProperties: false, minProperties: 1 },
)

/** Whose sessions are to end. */
export const SessionsEnd = Type.Object(
  { name: Type.String({ minLength: 1, maxLength: 400 }) },
  { $id: 'SessionsEnd', additionalProperties: false },
)
