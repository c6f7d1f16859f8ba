import { expect, it } from 'vitest'
import { ONE_COMMUNITY } from '../../../../src/core/allocation/community.ts'
import { readAuthority } from '../../../../src/core/crypto/certificate.ts'
import { parseAddressList } from '../../../../src/core/values/address-list.ts'
import { MACHINE_SORT_KEYS } from '../../../../src/core/values/machine-sort-keys.ts'
import { MACHINE_STATES } from '../../../../src/core/values/machine-states.ts'
import { type Prefix, prefixOfBits } from '../../../../src/core/values/prefix.ts'
import { Machines } from '../../../../src/registry/api/machines.ts'
import type { Machine, MachineQuery } from '../../../../src/registry/api/schemas/machines.ts'
import { CatchUp } from '../../../../src/registry/catch-up.ts'
import type { Store } from '../../../../src/registry/database/store.ts'
import { Ledger } from '../../../../src/registry/ledger.ts'
import { emptyStore } from '../../../support/databases.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'
import { vectors } from '../../../support/vectors.ts'

const authority = readAuthority(vectors<{ ca: string }>('pki.json').ca)
const NOW = 1_900_000_000
const DAY = 24 * 3600
const BITS = 16
const MACHINES = 90
const COUNTRIES = ['DE', 'FR', 'IT']
const COMMUNITY = '00000000001'
const PRESENT_VERSION = 2

const prefixOf = (number: number): Prefix => prefixOfBits(number.toString(2).padStart(BITS, '0'))
/** Where the first octet of an address says the country. */
const geoip = {
  edition: 'one',
  locate: (address: string) => {
    const country = COUNTRIES[Number(address.split('.')[0]) - 1]
    return country === undefined ? undefined : { country, continent: 'EU' }
  },
}

/** What is known here of some of them, and not in the database. */
const SEEN_JUST_NOW = [5, 17, 44, 70, 71]
const ONLINE = [3, 4, 17, 50, 62, 80]
const REVOKED = [8, 30, 51]
const VERSIONS: Readonly<Record<number, string>> = {
  3: '0.1.0',
  4: '9.9.9',
  17: '0.0.1',
  50: '9.9.9',
  20: '0.2.0',
}

/** Machines of which every third was never seen; many are the same in something. */
async function fill(store: Store): Promise<void> {
  await store.write(async (writable) => {
    for (let number = 0; number < MACHINES; number++) {
      await writable.setHolder({
        ...{ prefix: prefixOf(number), serial: 1_000 - number, subject_serial: number, reason: null },
        email: number % 4 === 0 ? null : `${number % 5}@example.com`,
        not_after: NOW + (number % 7 === 0 ? 10 : 100) * DAY,
      })
      if (number % 3 !== 0)
        await writable.setNodeAddress({
          prefix: prefixOf(number),
          addresses: `${(number % 5) + 1}.0.2.1,1194,udp`,
          date: NOW - (number % 6) * DAY,
        })
    }
    await writable.setHolder({
      ...{ prefix: '1'.repeat(BITS), email: 'x@example.com', serial: 1, subject_serial: 999 },
      ...{ not_after: NOW + DAY, reason: 'it cannot be read' },
    })
    for (const number of REVOKED) await writable.addToCrl(1_000 - number, NOW + 1_000 * DAY)
  })
}

