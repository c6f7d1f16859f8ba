import { type Static, Type } from 'typebox'
import { CLOSED, PAGING, pageOf, Time } from './common.ts'

/** What somebody did. Nobody can change or remove it without that being seen. */
export const AuditEntry = Type.Object(
  {
    number: Type.Integer({ minimum: 1 }),
    at: Time,
    who: Type.String({ description: 'Administrator, token or command' }),
    from: Type.Optional(Type.String({ description: 'Address' })),
    action: Type.String({ examples: ['invitation.made', 'machine.revoked'] }),
    subject: Type.Optional(Type.String({ description: 'What it was done to' })),
    detail: Type.Record(Type.String(), Type.Unknown()),
    hash: Type.String({
      pattern: '^[0-9a-f]{64}$',
      description: 'Over this entry and the hash of the one before',
    }),
  },
  { $id: 'AuditEntry' },
)
export type AuditEntry = Static<typeof AuditEntry>

export const AuditPage = pageOf(AuditEntry, 'AuditPage')
export type AuditPage = Static<typeof AuditPage>

/** Which entries, the latest first. */
export const AuditQuery = Type.Object(
  {
    action: Type.Optional(Type.String({ maxLength: 100 })),
    who: Type.Optional(Type.String({ maxLength: 400 })),
    ...PAGING,
  },
  CLOSED,
)
export type AuditQuery = Static<typeof AuditQuery>

/** Whether the log is whole. */
export const AuditVerification = Type.Object(
  {
    isWhole: Type.Boolean(),
    entries: Type.Integer({ minimum: 0 }),
    head: Type.String({ description: 'Hash of the last entry: written down elsewhere, it proves more' }),
    problem: Type.Optional(Type.String()),
  },
  { $id: 'AuditVerification' },
)
export type AuditVerification = Static<typeof AuditVerification>
