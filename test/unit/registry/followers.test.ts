import { expect, it } from 'vitest'
import { packInteger } from '../../../src/core/values/packed-integer.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Store } from '../../../src/registry/database/store.ts'
import { Followers } from '../../../src/registry/followers.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const version = (number: bigint) => packInteger(number)
const followersOf = (store: Store, { isShared = false, clock = steppedClock() } = {}) =>
  new Followers({
    store: { isShared, all: store.all.bind(store), write: store.write.bind(store) },
    ...{ clock, log: silentLog },
  })

it('who has asked for a version is known, or for a newer one, and nothing of who has not asked', async () => {
  await using store = await openStore(':memory:')
  const followers = followersOf(store)
  followers.heardOf('00', version(2n))
  followers.heardOf('01', version(3n))
  expect([1n, 2n, 3n].map((number) => followers.hasVersion('00', version(number)))).toEqual([
    true,
    true,
    false,
  ])
  expect(followers.hasVersion('10', version(1n))).toBe(false)
  expect(followers.of(version(2n))).toEqual(['00', '01'])
  expect(followers.of(version(3n))).toEqual(['01'])
})

it('it is known when the registry is started again, also of who has asked for an older one since', async () => {
  await using store = await openStore(':memory:')
  const before = followersOf(store)
  before.heardOf('00', version(2n))
  before.heardOf('01', version(200n))
  await before.save()
  const after = followersOf(store)
  after.heardOf('01', version(3n))
  await after.read()
  expect(after.of(version(2n)).toSorted()).toEqual(['00', '01'])
  expect(after.of(version(4n))).toEqual([])
})

it('it is written soon, without anybody asking for it', async () => {
  await using store = await openStore(':memory:')
  const clock = steppedClock()
  followersOf(store, { clock }).heardOf('00', version(2n))
  await clock.pass(10_000)
  expect(await store.all('SELECT * FROM machine_version')).toEqual([{ prefix: '00', version: 2 }])
})

it('what another process was asked for is known, and a prefix that has another machine has asked for nothing', async () => {
  await using store = await openStore(':memory:')
  const clock = steppedClock()
  const [one, other] = [
    followersOf(store, { isShared: true, clock }),
    followersOf(store, { isShared: true, clock }),
  ]
  await one.read()
  other.heardOf('00', version(2n))
  other.heardOf('01', version(2n))
  await other.save()
  await clock.pass(10_000)
  await one.read()
  expect(one.of(version(2n)).toSorted()).toEqual(['00', '01'])
  one.forget('00')
  expect(one.hasVersion('00', version(1n))).toBe(false)
})

it('what could not be read is read by the next question', async () => {
  await using store = await openStore(':memory:')
  const before = followersOf(store)
  before.heardOf('00', version(2n))
  await before.save()
  let isBroken = true
  const after = new Followers({
    store: {
      isShared: false,
      all: async (...asked) => {
        if (isBroken) throw new Error('SQLITE_IOERR')
        return store.all(...asked)
      },
      write: store.write.bind(store),
    },
    ...{ clock: steppedClock(), log: silentLog },
  })
  await expect(after.read()).rejects.toThrow('SQLITE_IOERR')
  isBroken = false
  await after.read()
  expect(after.of(version(2n))).toEqual(['00'])
})

it('what is being written while it is read is not forgotten', async () => {
  await using store = await openStore(':memory:')
  let goOn = () => {}
  const held = new Promise<void>((resolve) => {
    goOn = resolve
  })
  const followers = new Followers({
    store: {
      isShared: false,
      all: store.all.bind(store),
      write: async (...asked) => {
        await held
        return store.write(...asked)
      },
    },
    ...{ clock: steppedClock(), log: silentLog },
  })
  followers.heardOf('00', version(2n))
  const saved = followers.save()
  const read = followers.read()
  setImmediate(goOn)
  await Promise.all([saved, read])
  expect(followers.of(version(2n))).toEqual(['00'])
})
