import { expect, it } from 'vitest'
import { requestHmac } from '../../../src/core/rpc/session.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { ownSessions, SharedSessions } from '../../../src/registry/sessions.ts'
import { DATABASE_KIND, emptyDatabase } from '../../support/databases.ts'

const [PREFIX, TARGET] = ['0101', '/getDh?cn=0101']
const HELLO = { protocol: 8, nowMs: 0 }

// A file has one process.
it.each(DATABASE_KIND === 'PostgreSQL' ? ['of several'] : ['of one process'])(
  'a secret that was not sent counts no more, and the others of a node do: sessions %s',
  async (whose) => {
    await using store = await openStore(await emptyDatabase())
    const sessions = whose === 'of several' ? new SharedSessions(store, { now: () => 0 }) : ownSessions()
    const [first, second] = [Buffer.alloc(20, 1), Buffer.alloc(20, 2)]
    const call = async (secret: Buffer) =>
      (await sessions.authenticate(PREFIX, TARGET, requestHmac(secret, TARGET))).kind
    await sessions.withdraw(PREFIX, first)
    await sessions.begin(PREFIX, first, HELLO)
    await sessions.withdraw(PREFIX, first)
    expect(await call(first)).toBe('no-session')
    for (const secret of [first, second]) await sessions.begin(PREFIX, secret, HELLO)
    await sessions.withdraw(PREFIX, first)
    expect(await call(first)).toBe('wrong-hmac')
    expect(await call(second)).toBe('authentic')
  },
)
