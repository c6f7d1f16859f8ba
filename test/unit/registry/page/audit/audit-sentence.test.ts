import { describe, expect, test } from 'vitest'
import { AUDIT_ACTIONS } from '../../../../../src/core/values/audit-actions.ts'
import { auditSentence, type Part } from '../../../../../src/registry/page/audit/audit-sentence.ts'

const textOf = (parts: readonly Part[]): string =>
  parts
    .map((part) => (typeof part === 'string' ? part : 'machine' in part ? part.machine : part.text))
    .join('')
const said = (action: string, subject?: string, detail: Record<string, unknown> = {}): string =>
  textOf(auditSentence({ action, detail, ...(subject === undefined ? {} : { subject }) }))

describe('what is in the audit log, in words', () => {
  test.each([
    ['machine.revoked', '5/16', {}, 'revoked the machine 5/16, with all its certificates'],
    ['certificate.revoked', '12', {}, 'revoked the certificate 12'],
    [
      'invitation.made',
      'ab12',
      {
        uses: 3,
        end: '2026-12-13T08:00:00.000Z',
        email: 'ann@example.com',
        community: '01',
        machineName: 'laptop',
      },
      'invited 3 machines called laptop of ann@example.com, in the community 01, until 2026-12-13 (invitation ab12)',
    ],
    [
      'invitation.made',
      'ab12',
      { uses: 1, end: '2026-12-13T08:00:00.000Z', email: null, community: null, machineName: null },
      'invited 1 machine, until 2026-12-13 (invitation ab12)',
    ],
    ['keys.rotated', 'idle', { warning: null }, 'made a new MAC key, and announced it to the nodes'],
    [
      'keys.rotated',
      'announced',
      { warning: 'one machine has not asked for the present configuration' },
      'had the nodes sign with the new MAC key, although one machine has not asked for the present configuration',
    ],
    [
      'configuration.changed',
      undefined,
      {
        hello: ['15', '5'],
        sameCountry: ['["FR"]', '[]'],
        ipv4: ['null', '{"range":"10.42.0.0/16","subnetBits":8}'],
      },
      'changed the configuration: Hello 15 → 5 seconds; Same country FR → none; IPv4 none → 10.42.0.0/16, 8 bits for a node',
    ],
    ['admin.added', 'bob', { role: 'look' }, 'added the administrator bob, with the role look'],
    [
      'admin.changed',
      'bob',
      { role: 'enrol', isDisabled: true },
      'changed the administrator bob: the role enrol, disabled',
    ],
    [
      'admin.changed',
      'bob',
      { role: 'enrol' },
      'changed the administrator bob: the role enrol, a new password',
    ],
    ['session.begun', undefined, { by: 'password' }, 'signed in with a password'],
    ['session.begun', undefined, { role: 'look', subject: '42' }, 'signed in with OpenID Connect, as look'],
    ['sessions.ended', 'bob', { ended: 1 }, 'ended 1 session of bob'],
    [
      'token.made',
      'c3',
      { label: 'monitoring', scope: 'look', end: '2027-02-27T08:00:00.000Z' },
      'made the token c3 of a program, for "monitoring": it may look, until 2027-02-27',
    ],
    ['join_token.added', undefined, { email: 'ann@example.com' }, 'added a token to join of ann@example.com'],
    ['network.made', 'fd00::/48', { encrypt: true }, 'made the network fd00::/48, with encryption'],
    ['database.restored', undefined, { from: 'backup.db' }, 'restored the database from backup.db'],
    [
      'authority.renewed',
      'fd00::/48',
      { validUntil: '2036-11-26T08:00:00.000Z', fingerprint: 'sha256:AB' },
      'renewed the authority, until 2036-11-26: sha256:AB',
    ],
    ['standby.promoted', undefined, { epoch: 2 }, 'promoted the standby: epoch 2 has begun'],
  ])('%s', (action, subject, detail, words) => {
    expect(said(action, subject, detail)).toBe(words)
  })

  test('a machine and an administrator lead to themselves', () => {
    expect(auditSentence({ action: 'machine.revoked', subject: '5/16', detail: {} })).toContainEqual({
      machine: '5/16',
    })
    expect(auditSentence({ action: 'admin.removed', subject: 'bob', detail: {} })).toContainEqual({
      view: 'administrators',
      text: 'bob',
    })
  })

  test.each(AUDIT_ACTIONS.map((action) => [action]))(
    '%s is a sentence also where its details are missing, or somebody has changed them',
    (action) => {
      for (const detail of [{}, { unreadable: '{' }, { uses: 'x', role: 1, hello: 3, ended: [], end: {} }])
        expect(said(action, undefined, detail)).toMatch(/^[a-z]/)
    },
  )

  test('an action that this page does not know is told as it is', () => {
    expect(said('machine.painted', '5/16')).toBe('machine.painted 5/16')
  })
})
