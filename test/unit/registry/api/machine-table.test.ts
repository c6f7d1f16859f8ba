import { describe, expect, it, vi } from 'vitest'
import { ONE_COMMUNITY } from '../../../../src/core/allocation/community.ts'
import { readAuthority } from '../../../../src/core/crypto/certificate.ts'
import { MACHINE_SORT_KEYS } from '../../../../src/core/values/machine-sort-keys.ts'
import { prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { Machines } from '../../../../src/registry/api/machines.ts'
import { openStore } from '../../../../src/registry/database/open-store.ts'
import { statementsFor } from '../../../../src/registry/database/statements.ts'
import type { Store } from '../../../../src/registry/database/store.ts'
import type { HolderRow } from '../../../../src/registry/database/tables.ts'
import { Ledger } from '../../../../src/registry/ledger.ts'
import { DATABASE_KIND, emptyDatabase, emptyStore } from '../../../support/databases.ts'
import { makeEarlier } from '../../../support/earlier-database.ts'
import { addHolders } from '../../../support/many-holders.ts'
import { vectors } from '../../../support/vectors.ts'

const authority = readAuthority(vectors<{ ca: string }>('pki.json').ca)
const BITS = 16

/** What there is beside certificates. */
interface Kinds {
  /** Whether a machine was ever seen, by its number. */
  readonly seen?: (number: number) => boolean
  /** Numbers of those that are there. */
  readonly online?: readonly number[]
  /** Their serials. */
  readonly revoked?: readonly number[]
}

const prefixOf = (number: number): string => number.toString(2).padStart(BITS, '0')

/** Machines of a network with so many certificates: serials go up and ends go down with the prefixes. */
async function machinesOf(
  certificates: number,
  { seen = () => false, online = [], revoked = [] }: Kinds = {},
) {
  if (!authority.ok) throw new Error(authority.reason)
  const { network } = authority.value
  const store = await emptyStore()
  await store.write(async (writable) => {
    await addHolders(
      writable,
      Array.from({ length: certificates }, (_, number) => ({
        prefix: number.toString(2).padStart(BITS, '0'),
        email: `${number}@example.com`,
        serial: number + 1,
        subject_serial: number,
        not_after: 2_000_000_000 - number,
        reason: null,
      })),
    )
    for (let number = 0; number < certificates; number++)
      if (seen(number))
        await writable.setNodeAddress({ prefix: prefixOf(number), addresses: '', date: 1_899_999_000 })
    for (const serial of revoked) await writable.run('INSERT INTO crl VALUES (?, ?)', serial, 2_000_000_000)
  })
  const there = new Set(online.map((number) => prefixOfBits(prefixOf(number))))
  /** How many machines were looked up. */
  let looks = 0
  const ledger = new Ledger(store, network.length)
  const machines = new Machines({
    said: { version: () => 1, save: async () => {} },
    store,
    ledger,
    watch: {
      isOnline: (prefix) => there.has(prefix),
      online: () => [...there],
      information: () => undefined,
      informed: () => [],
      look: async () => {},
      tunnelsOf: () => [],
      route: () => [],
    },
    known: {
      lookUp: async (prefixes) => {
        looks += prefixes.length
        const rows = await store.allIn<{ prefix: string; date: number }>(
          'SELECT prefix, date FROM node_address WHERE prefix IN ?',
          prefixes,
        )
        return new Map(
          rows.map(({ prefix, date }) => [prefixOfBits(prefix), { addresses: [], seenMs: date * 1000 }]),
        )
      },
      count: () => store.countNodeAddresses(),
      unwritten: () => [],
    },
    localNode: { askWay: async () => 'no answer' },
    registryPrefix: () => undefined,
    network,
    communities: ONE_COMMUNITY,
    geoip: undefined,
    clock: { now: () => 1_900_000_000_000 },
  })
  return {
    machines,
    looks: () => looks,
    store,
    ledger,
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  }
}

/** Machines whose certificates end in the same second; every third has no e-mail address, the others have one of two. */
async function makeAlike(store: Store, certificates: number): Promise<void> {
  await store.write(async (writable) => {
    for (let number = 0; number < certificates; number++)
      await writable.setHolder({
        prefix: number.toString(2).padStart(BITS, '0'),
        email: number % 3 === 0 ? null : `${number % 3}@example.com`,
        serial: number + 1,
        subject_serial: number,
        not_after: 2_000_000_000,
        reason: null,
      })
  })
}

describe('the table of machines', () => {
  it.each(['notAfter', 'email'] as const)(
    'has each machine on one page, though many are the same: by %s',
    async (sort) => {
      await using network = await machinesOf(0)
      await makeAlike(network.store, 30)
      for (const order of ['ascending', 'descending'] as const) {
        const serials: number[] = []
        for (let offset = 0; offset < 30; offset += 7) {
          const { items } = await network.machines.list({ sort, order, offset, limit: 7 })
          serials.push(...items.map(({ serial }) => serial))
        }
        expect(new Set(serials).size).toBe(30)
        expect(serials).toHaveLength(30)
      }
      const first = await network.machines.list({ sort: 'email', limit: 1 })
      expect(first.items[0]?.email).toBeUndefined()
    },
  )

  it('looks up the names of those on the page only, where a state is asked for', async () => {
    await using network = await machinesOf(30)
    const some = vi.spyOn(network.store, 'allIn')
    const namesLookedUp = () =>
      some.mock.calls.flatMap(([sql, prefixes]) => (sql.includes('FROM machine ') ? prefixes : [])).length
    expect(await network.machines.list({ state: 'online', limit: 5 })).toEqual({ total: 0, items: [] })
    expect(namesLookedUp()).toBe(0)
    const page = await network.machines.list({ state: 'never-seen', limit: 5, offset: 10 })
    expect(page).toMatchObject({ total: 30, items: [{ serial: 11 }, {}, {}, {}, { serial: 15 }] })
    expect(namesLookedUp()).toBe(5)
    expect(await network.machines.list({ search: '7@EXAMPLE', limit: 5 })).toMatchObject({ total: 3 })
  })

  it('says who is in which state as a look at each does, in any order and part of the network', async () => {
    await using network = await machinesOf(60, {
      seen: (number) => number % 3 !== 0,
      online: [2, 3, 59],
      revoked: [6, 8, 60],
    })
    const { items: all } = await network.machines.list({ limit: 100 })
    for (const community of ['', '000000000001'])
      for (const state of ['online', 'offline', 'never-seen', 'revoked', 'outdated', 'expiring'] as const)
        for (const [sort, order] of [
          ['name', 'ascending'],
          ['name', 'descending'],
          ['serial', 'ascending'],
        ] as const) {
          const wanted = all.filter(
            (machine) => machine.state === state && prefixOf(machine.serial - 1).startsWith(community),
          )
          if (order === 'descending') wanted.reverse()
          const query = { state, sort, order, ...(community === '' ? {} : { community }) }
          for (const offset of [0, 3])
            expect(await network.machines.list({ ...query, offset, limit: 4 })).toMatchObject({
              total: wanted.length,
              items: wanted.slice(offset, offset + 4),
            })
        }
  })

  it('counts as expiring whatever the table has as that, also machines that are off, which renew nothing', async () => {
    await using network = await machinesOf(10, { seen: (number) => number > 7, online: [2] })
    const soon = 1_900_000_000 + 29 * 24 * 3600
    for (const number of [2, 3, 9])
      await network.store.write((writable) =>
        writable.run('UPDATE holder SET not_after = ? WHERE prefix = ?', soon, prefixOf(number)),
      )
    const { total, items } = await network.machines.list({ state: 'expiring' })
    expect(items.map(({ state }) => state)).toEqual(['expiring', 'never-seen', 'offline'])
    expect(await network.machines.countExpiring()).toBe(total)
  })

  // Each kind of database says in its own words how it finds rows.
  it.skipIf(DATABASE_KIND !== 'SQLite')(
    'counts those that end in an index, and reads no row of one that can be used for it',
    async () => {
      await using network = await machinesOf(3)
      const { sql } = statementsFor('sqlite').countHoldersEnding
      const steps = await network.store.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, 0, 1, 0, 1)
      expect(steps.map(({ detail }) => detail.replace(/ \(.*/, ''))).toEqual([
        'SEARCH holder USING COVERING INDEX holder_not_after',
        'SCALAR SUBQUERY 1',
        'SCAN holder USING INDEX holder_reason',
      ])
    },
  )

  it.each(['online', 'offline', 'never-seen', 'revoked'] as const)(
    'looks at no more machines, however many there are, for a page of those that are %s, in any order',
    async (state) => {
      const looks: number[] = []
      for (const certificates of [600, 1_800]) {
        await using network = await machinesOf(certificates, {
          seen: (number) => number % 3 !== 0,
          online: [2, 3],
          revoked: [6, 8],
        })
        for (const sort of MACHINE_SORT_KEYS)
          for (const order of ['ascending', 'descending'] as const) {
            const { items } = await network.machines.list({ state, sort, order, limit: 20 })
            expect(items.length).toBeGreaterThan(1)
          }
        looks.push(network.looks())
      }
      // Where those that are there, or revoked, are among others, they are looked at, too.
      expect(looks[1]).toBeLessThan(1.1 * (looks[0] ?? 0))
    },
  )

  it('counts those that were seen as they come and go, and nobody twice', async () => {
    await using network = await machinesOf(30, { seen: (number) => number < 20 })
    await network.store.write(async (writable) => {
      for (const date of [1, 2]) await writable.setNodeAddress({ prefix: prefixOf(25), addresses: '', date })
      await writable.deleteNodeAddress(prefixOf(0))
      await writable.deleteNodeAddress(prefixOf(29))
    })
    expect(await network.machines.counts()).toMatchObject({ offline: 20, 'never-seen': 10 })
  })

  it('is read within the community that is asked for, in search of a state, too', async () => {
    await using network = await machinesOf(1_500)
    const further = vi.spyOn(network.store, 'holdersAfter')
    // 16 to 31
    const community = '000000000001'
    const page = await network.machines.list({ community, state: 'never-seen', limit: 2, offset: 1 })
    expect(page).toMatchObject({ total: 16, items: [{ serial: 18 }, { serial: 19 }] })
    expect(further).not.toHaveBeenCalled()
  })

  it('finds all that are searched for, however many there are: by e-mail address, name and serial number', async () => {
    await using network = await machinesOf(11_000)
    const number = (serial: number) => (serial - 1).toString(2).padStart(BITS, '0')
    await network.store.write(async (writable) => {
      for (const [serial, name] of [
        [2, 'printer of 4711'],
        [4_712, 'Laptop'],
        [10_999, 'LAPTOP 2'],
      ] as const)
        await writable.setMachineName(number(serial), name)
      await writable.setHolder({
        ...{ prefix: '1'.repeat(BITS), email: 'Ann_B%@example.com', serial: 20_000, subject_serial: 20_000 },
        ...{ not_after: 2_000_000_000, reason: null },
      })
    })
    const found = async (search: string, community?: string) => {
      const query = { search, limit: 1_000, ...(community === undefined ? {} : { community }) }
      const { total, items } = await network.machines.list(query)
      expect(items).toHaveLength(Math.min(total, 1_000))
      return items.map(({ serial }) => serial)
    }
    expect(await found('laptop')).toEqual([4_712, 10_999])
    // Its number is in an address, is a serial number, and is in a name.
    expect(await found('4711')).toEqual([2, 4_711, 4_712])
    expect(await found('999@EXAMPLE')).toEqual([1_000])
    expect(await found('ann_b%')).toEqual([20_000])
    expect(await found('B%@exam')).toEqual([20_000])
    for (const nothing of ['a%e', '0_00@', '\\', "'", '%']) expect(await found(nothing)).toEqual([])
    // 1000 to 1009, of which the serials are in the first eighth.
    expect(await found('100', '0'.repeat(4))).toEqual([
      ...[100, 101],
      ...Array.from({ length: 10 }, (_, n) => 1_001 + n),
    ])
    expect(await found('laptop', '1')).toEqual([])
  })

  it('says so when more are found than are looked at, in any order', async () => {
    await using network = await machinesOf(11_000)
    for (const query of [{}, { sort: 'serial' }, { state: 'never-seen' }] as const)
      expect(await network.machines.list({ search: 'example.com', limit: 5, ...query })).toMatchObject({
        ...{ total: 1_000, isMore: true, items: { length: 5 } },
      })
    expect(await network.machines.list({ search: '1099', limit: 5 })).not.toHaveProperty('isMore')
  })

  it('finds a part wherever it is in an address or a name where there are not so many machines', async () => {
    await using network = await machinesOf(300)
    await network.store.write((writable) => writable.setMachineName(prefixOf(7), 'Schreibmaschine Büro'))
    const found = async (search: string) =>
      (await network.machines.list({ search, limit: 300 })).items.map(({ serial }) => serial)
    expect(await found('MASCHINE')).toEqual([8])
    expect(await found('BÜR')).toEqual([8])
    expect(await found('99@')).toEqual([100, 200, 300])
    expect(await found('example.com')).toHaveLength(300)
  })

  it('finds nobody by an address or a name of former times', async () => {
    await using network = await machinesOf(5_100)
    const found = async (search: string) =>
      (await network.machines.list({ search })).items.map(({ serial }) => serial)
    const prefix = prefixOf(7)
    const [row] = await network.store.all<HolderRow>('SELECT * FROM holder WHERE prefix = ?', prefix)
    if (!row) throw new Error('no row')
    await network.store.write(async (writable) => {
      await writable.setHolder({ ...row, email: 'new.one@example.net' })
      await writable.setMachineName(prefix, 'old printer')
      await writable.setMachineName(prefix, 'new printer')
    })
    expect(await found('one@exa')).toEqual([8])
    expect(await found('printer')).toEqual([8])
    expect(await found('new')).toEqual([8])
    for (const gone of ['7@example', 'old']) expect(await found(gone)).toEqual([])
    await network.store.write(async (writable) => {
      await writable.deleteHolder(prefix)
      await writable.setMachineName(prefix, undefined)
    })
    expect(await network.store.all('SELECT word FROM search_word WHERE prefix = ?', prefix)).toEqual([])
  })

  it('counts nobody among those it finds who is gone, and whose name is kept', async () => {
    await using network = await machinesOf(5_100)
    await network.store.write(async (writable) => {
      await writable.setMachineName(prefixOf(7), 'printer')
      await writable.setMachineName(prefixOf(8), 'printer 2')
      await writable.deleteHolder(prefixOf(7))
    })
    expect(await network.machines.list({ search: 'printer' })).toMatchObject({
      ...{ total: 1, items: [{ serial: 9 }] },
    })
  })

  it('finds who has a prefix of somebody whom a registry of an earlier version has removed', async () => {
    await using network = await machinesOf(5_100)
    const [row] = await network.store.all<HolderRow>('SELECT * FROM holder WHERE prefix = ?', prefixOf(7))
    if (!row) throw new Error('no row')
    await network.store.write(async (writable) => {
      // It knows of no words.
      await writable.run('DELETE FROM holder WHERE prefix = ?', row.prefix)
      await writable.setHolder(row)
    })
    expect(await network.machines.list({ search: '7@example' })).toMatchObject({ total: 1 })
  })

  it('reads no more of the database for a search, however many machines there are', async () => {
    const steps: unknown[] = []
    for (const certificates of [5_100, 12_000]) {
      await using network = await machinesOf(certificates)
      const all = vi.spyOn(network.store, 'all')
      const some = vi.spyOn(network.store, 'allIn')
      await network.machines.list({ search: 'example.com', limit: 50 })
      steps.push([all.mock.calls.length, some.mock.calls.map(([, values]) => values.length)])
      if (DATABASE_KIND !== 'SQLite') continue
      const [sql = '', ...parameters] = all.mock.calls.find(([text]) => text.includes('search_word')) ?? []
      const plan = await network.store.all<{ detail: string }>(`EXPLAIN QUERY PLAN ${sql}`, ...parameters)
      expect(plan.map(({ detail }) => detail).join()).toMatch(/^SEARCH search_word USING PRIMARY KEY[^,]*$/)
    }
    expect(steps[1]).toEqual(steps[0])
  })

  it('looks up where machines were seen of those on the page only, however many are found', async () => {
    await using network = await machinesOf(300)
    expect(await network.machines.list({ search: '@example', limit: 5 })).toMatchObject({ total: 300 })
    expect(network.looks()).toBe(5)
  })

  it('does not count what the registry cannot read', async () => {
    await using network = await machinesOf(30)
    await network.store.write((writable) =>
      writable.setHolder({
        prefix: '1'.repeat(BITS),
        email: null,
        serial: null,
        subject_serial: null,
        not_after: null,
        reason: 'it is no certificate',
      }),
    )
    expect((await network.machines.list({ limit: 5 })).total).toBe(30)
    expect((await network.machines.list({ state: 'never-seen', limit: 5 })).total).toBe(30)
  })

  it.each([...MACHINE_SORT_KEYS, undefined])(
    'computes what is on the page, however many there are: by %s',
    async (sort) => {
      const looks: number[] = []
      for (const certificates of [30, 1_500]) {
        await using network = await machinesOf(certificates)
        const page = await network.machines.list({ limit: 20, ...(sort === undefined ? {} : { sort }) })
        expect(page).toMatchObject({ total: certificates, items: { length: 20 } })
        looks.push(network.looks())
      }
      expect(looks[1]).toBe(looks[0])
    },
  )

  it.each(MACHINE_SORT_KEYS)('has its last pages as its first ones, from either end: by %s', async (sort) => {
    await using network = await machinesOf(30)
    for (const order of ['ascending', 'descending'] as const) {
      const { items: all } = await network.machines.list({ sort, order, limit: 30 })
      const paged: unknown[] = []
      for (let offset = 0; offset < 35; offset += 7)
        paged.push(...(await network.machines.list({ sort, order, offset, limit: 7 })).items)
      expect(paged).toEqual(all)
    }
  })

  it('counts machines as they come, change and go', async () => {
    await using network = await machinesOf(300)
    const total = async (community = '') => (await network.machines.list({ community, limit: 1 })).total
    expect(await total()).toBe(300)
    // 256 to 299; and 288 to 299, by more bits than are counted by
    expect([await total('00000001'), await total('00000001001')]).toEqual([44, 12])
    await network.store.write(async (writable) => {
      await writable.deleteHolder('0'.repeat(BITS))
      await writable.setHolder({
        ...{ prefix: '1'.repeat(BITS), email: null, serial: 999, subject_serial: 999, reason: null },
        not_after: 1_999_999_999,
      })
    })
    expect([await total(), await total('1'), await total('0')]).toEqual([300, 1, 299])
  })

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

it('what machines are found by is made of a database that is there, too, as it is kept', async () => {
  const database = await emptyDatabase({ isBare: true })
  const words = (store: Store) => store.all('SELECT * FROM search_word ORDER BY word, prefix, kind')
  let kept: unknown[] = []
  {
    await using earlier = await makeEarlier(database, '011-machine-versions')
    for (let number = 0; number < 1_100; number++)
      await earlier.run(
        'INSERT INTO holder VALUES ($1, $2, $3, $4, 1, NULL)',
        ...[prefixOf(number), number % 7 === 0 ? null : `Ann.${number}@Example.com`, number, number],
      )
    await earlier.run('INSERT INTO machine VALUES ($1, $2)', prefixOf(7), 'Büro 7')
  }
  {
    await using store = await openStore(database)
    kept = await words(store)
    expect(await store.prefixesOfWords('büro', 9)).toEqual([prefixOf(7)])
    expect(await store.prefixesOfWords('1098@', 9)).toEqual([prefixOf(1_098)])
    // As if they had come one after the other.
    await store.write(async (writable) => {
      const rows = await writable.all<HolderRow>('SELECT * FROM holder')
      for (const row of rows) await writable.deleteHolder(row.prefix)
      await writable.setMachineName(prefixOf(7), undefined)
      expect(await words(store)).toEqual(kept)
      expect(await writable.all('SELECT * FROM search_word')).toEqual([])
      for (const row of rows) await writable.setHolder(row)
      await writable.setMachineName(prefixOf(7), 'Büro 7')
    })
    expect(await words(store)).toEqual(kept)
  }
})

it('it is made also of texts that have many words', async () => {
  const place = await emptyDatabase({ isBare: true })
  {
    await using earlier = await makeEarlier(place, '011-machine-versions')
    for (let number = 0; number < 1_100; number++)
      await earlier.run(
        'INSERT INTO holder VALUES ($1, $2, $3, $4, 1, NULL)',
        ...[prefixOf(number), `a.b.c.d.e.f.g.h.i.j.k.l.m.${number}@n.o`, number, number],
      )
  }
  await using store = await openStore(place)
  expect(await store.prefixesOfWords('1099@n', 9)).toEqual([prefixOf(1_099)])
})
