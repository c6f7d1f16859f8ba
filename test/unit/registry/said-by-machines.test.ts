import { expect, it } from 'vitest'
import { packInteger } from '../../../src/core/values/packed-integer.ts'
import type { Store } from '../../../src/registry/database/store.ts'
import { Followers } from '../../../src/registry/followers.ts'
import { MachineSoftware } from '../../../src/registry/machine-software.ts'
import { SaidByMachines, type SaidComponents } from '../../../src/registry/said-by-machines.ts'
import { emptyStore } from '../../support/databases.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const OWN = 're6stnet/0.1.0 protocol/10'
const PRESENT = 'a'.repeat(64)
const OTHER = 'b'.repeat(64)

const componentsOf = (store: Store, clock = steppedClock()) => ({ store, clock, log: silentLog })

const authoritiesOf = (components: SaidComponents) =>
  new SaidByMachines<string>(components, {
    what: 'who has which authority',
    ...{ table: 'machine_authority', columns: ['fingerprint'] },
    rowOf: (fingerprint) => [fingerprint],
  })

const hold = (store: Store, prefix: string) =>
  store.write((writable) =>
    writable.setHolder({
      ...{ prefix, email: null, serial: Number.parseInt(`1${prefix}`, 2), subject_serial: 0, reason: null },
      not_after: 10_000,
    }),
  )

/** What machines are listed by is marked here: a change of it is made by triggers that have seen a row. */
const mark = (store: Store) =>
  store.write((writable) =>
    writable.run("UPDATE listed_machine SET version = 7, authority = 'marked', software = 'marked'"),
  )
const listed = async (store: Store) =>
  (
    await store.all<{ version: number; authority: string; software: string }>(
      'SELECT version, authority, software FROM listed_machine ORDER BY prefix',
    )
  ).map(({ version, authority, software }) => [Number(version), authority, software])

it('what a machine says again changes no row, in a process that has not heard it before', async () => {
  await using store = await emptyStore()
  await hold(store, '00')
  const say = async (fingerprint: string, version: bigint, agent: string) => {
    const components = componentsOf(store)
    await using authorities = authoritiesOf(components)
    await using followers = new Followers(components)
    await using software = new MachineSoftware(components)
    authorities.heard('00', fingerprint)
    followers.heardOf('00', packInteger(version))
    software.heard('00', 10, agent)
  }
  await say(PRESENT, 1n, OWN)
  expect(await listed(store)).toEqual([[1, PRESENT.slice(0, 16), 'own']])
  await mark(store)
  await say(PRESENT, 1n, OWN)
  expect(await listed(store)).toEqual([[7, 'marked', 'marked']])
  await say(OTHER, 2n, 're6stnet/0-635')
  expect(await listed(store)).toEqual([[2, OTHER.slice(0, 16), 'python']])
})

it('a machine whose prefix a registry frees and gives away that knows of no software is not listed with what the one before ran', async () => {
  await using store = await emptyStore()
  await hold(store, '00')
  await using software = new MachineSoftware(componentsOf(store))
  software.heard('00', 10, OWN)
  await software.save()
  await store.write((writable) => writable.run("DELETE FROM holder WHERE prefix = '00'"))
  await hold(store, '00')
  expect(await store.all('SELECT protocol, software FROM listed_machine')).toEqual([
    { protocol: 0, software: '' },
  ])
  expect(await software.of(['00'])).toEqual(new Map())
})

it('what cannot be written is read on without, and written later by itself', async () => {
  await using store = await emptyStore()
  await hold(store, '00')
  const clock = steppedClock()
  let isFull = true
  const write: Store['write'] = (work, options) =>
    isFull ? Promise.reject(new Error('the disk is full')) : store.write(work, options)
  await using software = new MachineSoftware({
    ...componentsOf(store, clock),
    store: { isShared: store.isShared, allIn: store.allIn.bind(store), write },
  })
  software.heard('00', 10, OWN)
  expect(await software.of(['00'])).toEqual(new Map())
  await clock.pass(10_000)
  isFull = false
  await clock.pass(10_000)
  await expect.poll(() => store.all('SELECT software FROM machine_software')).toEqual([{ software: 'own' }])
})
