import { expect, it } from 'vitest'
import { Re6stError } from '../../../../src/core/errors.ts'
import type { OwnIdentity } from '../../../../src/node/own-identity.ts'
import { assignAddresses } from '../../../../src/node/start/assign-addresses.ts'
import { silentLog } from '../../../support/silent-log.ts'

it('tells whoever waits for the addresses that they cannot be assigned, also when that was long ago', async () => {
  const failure = new Re6stError('OPTION', '--main-interface nosuch: there is no such interface')
  const fails = () => Promise.reject(failure)
  const current = {
    address: '2001:db8:42::1',
    authority: { network: '001000000000000100001101101110000000000001000010' },
    certificate: { subjectSerial: 0n },
  }
  const { done } = assignAddresses({
    options: { mainInterface: 'nosuch', gateway: true },
    kernel: { assign: fails, keepInside: fails, assignIpv4: fails },
    identity: { current, prefix: '0000' } as unknown as OwnIdentity,
    config: { ipv4: undefined },
    sourceSpecific: true,
    log: silentLog,
  })
  // Nobody waits yet: a rejection that nobody has heard by now would end the process, and this test.
  await new Promise((resolve) => setImmediate(resolve))
  await expect(done).rejects.toBe(failure)
})
