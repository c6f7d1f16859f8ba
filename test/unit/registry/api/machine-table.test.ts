import { describe, expect, it, vi } from 'vitest'
import { ONE_COMMUNITY } from '../../../../src/core/allocation/community.ts'
import { readAuthority } from '../../../../src/core/crypto/certificate.ts'
import { Machines } from '../../../../src/registry/api/machines.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import { Ledger } from '../../../../src/registry/ledger.ts'
import { vectors } from '../../../support/vectors.ts'

const authority = readAuthority(vectors<{ ca: string }>('pki.json').ca)
const BITS = 16

/** Machines of a network with so many certificates: serials go up and ends go down with the prefixes. */
async function machinesOf(certificates: number) {
  if (!authority.ok) throw new Error(authority.reason)
  const { network } = authority.value
  const store = await openStore(':memory:')
  await store.write(async (writable) => {
    for (let number = 0; number < certificates; number++)
      await writable.setHolder({
        prefix: number.toString(2).padStart(BITS, '0'),
        email: `${number}@example.com`,
        serial: number + 1,
        subject_serial: number,
        not_after: 2_000_000_000 - number,
        reason: null,
      })
  })
  const lookUp = vi.fn(() => undefined)
  const machines = new Machines({
    store,
    ledger: new Ledger(store, network.length),
    watch: {
      isOnline: () => false,
      information: () => undefined,
      look: async () => {},
      tunnelsOf: () => [],
      route: () => [],
    },
    known: { lookUp },
    registryPrefix: () => undefined,
    network,
    communities: ONE_COMMUNITY,
    geoip: undefined,
    clock: { now: () => 1_900_000_000_000 },
  })
  return { machines, lookUp, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

describe('the table of machines', () => {
  it.each(['name', 'serial', 'notAfter', undefined] as const)(
    'computes what is on the page, however many there are: by %s',
    async (sort) => {
      const looks: number[] = []
      for (const certificates of [30, 1_500]) {
        await using network = await machinesOf(certificates)
        const page = await network.machines.list({ limit: 20, ...(sort === undefined ? {} : { sort }) })
        expect(page).toMatchObject({ total: certificates, items: { length: 20 } })
        looks.push(network.lookUp.mock.calls.length)
      }
      expect(looks[1]).toBe(looks[0])
    },
  )

  it('has its pages in the order that is asked for, of the whole or of a community', async () => {
    await using network = await machinesOf(30)
    const serials = async (query: Parameters<Machines['list']>[0]) =>
      (await network.machines.list(query)).items.map(({ serial }) => serial)
    expect(await serials({ sort: 'name', limit: 3, offset: 2 })).toEqual([3, 4, 5])
    expect(await serials({ sort: 'name', order: 'descending', limit: 3 })).toEqual([30, 29, 28])
    expect(await serials({ sort: 'serial', order: 'descending', limit: 2, offset: 1 })).toEqual([29, 28])
    expect(await serials({ sort: 'notAfter', limit: 2 })).toEqual([30, 29])
    expect(await serials({ sort: 'email', limit: 3 })).toEqual([1, 11, 12])
    // 16 to 29
    const community = '000000000001'
    expect(await network.machines.list({ community, limit: 2 })).toMatchObject({
      total: 14,
      items: [{ serial: 17 }, { serial: 18 }],
    })
  })
})
