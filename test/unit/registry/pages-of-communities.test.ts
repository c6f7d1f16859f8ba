import { expect, it, vi } from 'vitest'
import type { Store } from '../../../src/registry/database/store.ts'
import type { ListFilter } from '../../../src/registry/list-filter.ts'
import { ListedMachines, type ListOrder, type Place } from '../../../src/registry/listed-machines.ts'
import { emptyStore } from '../../support/databases.ts'

interface TestMachine {
  readonly prefix: string
  readonly email: string | null
  readonly serial: number
  readonly not_after: number
  readonly seen: number
  readonly country: string
}

/** More than are sorted, in several heads, the latest in the last ones; in one head, more than are sorted, too. */
const MACHINES: readonly TestMachine[] = Array.from({ length: 6_000 }, (_, number) => {
  const last = `11${(number % 5).toString(2).padStart(3, '0')}000`
  const head = number < 1_000 ? '00000001' : number < 5_000 ? '10000000' : last
  const place = ((number * 7_919) % 8_192).toString(2).padStart(13, '0')
  return {
    prefix: `${head}${place}`,
    email: number % 4 === 0 ? null : `${number % 50}@example.com`,
    serial: 10_000 + number,
    not_after: 2_000_000_000 + Math.floor(number / 9),
    seen: number % 3 === 0 ? 0 : 1_900_000_000 + number,
    country: ['', 'DE', 'FR'][number % 3] ?? '',
  }
})
const BATCH = 100

async function fill(store: Store): Promise<void> {
  await store.write(async (writable) => {
    for (let at = 0; at < MACHINES.length; at += BATCH) {
      const some = MACHINES.slice(at, at + BATCH)
      const rows = (columns: number) => some.map(() => `(${Array(columns).fill('?').join(', ')})`).join(', ')
      await writable.run(
        `INSERT INTO holder (prefix, email, serial, subject_serial, not_after) VALUES ${rows(5)}`,
        ...some.flatMap(({ prefix, email, serial, not_after }) => [prefix, email, serial, serial, not_after]),
      )
      for (const { prefix, seen, country } of some)
        await writable.run(
          'UPDATE listed_machine SET seen = ?, country = ? WHERE prefix = ?',
          ...[seen, country, prefix],
        )
    }
  })
}

type Column = keyof TestMachine & ListOrder['column']

const keyOf = (machine: TestMachine, column: Column): string | number => machine[column] ?? ''

/** As a list is, by looking at all. */
const expected = (
  within: string,
  { column, isDescending }: ListOrder & { readonly column: Column },
): string[] => {
  const sign = isDescending ? -1 : 1
  return MACHINES.filter(({ prefix }) => prefix.startsWith(within))
    .sort((one, other) => {
      const [first, second] = [keyOf(one, column), keyOf(other, column)]
      if (first !== second) return first < second ? -sign : sign
      return one.prefix < other.prefix ? -sign : sign
    })
    .map(({ prefix }) => prefix)
}

it('the machines of a community are all listed, once, in whatever order, a page at a time', async () => {
  await using store = await emptyStore()
  await fill(store)
  const listed = new ListedMachines(store)
  const columns = ['prefix', 'seen', 'country', 'email', 'serial', 'not_after'] as const
  // Some heads, one head, a part of one, all, and so few that they are sorted.
  for (const within of ['1', '10000000', '1000000000', '', '11'])
    for (const column of columns)
      for (const isDescending of [false, true]) {
        const order = { column, isDescending }
        const all = expected(within, order)
        const listedSo: string[] = []
        for (let after: Place | undefined; ; ) {
          const page = await listed.part({ within }, order, { after, limit: 900 })
          listedSo.push(...page.map(({ prefix }) => prefix))
          after = page.at(-1)
          if (page.length < 900) break
        }
        expect(listedSo, `${within} by ${column}`).toEqual(all)
        for (const offset of [0, 40, 2_000]) {
          const page = await listed.part({ within }, order, { limit: 20, offset })
          expect(page.map(({ prefix }) => prefix)).toEqual(all.slice(offset, offset + 20))
        }
      }
})

it('of more than are sorted, the first that something is to be known of are read in the order that they are found in', async () => {
  await using store = await emptyStore()
  await fill(store)
  const read = vi.spyOn(store, 'all')
  const listed = new ListedMachines(store)
  const first = async (filter: Partial<ListFilter>, column: ListOrder['column']) =>
    (
      await listed.part(
        { within: '', endsAfter: 2_000_000_050, ...filter },
        { column, isDescending: false },
        { limit: 3 },
      )
    ).map(({ prefix }) => prefix)
  // Of nine each, the certificates end in one second.
  expect(await first({ subjectSerialFrom: 10_100 }, 'subject_serial')).toEqual(
    MACHINES.slice(459, 462).map(({ prefix }) => prefix),
  )
  await store.write((writable) => writable.run("UPDATE listed_machine SET protocol = 6 WHERE prefix >= '1'"))
  expect(await first({ protocolBelow: 7 }, 'protocol')).toEqual(
    expected('1', { column: 'prefix', isDescending: false }).slice(0, 3),
  )
  // SQLite would say that the index is not of use for it.
  if (!store.isShared)
    for (const index of ['holder_subject_serial', 'listed_protocol'])
      expect(
        read.mock.calls
          .map(([text]) => text)
          .filter((text) => text.includes(`INDEXED BY ${index}`) && text.includes('AS place')),
      ).toHaveLength(1)
})
