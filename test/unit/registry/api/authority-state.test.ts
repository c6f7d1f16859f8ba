import { expect, it } from 'vitest'
import { authorityState } from '../../../../src/registry/api/authority-state.ts'
import { emptyStore } from '../../../support/databases.ts'

const DAY_S = 86_400
const NOW_S = 1_700_000_000
const fingerprintOf = (number: number) => number.toString(16).padStart(2, '0').repeat(32)
const [PRESENT, FORMER] = [fingerprintOf(0xaa), fingerprintOf(0xbb)] as const
const BOGUS = 40

it('who has a certificate of the authority that was served here is told of, whatever many others say they have', async () => {
  await using store = await emptyStore()
  const prefixOf = (number: number) => number.toString(2).padStart(10, '0')
  const have = [
    FORMER,
    ...Array.from({ length: 2 * BOGUS }, (_, number) => fingerprintOf(1 + (number % BOGUS))),
  ]
  await store.write(async (writable) => {
    for (const [serial, fingerprint] of have.entries()) {
      const prefix = prefixOf(serial)
      await writable.setHolder({
        ...{ prefix, email: null, serial, subject_serial: serial, reason: null },
        not_after: NOW_S + DAY_S,
      })
      await writable.run('INSERT INTO machine_authority VALUES (?, ?)', prefix, fingerprint)
    }
  })
  const served = [PRESENT, FORMER].map((fingerprint) => ({
    fingerprint,
    sinceMs: NOW_S * 1000,
    notAfterMs: (NOW_S + DAY_S) * 1000,
  }))
  const state = await authorityState({
    store,
    ledger: { size: async () => have.length, countEnding: async () => 0 },
    authorities: {
      present: PRESENT,
      served: async () => served,
      save: async () => {},
      of: async () => fingerprintOf(1),
    },
    authority: {
      name: 'CN=test',
      fingerprint: PRESENT,
      notBefore: new Date(0).toISOString(),
      notAfter: new Date((NOW_S + 900 * DAY_S) * 1000).toISOString(),
    },
    clock: { now: () => NOW_S * 1000 },
  })
  expect(state.former).toHaveLength(21)
  expect(state.former.at(-1)).toMatchObject({ have: 1, notAfter: expect.any(String) as string })
  expect(state.warning).toMatch(/^1 machine has one that ends on /)
})
