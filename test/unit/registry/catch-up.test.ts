import { describe, expect, it } from 'vitest'
import { CatchUp } from '../../../src/registry/catch-up.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Store } from '../../../src/registry/database/store.ts'
import type { GeoIp } from '../../../src/registry/geoip.ts'
import { DATABASE_KIND, emptyDatabase } from '../../support/databases.ts'
import { makeEarlier, openEarlier } from '../../support/earlier-database.ts'
import { POSTGRES_TEST_MS, TestPostgres } from '../../support/postgres.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const prefixOf = (number: number): string => number.toString(2).padStart(16, '0')

/** All that is due, as at the start and once a minute. */
async function catchUp(store: Store, geoip?: GeoIp): Promise<void> {
  const clock = { ...steppedClock(), sleep: async () => {} }
  await using made = new CatchUp({ store, geoip, clock, log: silentLog })
  await made.round()
}

/** Two letters of a country for the first octet of an address. */
const geoipOf = (edition: string, countries: Readonly<Record<string, string>>): GeoIp => ({
  edition,
  locate: (address) => {
    const country = countries[address.split('.')[0] ?? '']
    return country === undefined ? undefined : { country, continent: '' }
  },
})

const listed = (store: Store) =>
  store.all('SELECT prefix, seen, country, is_located, version FROM listed_machine ORDER BY prefix')

describe('what machines are listed by', () => {
  it('is made of a database that is there as it is kept from then on, whoever writes', async () => {
    const database = await emptyDatabase({ isBare: true })
    const write = async (earlier: Awaited<ReturnType<typeof makeEarlier>>, from: number) => {
      for (let number = from; number < from + 6; number++)
        await earlier.run(
          'INSERT INTO holder (prefix, email, serial, subject_serial, not_after, reason) VALUES ($1, $2, $3, $4, 1, $5)',
          ...[prefixOf(number), `${number}@example.com`, number, number, number % 6 === 5 ? 'bad' : null],
        )
      for (const number of [from, from + 1, from + 5])
        await earlier.run(
          'INSERT INTO node_address (prefix, addresses, date) VALUES ($1, $2, $3)',
          ...[prefixOf(number), '1.0.2.1,1194,udp', 1_000 + number],
        )
      for (const number of [from + 1, from + 2, from + 5])
        await earlier.run('INSERT INTO machine_version VALUES ($1, $2)', prefixOf(number), 7)
    }
    {
      await using earlier = await makeEarlier(database, '012-search-words')
      await write(earlier, 0)
    }
    await using store = await openStore(database)
    await using earlier = openEarlier(database)
    await write(earlier, 12)
    const row = (number: number, seen: number, version: number) => ({
      ...{ prefix: prefixOf(number), seen, country: '', is_located: seen > 0 ? 0 : 1, version },
    })
    const rows = (from: number) => [
      row(from, 1_000 + from, -1),
      row(from + 1, 1_001 + from, 7),
      row(from + 2, 0, 7),
      row(from + 3, 0, -1),
      row(from + 4, 0, -1),
    ]
    expect(await listed(store)).toEqual([...rows(0), ...rows(12)])
    const counts = () => store.all('SELECT * FROM listed_version WHERE n <> 0 ORDER BY version')
    expect(await counts()).toEqual([
      { version: -1, n: 6 },
      { version: 7, n: 4 },
    ])
    await earlier.run('UPDATE machine_version SET version = 8 WHERE version = 7')
    await earlier.run('DELETE FROM machine_version WHERE prefix = $1', prefixOf(1))
    await earlier.run('DELETE FROM holder WHERE prefix = $1', prefixOf(2))
    await earlier.run('UPDATE holder SET reason = NULL WHERE prefix = $1', prefixOf(5))
    await earlier.run("UPDATE holder SET reason = 'bad' WHERE prefix = $1", prefixOf(4))
    await earlier.run('DELETE FROM node_address WHERE prefix = $1', prefixOf(0))
    await earlier.run('UPDATE node_address SET date = 5000')
    expect((await listed(store)).slice(0, 4)).toEqual([
      row(0, 0, -1),
      row(1, 5_000, -1),
      row(3, 0, -1),
      row(5, 5_000, 8),
    ])
    expect(await counts()).toEqual([
      { version: -1, n: 6 },
      { version: 8, n: 3 },
    ])
  })

  it('has the country of each address that was written down, by whomever, and as the present database of places says', async () => {
    const database = await emptyDatabase()
    await using store = await openStore(database)
    const countries = async () =>
      (await store.all<{ country: string }>('SELECT country FROM listed_machine ORDER BY prefix')).map(
        ({ country }) => country,
      )
    await store.write(async (writable) => {
      for (let number = 0; number < 450; number++) {
        await writable.setHolder({
          ...{ prefix: prefixOf(number), email: null, serial: number, subject_serial: number },
          ...{ not_after: 1, reason: null },
        })
        await writable.setNodeAddress({
          ...{ prefix: prefixOf(number), date: 1_000 },
          addresses: `${1 + (number % 3)}.0.2.1,1194,udp`,
        })
      }
    })
    const first = geoipOf('first', { 1: 'DE', 2: 'FR' })
    await catchUp(store)
    expect(new Set(await countries())).toEqual(new Set(['']))
    await catchUp(store, first)
    const all = Array.from({ length: 450 }, (_, number) => ['DE', 'FR', ''][number % 3])
    expect(await countries()).toEqual(all)
    {
      await using earlier = openEarlier(database)
      await earlier.run("UPDATE node_address SET addresses = '2.0.2.1,1,tcp' WHERE prefix = $1", prefixOf(0))
      await earlier.run('DELETE FROM node_address WHERE prefix = $1', prefixOf(1))
      // Nothing else of it has changed.
      await earlier.run('UPDATE node_address SET date = 2000 WHERE prefix = $1', prefixOf(3))
    }
    expect(await store.all('SELECT prefix FROM listed_machine WHERE is_located = 0')).toEqual([
      { prefix: prefixOf(0) },
    ])
    await catchUp(store, first)
    expect((await countries()).slice(0, 4)).toEqual(['FR', '', '', 'DE'])
    await catchUp(store, geoipOf('second', { 1: 'PL', 2: 'FR', 3: 'IT' }))
    expect((await countries()).slice(0, 6)).toEqual(['FR', '', 'IT', 'PL', 'FR', 'IT'])
  })
})

