import { expect, it } from 'vitest'
import { packInteger } from '../../../src/core/values/packed-integer.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Store } from '../../../src/registry/database/store.ts'
import { followedBy } from '../../../src/registry/followed.ts'
import { Followers } from '../../../src/registry/followers.ts'
import { emptyDatabase } from '../../support/databases.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const version = (number: bigint) => packInteger(number)
const followersOf = (store: Store, { isShared = false, clock = steppedClock() } = {}) =>
  new Followers({
    store: { isShared, allIn: store.allIn.bind(store), write: store.write.bind(store) },
    ...{ clock, log: silentLog },
  })

it('who has asked for a version is known, or for a newer one, and nothing of who has not asked', async () => {
  await using store = await openStore(await emptyDatabase())
  const followers = followersOf(store)
  followers.heardOf('00', version(2n))
  followers.heardOf('01', version(3n))
  expect([1n, 2n, 3n].map((number) => followers.hasVersion('00', version(number)))).toEqual([
    true,
    true,
    false,
  ])
  expect(followers.hasVersion('10', version(1n))).toBe(false)
  expect(await followers.behind(['00', '01', '10'], version(2n))).toEqual(['10'])
  expect(await followers.behind(['00', '01', '10'], version(3n))).toEqual(['00', '10'])
})

it('it is known when the registry is started again, also of who has asked for an older one since', async () => {
  await using store = await openStore(await emptyDatabase())
  const before = followersOf(store)
  before.heardOf('00', version(2n))
  before.heardOf('01', version(200n))
  await before.save()
  const after = followersOf(store)
  after.heardOf('01', version(3n))
  expect(await after.behind(['00', '01'], version(2n))).toEqual([])
  expect(await after.behind(['00', '01'], version(4n))).toEqual(['00', '01'])
})

it('it is written soon, without anybody asking for it', async () => {
  await using store = await openStore(await emptyDatabase())
  const clock = steppedClock()
  followersOf(store, { clock }).heardOf('00', version(2n))
  await clock.pass(10_000)
  await expect.poll(() => store.all('SELECT * FROM machine_version')).toEqual([{ prefix: '00', version: 2 }])
})

it('what another process was asked for is known, and a prefix that has another machine has asked for nothing', async () => {
  await using store = await openStore(await emptyDatabase())
  const clock = steppedClock()
  const [one, other] = [
    followersOf(store, { isShared: true, clock }),
    followersOf(store, { isShared: true, clock }),
  ]
  other.heardOf('00', version(2n))
  other.heardOf('01', version(2n))
  await other.save()
  expect(await one.behind(['00', '01', '10'], version(2n))).toEqual(['10'])
  one.forget('00')
  expect(one.hasVersion('00', version(1n))).toBe(false)
})

it('a new machine that another process has enrolled is heard here, though the one before with its prefix was', async () => {
  await using store = await openStore(await emptyDatabase())
  const followers = followersOf(store, { isShared: true })
  followers.heardOf('00', version(2n))
  await followers.save()
  await store.write((writable) => writable.run('DELETE FROM machine_version'))
  followers.heardOf('00', version(2n))
  expect(await followers.behind(['00'], version(2n))).toEqual([])
})

it('many are written together, and counted by what they have asked for last', async () => {
  await using store = await openStore(await emptyDatabase())
  const prefixes = Array.from({ length: 250 }, (_, number) => number.toString(2).padStart(8, '0'))
  await store.write(async (writable) => {
    for (const [serial, prefix] of prefixes.entries())
      await writable.setHolder({
        ...{ prefix, email: null, serial, subject_serial: serial, reason: null },
        not_after: serial < 10 ? 100 : 10_000,
      })
  })
  const followers = followersOf(store)
  const of = (number: number, named = 3) =>
    followedBy(store, { version: number, endedBy: 100, ended: 10, machines: 250, named })
  expect(await of(1)).toEqual({ following: 0, behind: 240, names: prefixes.slice(-3).reverse() })
  for (const prefix of prefixes.slice(5)) followers.heardOf(prefix, version(1n))
  await followers.save()
  // Of the first ten, the certificates have ended.
  expect(await of(1)).toEqual({ following: 240, behind: 0, names: [] })
  for (const prefix of prefixes.slice(0, 248)) followers.heardOf(prefix, version(2n))
  await followers.save()
  expect(await of(2)).toEqual({ following: 238, behind: 2, names: prefixes.slice(-2).reverse() })
  await store.write((writable) => writable.deleteHolder(prefixes[249] ?? ''))
  expect(
    await followedBy(store, { version: 2, endedBy: 100, ended: 10, machines: 249, named: 3 }),
  ).toMatchObject({
    ...{ following: 238, behind: 1 },
  })
})

it('what could not be read is read by the next question', async () => {
  await using store = await openStore(await emptyDatabase())
  const before = followersOf(store)
  before.heardOf('00', version(2n))
  await before.save()
  let isBroken = true
  const after = new Followers({
    store: {
      isShared: false,
      allIn: async <Row>(...asked: Parameters<Store['allIn']>): Promise<Row[]> => {
        if (isBroken) throw new Error('SQLITE_IOERR')
        return store.allIn<Row>(...asked)
      },
      write: store.write.bind(store),
    },
    ...{ clock: steppedClock(), log: silentLog },
  })
  await expect(after.behind(['00'], version(2n))).rejects.toThrow('SQLITE_IOERR')
  isBroken = false
  expect(await after.behind(['00'], version(2n))).toEqual([])
})

it('what is being written while it is read is not forgotten', async () => {
  await using store = await openStore(await emptyDatabase())
  let goOn = () => {}
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const followers = new Followers({
    store: {
      isShared: false,
      allIn: store.allIn.bind(store),
      write: async (...asked) => {
        await held
        return store.write(...asked)
      },
    },
    ...{ clock: steppedClock(), log: silentLog },
  })
  followers.heardOf('00', version(2n))
  const saved = followers.save()
  const behind = followers.behind(['00'], version(2n))
  setImmediate(goOn)
  await saved
  expect(await behind).toEqual([])
})
