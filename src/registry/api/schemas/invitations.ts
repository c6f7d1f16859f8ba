import { type Static, Type } from 'typebox'
import { CLOSED, PAGING, pageOf, SubnetName, Time } from './common.ts'

/** Who may join, and how often. */
export const NewInvitation = Type.Object(
  {
    uses: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000, default: 1, description: 'How many machines' }),
    ),
    end: Type.Optional(
      Type.String({ format: 'date-time', description: 'At most a year from now; default: 14 days' }),
    ),
    email: Type.Optional(Type.String({ maxLength: 254, description: 'Whose the machine is' })),
    community: Type.Optional(
      Type.String({
        pattern: '^[01]{0,128}$',
        description: 'The first bits of its prefix; default: by where it is',
      }),
    ),
    machineName: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 63,
        pattern: '^[^\\u0000-\\u001f\\u007f-\\u009f]*$',
        description: 'How it is called here',
      }),
    ),
  },
  { $id: 'NewInvitation', additionalProperties: false },
)
export type NewInvitation = Static<typeof NewInvitation>

/** An invitation, without what it is used with: that is shown once. */
export const Invitation = Type.Object(
  {
    id: Type.String(),
    usesLeft: Type.Integer({ minimum: 0 }),
    uses: Type.Integer({ minimum: 1 }),
    madeAt: Time,
    madeBy: Type.String(),
    end: Time,
    email: Type.Optional(Type.String()),
    community: Type.Optional(Type.String()),
    machineName: Type.Optional(Type.String()),
    machines: Type.Array(SubnetName, { description: 'Who has used it' }),
  },
  { $id: 'Invitation' },
)
export type Invitation = Static<typeof Invitation>

/** An invitation that was just made. */
export const MadeInvitation = Type.Object(
  {
    invitation: Invitation,
    token: Type.String({ description: 'Not shown again' }),
    link: Type.Optional(
      Type.String({
        description: 'To the page that says what to install and run; missing: nobody knows where the page is',
      }),
    ),
    joinLine: Type.String({ description: 'To run as root on the machine' }),
  },
  { $id: 'MadeInvitation' },
)
export type MadeInvitation = Static<typeof MadeInvitation>

export const InvitationPage = pageOf(Invitation, 'InvitationPage')
export type InvitationPage = Static<typeof InvitationPage>

/** Which invitations, the latest first. */
export const InvitationQuery = Type.Object(
  { ...PAGING, limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 1_000, default: 1_000 })) },
  CLOSED,
)
export type InvitationQuery = Static<typeof InvitationQuery>

/** Somebody asks for a token by e-mail: public. The answer never says whether the address is known. */
export const TokenRequest = Type.Object(
  { email: Type.String({ maxLength: 254 }) },
  { $id: 'TokenRequest', additionalProperties: false },
)

/** Somebody has an invitation: public. Of other tokens nothing is said. */
export const GivenInvitation = Type.Object(
  { token: Type.String({ minLength: 1, maxLength: 200 }) },
  { $id: 'GivenInvitation', additionalProperties: false },
)

/** Whether it can be used. */
export const InvitationState = Type.Object(
  {
    isUsable: Type.Boolean({
      description: 'It is an invitation, which was not used up, deleted, and has not ended',
    }),
    usesLeft: Type.Optional(Type.Integer({ minimum: 1 })),
    end: Type.Optional(Time),
  },
  { $id: 'InvitationState' },
)
export type InvitationState = Static<typeof InvitationState>

/** What the page to enrol says: public. */
export const EnrolmentInformation = Type.Object(
  {
    registryUrl: Type.String(),
    fingerprint: Type.String(),
    isByMail: Type.Boolean({ description: 'Whether a token can be asked for by e-mail' }),
    isAnonymous: Type.Boolean({ description: 'Whether a machine joins without a token' }),
  },
  { $id: 'EnrolmentInformation' },
)
export type EnrolmentInformation = Static<typeof EnrolmentInformation>
