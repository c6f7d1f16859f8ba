import { prefixOfSubnetName } from '../core/values/prefix.ts'
import type { Clock } from '../platform/clock.ts'
import type { Store } from './database/store.ts'
import type { Holder, Ledger } from './ledger.ts'
import { Refusal } from './refusal.ts'

/**
 * Revokes a machine, by subnet name: its prefix is free again, its certificate revoked; or only a certificate, by
 * serial: the node may renew it. A certificate that has expired, or is revoked already, is not added to the CRL.
 * @returns the prefix of a machine that is gone
 * @throws Refusal for text that is neither, and for what is not known
 */
export async function revoke(
  { store, ledger, clock }: { readonly store: Store; readonly ledger: Ledger; readonly clock: Clock },
  nameOrSerial: string,
): Promise<string | undefined> {
  const text = nameOrSerial.trim()
  const isName = text.includes('/')
  const holder = isName ? holderOfName(ledger, text) : holderOfSerial(ledger, text)
  if (!holder)
    throw new Refusal(404, `there is no certificate with this ${isName ? 'subnet name' : 'serial'}`)
  const pem = store.certificate(holder.prefix)?.cert ?? ''
  try {
    await store.write((writable) => {
      if (isName) {
        ledger.release(holder.prefix)
        ledger.saveTo(writable)
      }
      if (!writable.isRevoked(holder.serial) && holder.notAfterMs > clock.now())
        writable.addToCrl(holder.serial, Math.floor(holder.notAfterMs / 1000))
    })
  } catch (error) {
    // Nobody else may get the prefix while its certificate is still accepted.
    if (isName && !ledger.holder(holder.prefix)) ledger.keep(holder, pem)
    throw error
  }
  return isName ? holder.prefix : undefined
}

function holderOfName(ledger: Ledger, name: string): Holder | undefined {
  const prefix = prefixOfSubnetName(name)
  if (!prefix.ok) throw new Refusal(400, prefix.reason)
  return ledger.holder(prefix.value)
}

function holderOfSerial(ledger: Ledger, text: string): Holder | undefined {
  if (!/^\d{1,15}$/.test(text)) throw new Refusal(400, 'neither a subnet name nor a serial')
  return ledger.holderOfSerial(Number(text))
}
