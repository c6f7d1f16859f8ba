import { describe, expect, it } from 'vitest'
import { DAY_MS } from '../../../src/core/day.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { cleanUpExpired } from '../../../src/registry/expiry.ts'
import { Ledger } from '../../../src/registry/ledger.ts'
import { revoke } from '../../../src/registry/revocation.ts'
import { Tokens } from '../../../src/registry/tokens.ts'
import { POSTGRES_PROGRAMS, POSTGRES_TEST_MS, TestPostgres } from '../../support/postgres.ts'
import { silentLog } from '../../support/silent-log.ts'

const NOW_MS = Date.parse('2030-01-01T00:00:00Z')
const at = (nowMs: number) => ({ ...systemClock, now: () => nowMs })
const AHEAD_MS = NOW_MS + 400 * DAY_MS

/** A network whose database has this time, with one machine, whose certificate is valid for a month. */
async function oneMachine(postgres: TestPostgres, databaseMs: number) {
  await postgres.holdClock(databaseMs)
  const store = await openStore(postgres.url)
  const ledger = new Ledger(store, 48)
  const notAfterMs = NOW_MS + 30 * DAY_MS
  await store.write(async (writable) => {
    const reservation = await ledger.reserve(writable, { community: '', length: 16, nowMs: NOW_MS })
    await ledger.settle(writable, reservation, null, { pem: 'a certificate', notAfterMs })
  })
  return { store, ledger, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

describe.skipIf(POSTGRES_PROGRAMS === undefined)(
  'of processes and a database whose clocks are apart',
  { timeout: POSTGRES_TEST_MS },
  () => {
    it.each([
      ['no database that is ahead', AHEAD_MS, NOW_MS, 0],
      ['no registry that is ahead', NOW_MS, AHEAD_MS, 0],
      ['only a time on which both agree', AHEAD_MS, AHEAD_MS, 1],
    ])('%s gives away what somebody has', async (_, databaseMs, ownMs, gone) => {
      await using postgres = await TestPostgres.start()
      await using network = await oneMachine(postgres, databaseMs)
      const cleanUp = () => cleanUpExpired({ ...network, clock: at(ownMs), log: silentLog }, 0, undefined)
      expect(await cleanUp()).toHaveLength(gone)
    })

    it('a registry that is ahead revokes what is valid, and one that is behind makes tokens that others know', async () => {
      await using postgres = await TestPostgres.start()
      await using network = await oneMachine(postgres, NOW_MS)
      const { store } = network
      await revoke({ ...network, clock: at(AHEAD_MS) }, '1')
      expect(await store.crl(NOW_MS / 1000)).toEqual([1])
      const tokensOf = (nowMs: number) =>
        new Tokens({
          ...{ store, clock: at(nowMs), log: silentLog, mailer: undefined },
          ...{ mailPrefixLength: 16, mailSender: '' },
        })
      const behind = tokensOf(NOW_MS - 30 * DAY_MS)
      const right = tokensOf(NOW_MS)
      expect(await right.isUsable(await behind.add('', ''))).toBe(true)
    })
  },
)
