import { prefixOfSubnetName, subnetNameOfBits } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import { recordEvent } from './api/history.ts'
import type { Store, Write } from './database/store.ts'
import type { Ledger } from './ledger.ts'
import { Refusal } from './refusal.ts'

/**
 * Revokes a machine, by subnet name: its prefix is free again, and every certificate revoked that was ever given for it
 * and could still be accepted, also one that was renewed since. Or a certificate only, by serial, any that could still
 * be accepted: the node may renew. What is revoked already is not an error: an operator who got none of the answers
 * tries again.
 * @param also written in the same transaction
 * @returns the prefix of a machine that is gone
 * @throws Refusal for text that is neither, and for what is not known
 */
export async function revoke(
  components: { readonly store: Store; readonly ledger: Ledger; readonly clock: Clock },
  nameOrSerial: string,
  also: Write = async () => {},
): Promise<string | undefined> {
  const text = nameOrSerial.trim()
  if (!text.includes('/')) {
    await revokeSerial(components, text, also)
    return undefined
  }
  const prefix = prefixOfSubnetName(text)
  if (!prefix.ok) throw new Refusal(400, prefix.reason)
  await revokeMachine(components, prefix.value, also)
  return prefix.value
}

async function revokeMachine(
  { store, ledger, clock }: { readonly store: Store; readonly ledger: Ledger; readonly clock: Clock },
  prefix: string,
  also: Write,
): Promise<void> {
  // Read in the same transaction: a renewal may be written just before.
  await store.write(async (writable) => {
    const nowMs = await writable.commonTimeMs(clock)
    const valid = await writable.issuedFor(prefix, Math.floor(nowMs / 1000))
    const isReleased = await ledger.release(writable, prefix)
    if (!isReleased && valid.length === 0)
      throw new Refusal(404, `there is no certificate of ${subnetNameOfBits(prefix)}`)
    for (const { serial, date } of valid) await writable.addToCrl(serial, date)
    await writable.endSession(prefix)
    await recordEvent(writable, prefix, { kind: 'revoked' }, nowMs)
    await also(writable)
  })
}

async function revokeSerial(
  { store, ledger, clock }: { readonly store: Store; readonly ledger: Ledger; readonly clock: Clock },
  text: string,
  also: Write,
): Promise<void> {
  if (!/^\d{1,15}$/.test(text)) throw new Refusal(400, 'neither a subnet name nor a serial')
  await store.write(async (writable) => {
    const row = await writable.issued(Number(text))
    if (!row && !(await ledger.holderOfSerial(Number(text), writable)))
      throw new Refusal(404, 'there is no certificate with this serial that could still be accepted')
    const nowMs = await writable.commonTimeMs(clock)
    if (row && row.date > Math.floor(nowMs / 1000)) {
      await writable.addToCrl(row.serial, row.date)
      await recordEvent(writable, row.prefix, { kind: 'revoked', detail: text }, nowMs)
    }
    await also(writable)
  })
}