it('of two registries with other databases of places, each looks up all once, and not by turns for ever', async () => {
  await using store = await openStore(await emptyDatabase())
  const add = (number: number) =>
    store.write(async (writable) => {
      await writable.setHolder({
        ...{ prefix: prefixOf(number), email: null, serial: number, subject_serial: number },
        ...{ not_after: 1, reason: null },
      })
      const addresses = '1.0.2.1,1194,udp'
      await writable.setNodeAddress({ prefix: prefixOf(number), date: 1_000, addresses })
    })
  let looked = 0
  const started = (geoip: GeoIp) =>
    new CatchUp({
      ...{ store, log: silentLog, clock: { ...steppedClock(), sleep: async () => {} } },
      geoip: {
        ...geoip,
        locate: (address) => {
          looked++
          return geoip.locate(address)
        },
      },
    })
  await using one = started(geoipOf('first', { 1: 'DE' }))
  await using other = started(geoipOf('second', { 1: 'PL' }))
  for (let number = 0; number < 5; number++) await add(number)
  await one.round()
  await other.round()
  expect(new Set((await listed(store)).map((row) => (row as { country: string }).country))).toEqual(
    new Set(['PL']),
  )
  looked = 0
  for (let minute = 0; minute < 3; minute++) {
    await one.round()
    await other.round()
  }
  expect(looked).toBe(0)
  await add(5)
  await one.round()
  expect(await store.all('SELECT prefix FROM listed_machine WHERE is_located = 0')).toEqual([])
})

// A file has one process, of one version.
it.runIf(DATABASE_KIND === 'PostgreSQL')(
  'machines are found that a registry of an earlier version has added, changed or named, and none by what it has removed',
  async () => {
    const database = await emptyDatabase({ isBare: true })
    const add = (earlier: ReturnType<typeof openEarlier>, number: number, email: string) =>
      earlier.run(
        'INSERT INTO holder (prefix, email, serial, subject_serial, not_after) VALUES ($1, $2, $3, $4, 1)',
        ...[prefixOf(number), email, number, number],
      )
    {
      await using made = await makeEarlier(database, '012-search-words')
      await made.run('DELETE FROM holder')
      await using earlier = openEarlier(database)
      await add(earlier, 0, 'before@example.com')
    }
    await using store = await openStore(database)
    const found = (word: string) => store.prefixesOfWords(word, 9)
    await store.write(async (writable) => {
      for (const [number, email] of [
        [1, 'ann@example.com'],
        [2, 'bob@example.com'],
      ] as const)
        await writable.setHolder({
          ...{ prefix: prefixOf(number), email, serial: number, subject_serial: number, not_after: 1 },
          reason: null,
        })
      await writable.setMachineName(prefixOf(1), 'printer')
    })
    // Whoever keeps words leaves nothing to be done.
    expect(await store.all('SELECT prefix FROM word_due')).toEqual([{ prefix: prefixOf(0) }])
    {
      await using earlier = openEarlier(database)
      await add(earlier, 3, 'carl@example.com')
      await earlier.run('DELETE FROM holder WHERE prefix = $1', prefixOf(2))
      await add(earlier, 2, 'dora@example.com')
      await earlier.run("UPDATE machine SET name = 'laptop' WHERE prefix = $1", prefixOf(1))
      await earlier.run('UPDATE holder SET not_after = 2')
    }
    await catchUp(store)
    expect(await store.all('SELECT prefix FROM word_due')).toEqual([])
    for (const [word, number] of [
      ...[['before', 0] as const, ['ann', 1] as const, ['laptop', 1] as const],
      ...[['carl', 3] as const, ['dora', 2] as const],
    ])
      expect(await found(word), word).toEqual([prefixOf(number)])
    for (const gone of ['bob', 'printer']) expect(await found(gone), gone).toEqual([])
    expect(await found('example')).toHaveLength(4)
  },
)

// SQLite has one encoding.
it.runIf(DATABASE_KIND === 'PostgreSQL')(
  'a database of another encoding, which a registry of an earlier version has made, is searched; what it cannot have is not found',
  async () => {
    await using postgres = await TestPostgres.start()
    await postgres.query(
      "CREATE DATABASE latin ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0",
    )
    const url = postgres.url.replace(/postgres$/, 'latin')
    await (await makeEarlier(url, '012-search-words'))[Symbol.asyncDispose]()
    await using store = await openStore(url)
    await store.write(async (writable) => {
      for (const [number, name] of ['Büro', 'Bürgermeister', 'Buch'].entries())
        await writable.setMachineName(prefixOf(number), name)
    })
    expect(await store.prefixesOfWords('bür', 9)).toEqual([prefixOf(1), prefixOf(0)])
    expect(await store.prefixesOfWords('bü', 9)).toEqual([prefixOf(1), prefixOf(0)])
    for (const nowhere of ['ł', 'büł', '€', '名']) expect(await store.prefixesOfWords(nowhere, 9)).toEqual([])
  },
  POSTGRES_TEST_MS,
)