async function machinesOf(store: Store): Promise<Machines> {
  if (!authority.ok) throw new Error(authority.reason)
  const { network } = authority.value
  await fill(store)
  {
    const clock = { ...steppedClock(), sleep: async () => {} }
    await using catchUp = new CatchUp({ store, geoip, clock, log: silentLog })
    await catchUp.round()
  }
  const online = new Set(ONLINE.map(prefixOf))
  const unwritten = SEEN_JUST_NOW.map((number) => ({
    ...{ prefix: prefixOf(number), seenMs: NOW * 1000 - number, isPerhapsNew: true },
  }))
  const information = new Map(
    Object.entries(VERSIONS).map(([number, version]) => [
      prefixOf(Number(number)),
      { version, platform: 'Linux' },
    ]),
  )
  return new Machines({
    said: { version: () => PRESENT_VERSION, save: async () => {} },
    ...{ store, network, geoip, communities: ONE_COMMUNITY, ledger: new Ledger(store, network.length) },
    watch: {
      isOnline: (prefix) => online.has(prefix),
      online: () => [...online],
      information: (prefix) => information.get(prefix),
      informed: () => information,
      look: async () => {},
      tunnelsOf: () => [],
      route: () => [],
    },
    known: {
      lookUp: async (prefixes) => {
        const rows = await store.allIn<{ prefix: string; addresses: string; date: number }>(
          'SELECT * FROM node_address WHERE prefix IN ?',
          prefixes,
        )
        const seen = new Map(
          rows.map(({ prefix, addresses, date }) => [
            prefixOfBits(prefix),
            { addresses: parseAddressList(addresses).addresses, seenMs: date * 1000 },
          ]),
        )
        for (const { prefix, seenMs } of unwritten)
          seen.set(prefix, { addresses: seen.get(prefix)?.addresses ?? [], seenMs })
        return seen
      },
      count: async () => (await store.countNodeAddresses()) + SEEN_JUST_NOW.filter((n) => n % 3 === 0).length,
      unwritten: () => unwritten,
    },
    localNode: { askWay: async () => 'no answer' },
    registryPrefix: () => undefined,
    clock: { now: () => NOW * 1000 },
  })
}

/** All pages of a query, of so many each, as one is led from each to the next. */
async function pagesOf(machines: Machines, query: MachineQuery, limit: number) {
  const serials: number[] = []
  const totals = new Set<number>()
  for (let after: string | undefined; ; ) {
    const page = await machines.list({ ...query, limit, ...(after === undefined ? {} : { after }) })
    serials.push(...page.items.map(({ serial }) => serial))
    totals.add(page.total)
    expect(page).not.toHaveProperty('isTotalAtLeast')
    if (page.next === undefined) return { serials, totals: [...totals] }
    expect(page.items).toHaveLength(limit)
    after = page.next
  }
}

type SortKey = (typeof MACHINE_SORT_KEYS)[number]

/** In seconds: what comes in the same one is the same. */
const seconds = (time: string | undefined) => Math.floor(Date.parse(time ?? '1970-01-01T00:00:00Z') / 1000)

const keyOf = (machine: Machine, sort: SortKey): string | number => {
  switch (sort) {
    case 'name':
      return Number(machine.name.split('/')[0])
    case 'country':
      return machine.place.country ?? ''
    case 'lastSeen':
      return seconds(machine.lastSeen)
    default:
      return machine[sort] ?? ''
  }
}

const compared = (one: string | number, other: string | number) => (one < other ? -1 : Number(one > other))

