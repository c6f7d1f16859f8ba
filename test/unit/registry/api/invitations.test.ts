import { expect, it } from 'vitest'
import { ONE_COMMUNITY } from '../../../../src/core/allocation/community.ts'
import { Invitations } from '../../../../src/registry/api/invitations.ts'
import { emptyStore, holdDatabaseClock } from '../../../support/databases.ts'

const MOST = 10_000
const NOW = 1_700_000_000
const actor = { name: 'test', from: undefined }

it('of invitations that can be used there are not very many, of those that are used up there may be', async () => {
  const clock = { now: () => NOW * 1000 }
  holdDatabaseClock(clock)
  await using store = await emptyStore()
  let made = 0
  const invitations = new Invitations({
    ...{ store, communities: ONE_COMMUNITY, mailPrefixLength: 16, fingerprint: '' },
    newToken: async () => `token${made++}`,
    clock,
    registryUrl: () => 'http://localhost/',
  })
  const make = () => invitations.make(actor, {}, { baseUrl: 'http://localhost', hasPage: true })
  await store.write((writable) =>
    writable.run(
      'INSERT INTO invitation WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?) ' +
        "SELECT 'id' || i, 'used' || i, 1, 0, ?, 'test', ?, NULL, NULL, NULL FROM n",
      ...[MOST, NOW, NOW + 3600],
    ),
  )
  const { invitation } = await make()
  expect(invitation.usesLeft).toBe(1)
  await store.write((writable) => writable.run('UPDATE invitation SET uses_left = 1'))
  await expect(make()).rejects.toMatchObject({ status: 409 })
  await store.write((writable) => writable.run('UPDATE invitation SET ends = ?', NOW))
  await make()
})