it('lists of machines have all that is wanted, once, in the order that is asked for, whatever is', async () => {
  await using store = await emptyStore()
  const machines = await machinesOf(store)
  const all = await pageOfAll(machines)
  expect(all).toHaveLength(MACHINES)
  for (const state of [undefined, ...MACHINE_STATES])
    for (const community of [undefined, COMMUNITY])
      for (const country of [undefined, 'FR'])
        for (const sort of MACHINE_SORT_KEYS)
          for (const order of ['ascending', 'descending'] as const) {
            const isWanted = (machine: Machine) =>
              (state === undefined ||
                machine.state === state ||
                (state === 'expiring' && Date.parse(machine.notAfter) < (NOW + 30 * DAY) * 1000)) &&
              (country === undefined || machine.place.country === country) &&
              (community === undefined || prefixOf(1_000 - machine.serial).startsWith(community))
            const sign = order === 'ascending' ? 1 : -1
            const wanted = all
              .filter(isWanted)
              .sort(
                (one, other) =>
                  sign *
                  (compared(keyOf(one, sort), keyOf(other, sort)) ||
                    compared(keyOf(one, 'name'), keyOf(other, 'name'))),
              )
              .map(({ serial }) => serial)
            const query: MachineQuery = {
              ...{ sort, order },
              ...(state === undefined ? {} : { state }),
              ...(community === undefined ? {} : { community }),
              ...(country === undefined ? {} : { country }),
            }
            const name = JSON.stringify(query)
            expect(await pagesOf(machines, query, 11), name).toEqual({
              ...{ serials: wanted, totals: [wanted.length] },
            })
            for (const offset of [5, Math.max(0, wanted.length - 3), wanted.length]) {
              const { items } = await machines.list({ ...query, offset, limit: 4 })
              expect(
                items.map(({ serial }) => serial),
                `${name} from ${offset}`,
              ).toEqual(wanted.slice(offset, offset + 4))
            }
          }
})

it('lists of machines have those that have said what is asked for, in all orders and beside all else, but none whose certificate has ended', async () => {
  await using store = await emptyStore()
  const machines = await machinesOf(store)
  await store.write(async (writable) => {
    for (let number = 0; number < MACHINES; number++) {
      const prefix = prefixOf(number)
      if (number % 3 > 0) await writable.run('INSERT INTO machine_version VALUES (?, ?)', prefix, number % 3)
      if (number % 4 > 0)
        await writable.run(
          'INSERT INTO machine_authority VALUES (?, ?)',
          ...[prefix, `${number % 4}`.repeat(64)],
        )
      if (number % 5 > 0)
        await writable.run(
          'INSERT INTO machine_software VALUES (?, ?, ?, ?)',
          ...[prefix, number % 5 === 4 ? 10 : number % 5, number % 5 === 4 ? 'own' : 'python', '0.1'],
        )
      if (number % 11 === 0)
        await writable.run('UPDATE holder SET not_after = ? WHERE prefix = ?', NOW - DAY, prefix)
    }
  })
  const said: readonly (readonly [MachineQuery, (number: number) => boolean])[] = [
    [{ configuration: 'behind' }, (number) => number % 3 < PRESENT_VERSION],
    [{ authority: 'unknown' }, (number) => number % 4 === 0],
    [{ authority: `sha256:${Array(32).fill('22').join(':')}` }, (number) => number % 4 === 2],
    [{ protocolBelow: 3 }, (number) => number % 5 === 1 || number % 5 === 2],
    [{ implementation: 'python' }, (number) => number % 5 > 0 && number % 5 < 4],
    [{ subjectSerialFrom: 64 }, (number) => number >= 64],
    [
      { configuration: 'behind', implementation: 'own', subjectSerialFrom: 10 },
      (number) => number % 3 < PRESENT_VERSION && number % 5 === 4 && number >= 10,
    ],
  ]
  for (const [query, isSaid] of said)
    for (const other of [
      {},
      ...MACHINE_STATES.map((state) => ({ state })),
      ...[{ country: 'FR' }, { community: COMMUNITY }, { search: '1@' }],
    ] as const)
      for (const sort of MACHINE_SORT_KEYS)
        for (const order of ['ascending', 'descending'] as const) {
          const beside = await pagesOf(machines, { ...other, sort, order }, 100)
          const wanted = beside.serials.filter((serial) => {
            const number = 1_000 - serial
            return isSaid(number) && number % 11 !== 0
          })
          const name = JSON.stringify({ ...query, ...other, sort, order })
          expect(await pagesOf(machines, { ...query, ...other, sort, order }, 7), name).toEqual({
            ...{ serials: wanted, totals: [wanted.length] },
          })
        }
})

async function pageOfAll(machines: Machines): Promise<readonly Machine[]> {
  return (await machines.list({ limit: 1_000 })).items
}
