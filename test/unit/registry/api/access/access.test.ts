import { describe, expect, it } from 'vitest'
import {
  administrators,
  changeAdministrator,
  checkPassword,
  mayDo,
  removeAdministrator,
  setAdministrator,
} from '../../../../../src/registry/api/access/administrators.ts'
import { BearerTokens } from '../../../../../src/registry/api/access/bearer-tokens.ts'
import { isPassword } from '../../../../../src/registry/api/access/password.ts'
import { isCsrfToken, Sessions } from '../../../../../src/registry/api/access/sessions.ts'
import { SignInLimits } from '../../../../../src/registry/api/access/sign-in-limits.ts'
import { verifyAudit } from '../../../../../src/registry/api/audit-log.ts'
import type { Store } from '../../../../../src/registry/database/store.ts'
import { emptyStore } from '../../../../support/databases.ts'
import { fc, test } from '../../../../support/property.ts'

const START_MS = 1_800_000_000_000
const MINUTE_MS = 60_000
const HOUR_MS = 60 * MINUTE_MS
const actor = { name: 'root', from: undefined }
const ann = { name: 'ann', role: 'administer', password: 'correct horse battery' } as const

const heldClock = () => {
  const clock = { ms: START_MS, now: () => clock.ms }
  return clock
}
/** Of property tests: to open one takes longer than all else. */
const shared = await emptyStore({ isShared: true })

describe('administrators', () => {
  it('are told apart by name and password, which is stored as a hash', async () => {
    await using store = await emptyStore()
    await setAdministrator(store, actor, ann, START_MS)
    expect(await checkPassword(store, 'ann', ann.password)).toMatchObject({ name: 'ann', role: 'administer' })
    expect(await checkPassword(store, 'ann', 'correct horse batterx')).toBeUndefined()
    expect(await checkPassword(store, 'bob', ann.password)).toBeUndefined()
    expect(JSON.stringify(await store.all('SELECT * FROM admin'))).not.toContain('correct')
    expect(await verifyAudit(store)).toMatchObject({ entries: 1 })
  })

  it('who is changed or removed is not signed in any more', async () => {
    await using store = await emptyStore()
    const sessions = new Sessions(store, heldClock())
    await setAdministrator(store, actor, ann, START_MS)
    const cookie = await sessions.begin({ ...ann, by: 'password' }, async () => {})
    await setAdministrator(store, actor, { ...ann, role: 'look' }, START_MS)
    expect(await sessions.find(cookie, { isUse: true })).toBeUndefined()
    const next = await sessions.begin({ ...ann, by: 'password' }, async () => {})
    await removeAdministrator(store, actor, { name: 'ann', mayBeLast: true }, START_MS)
    expect(await sessions.find(next, { isUse: true })).toBeUndefined()
    expect(await administrators(store)).toEqual([])
    await expect(
      removeAdministrator(store, actor, { name: 'ann', mayBeLast: true }, START_MS),
    ).rejects.toThrow('no such administrator')
  })

  it('who is disabled can neither sign in nor stay, until enabled or added again', async () => {
    await using store = await emptyStore()
    const sessions = new Sessions(store, heldClock())
    await setAdministrator(store, actor, ann, START_MS)
    await setAdministrator(store, actor, { ...ann, name: 'bob' }, START_MS)
    const cookie = await sessions.begin({ ...ann, by: 'password' }, async () => {})
    await changeAdministrator(store, actor, { name: 'ann', isDisabled: true }, START_MS)
    expect(await sessions.find(cookie, { isUse: true })).toBeUndefined()
    expect(await checkPassword(store, 'ann', ann.password)).toBeUndefined()
    expect(await administrators(store)).toMatchObject([{ isDisabled: true, role: 'administer' }, {}])
    await changeAdministrator(store, actor, { name: 'ann', isDisabled: false }, START_MS)
    expect(await checkPassword(store, 'ann', ann.password)).toBeDefined()
    await changeAdministrator(store, actor, { name: 'ann', isDisabled: true }, START_MS)
    await setAdministrator(store, actor, ann, START_MS)
    expect(await checkPassword(store, 'ann', ann.password)).toBeDefined()
  })

  it.each([
    [
      'removed',
      (store: Store) => removeAdministrator(store, actor, { name: 'ann', mayBeLast: false }, START_MS),
    ],
    [
      'disabled',
      (store: Store) => changeAdministrator(store, actor, { name: 'ann', isDisabled: true }, START_MS),
    ],
    [
      'given less',
      (store: Store) => changeAdministrator(store, actor, { name: 'ann', role: 'enrol' }, START_MS),
    ],
  ] as const)('the last who may administer is not %s, and stays signed in', async (_, act) => {
    await using store = await emptyStore()
    const sessions = new Sessions(store, heldClock())
    await setAdministrator(store, actor, ann, START_MS)
    const bob = { ...ann, name: 'bob' }
    await setAdministrator(store, actor, bob, START_MS)
    await changeAdministrator(store, actor, { name: 'bob', isDisabled: true }, START_MS)
    await setAdministrator(store, actor, { ...ann, name: 'eve', role: 'enrol' }, START_MS)
    const cookie = await sessions.begin({ ...ann, by: 'password' }, async () => {})
    const { entries } = await verifyAudit(store)
    await expect(act(store)).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await administrators(store)).toContainEqual({
      ...{ name: 'ann', role: 'administer', isDisabled: false },
      date: START_MS / 1000,
    })
    expect(await sessions.find(cookie, { isUse: true })).toBeDefined()
    expect(await verifyAudit(store)).toMatchObject({ isWhole: true, entries })
    await changeAdministrator(store, actor, { name: 'bob', isDisabled: false }, START_MS)
    await act(store)
  })

  it('others than the last are changed and removed where nobody may administer by password', async () => {
    await using store = await emptyStore()
    await setAdministrator(store, actor, { ...ann, role: 'look' }, START_MS)
    await changeAdministrator(store, actor, { name: 'ann', role: 'enrol' }, START_MS)
    await removeAdministrator(store, actor, { name: 'ann', mayBeLast: false }, START_MS)
    expect(await administrators(store)).toEqual([])
  })

  it('who is to be new is not somebody who is there', async () => {
    await using store = await emptyStore()
    await setAdministrator(store, actor, ann, START_MS)
    await expect(
      setAdministrator(store, actor, { ...ann, password: 'another password', isNew: true }, START_MS),
    ).rejects.toMatchObject({ code: 'CONFLICT' })
    expect(await checkPassword(store, 'ann', ann.password)).toBeDefined()
  })

  it.each([
    ['', ann.password],
    ['a b', ann.password],
    ['-x', ann.password],
    ['ann\n', ann.password],
    ['ann', 'short'],
    ['ann', 'x'.repeat(2_000)],
  ])('refuses %j with a password of its length', async (name, password) => {
    await using store = await emptyStore()
    await expect(setAdministrator(store, actor, { ...ann, name, password }, START_MS)).rejects.toMatchObject({
      code: 'OPTION',
    })
  })

  it('may do what those below may', () => {
    expect(mayDo('administer', 'enrol')).toBe(true)
    expect(mayDo('enrol', 'look')).toBe(true)
    expect(mayDo('look', 'enrol')).toBe(false)
    expect(mayDo('enrol', 'administer')).toBe(false)
  })
})

describe('a stored password', () => {
  it.each([
    '',
    'x',
    'scrypt$1$1$1$a$a',
    'scrypt$0$0$0$$',
    'scrypt$3$8$1$aaaa$aaaa',
    'scrypt$9999999$99$99$AAAA$AAAA',
  ])('that is damaged is nobody’s: %j', async (stored) => {
    expect(await isPassword('x', stored)).toBe(false)
  })
})

describe('a session', () => {
  it('ends when it is not used for half an hour, and after twelve hours in any case', async () => {
    await using store = await emptyStore()
    const clock = heldClock()
    const sessions = new Sessions(store, clock)
    const cookie = await sessions.begin({ ...ann, by: 'password' }, async () => {})
    clock.ms += 29 * MINUTE_MS
    expect(await sessions.find(cookie, { isUse: true })).toMatchObject({
      name: 'ann',
      role: 'administer',
      by: 'password',
    })
    for (; clock.ms < START_MS + 12 * HOUR_MS - MINUTE_MS; clock.ms += 20 * MINUTE_MS)
      expect(await sessions.find(cookie, { isUse: true })).toBeDefined()
    clock.ms = START_MS + 12 * HOUR_MS
    expect(await sessions.find(cookie, { isUse: true })).toBeUndefined()

    const idle = await sessions.begin({ ...ann, by: 'password' }, async () => {})
    clock.ms += 30 * MINUTE_MS
    expect(await sessions.find(idle, { isUse: true })).toBeUndefined()
  })

  it('ends when nobody uses it for half an hour, whatever a page that is open asks for by itself', async () => {
    await using store = await emptyStore()
    const clock = heldClock()
    const sessions = new Sessions(store, clock)
    const cookie = await sessions.begin({ ...ann, by: 'password' }, async () => {})
    clock.ms += 20 * MINUTE_MS
    await sessions.find(cookie, { isUse: true })
    const idleEnd = (clock.ms + 30 * MINUTE_MS) / 1000
    for (; clock.ms < idleEnd * 1000; clock.ms += MINUTE_MS / 2)
      expect(await sessions.find(cookie, { isUse: false })).toMatchObject({ idleEnd })
    expect(await sessions.find(cookie, { isUse: false })).toBeUndefined()
    expect(await sessions.find(cookie, { isUse: true })).toBeUndefined()
  })

  it('of who signed in elsewhere ends after an hour: the provider is asked again', async () => {
    await using store = await emptyStore()
    const clock = heldClock()
    const sessions = new Sessions(store, clock)
    const cookie = await sessions.begin({ ...ann, name: 'openid:ann', by: 'openid' }, async () => {})
    for (let quarter = 1; quarter < 4; quarter += 1) {
      clock.ms += 15 * MINUTE_MS
      expect((await sessions.find(cookie, { isUse: true }))?.end).toBe((START_MS + HOUR_MS) / 1000)
      expect(await sessions.count()).toEqual(new Map([['openid:ann', 1]]))
    }
    clock.ms += 15 * MINUTE_MS
    expect(await sessions.find(cookie, { isUse: true })).toBeUndefined()
    expect(await sessions.count()).toEqual(new Map())
  })

  it('ends with all others of its name, and with none of another', async () => {
    await using store = await emptyStore()
    const sessions = new Sessions(store, heldClock())
    const begin = (name: string) => sessions.begin({ ...ann, name, by: 'password' }, async () => {})
    const cookies = [await begin('ann'), await begin('ann'), await begin('bob')]
    expect(await sessions.count()).toEqual(
      new Map([
        ['ann', 2],
        ['bob', 1],
      ]),
    )
    await sessions.endAll(actor, 'ann')
    const found = await Promise.all(cookies.map((cookie) => sessions.find(cookie, { isUse: true })))
    expect(found.map((session) => session?.name)).toEqual([undefined, undefined, 'bob'])
    await expect(sessions.endAll(actor, 'ann')).rejects.toMatchObject({ status: 404 })
    expect(await verifyAudit(store)).toMatchObject({ isWhole: true, entries: 1 })
  })

  it('of a clock that was ahead does not live longer', async () => {
    await using store = await emptyStore()
    const clock = heldClock()
    const sessions = new Sessions(store, clock)
    const cookie = await sessions.begin({ ...ann, by: 'password' }, async () => {})
    clock.ms -= 24 * HOUR_MS
    expect(await sessions.find(cookie, { isUse: true })).toBeUndefined()
  })

  it('is not in the database but as a hash, and ends when it is told to', async () => {
    await using store = await emptyStore()
    const sessions = new Sessions(store, heldClock())
    const cookie = await sessions.begin({ ...ann, by: 'password' }, async () => {})
    expect(JSON.stringify(await store.all('SELECT * FROM admin_session'))).not.toContain(cookie)
    await sessions.end(cookie, async () => {})
    expect(await sessions.find(cookie, { isUse: true })).toBeUndefined()
  })

  it('makes room: of one name there are ten', async () => {
    await using store = await emptyStore()
    const clock = heldClock()
    const sessions = new Sessions(store, clock)
    const cookies: string[] = []
    for (let number = 0; number < 12; number += 1) {
      clock.ms += 1_000
      cookies.push(await sessions.begin({ ...ann, by: 'password' }, async () => {}))
    }
    const found = await Promise.all(cookies.map((cookie) => sessions.find(cookie, { isUse: true })))
    expect(cookies.filter((_, at) => found[at])).toEqual(cookies.slice(2))
  })

  test('is found by its own cookie and token only', fc.string(), async (text) => {
    const sessions = new Sessions(shared, heldClock())
    const cookie = await sessions.begin({ ...ann, by: 'password' }, async () => {})
    const session = await sessions.find(cookie, { isUse: true })
    expect(await sessions.find(text, { isUse: true })).toBeUndefined()
    expect(session && isCsrfToken(text, session)).toBe(false)
    expect(session && isCsrfToken(session.csrfToken, session)).toBe(true)
  })
})

describe('a bearer token', () => {
  it('works until its end, or until it is deleted, and is stored as a hash', async () => {
    await using store = await emptyStore()
    const clock = heldClock()
    const tokens = new BearerTokens(store, clock)
    const wanted = {
      label: 'Grafana',
      scope: 'look',
      end: new Date(START_MS + HOUR_MS).toISOString(),
    } as const
    const { secret, token } = await tokens.make(actor, wanted)
    expect(await tokens.find(secret)).toMatchObject({ label: 'Grafana', scope: 'look' })
    expect(JSON.stringify(await store.all('SELECT * FROM bearer_token'))).not.toContain(secret)
    expect(await tokens.list()).toMatchObject([{ id: token.id, usedAt: new Date(START_MS).toISOString() }])
    const other = await tokens.make(actor, wanted)
    await tokens.delete(actor, other.token.id)
    expect(await tokens.find(other.secret)).toBeUndefined()
    await expect(tokens.delete(actor, other.token.id)).rejects.toMatchObject({ status: 404 })
    clock.ms += HOUR_MS
    expect(await tokens.find(secret)).toBeUndefined()
    expect(await verifyAudit(store)).toMatchObject({ isWhole: true, entries: 3 })
  })

  it('that has ended makes room, is listed for a while, and then is gone', async () => {
    await using store = await emptyStore()
    const clock = heldClock()
    const tokens = new BearerTokens(store, clock)
    const make = () =>
      tokens.make(actor, {
        ...{ label: 'x', scope: 'look' },
        end: new Date(clock.ms + HOUR_MS).toISOString(),
      })
    for (let count = 0; count < 1_000; count++) await make()
    await expect(make()).rejects.toMatchObject({ status: 409 })
    clock.ms += HOUR_MS
    await make()
    expect(await tokens.list()).toHaveLength(1_001)
    clock.ms += 31 * 24 * HOUR_MS
    await make()
    expect(await tokens.list()).toHaveLength(1)
  })

  test(
    'has an end within a year, whatever is asked for',
    fc.oneof(fc.string(), fc.date().map(String)),
    async (end) => {
      const tokens = new BearerTokens(shared, heldClock())
      const endMs = Date.parse(end)
      const made = tokens.make(actor, { label: 'x', scope: 'look', end })
      if (endMs > START_MS && endMs <= START_MS + 366 * 24 * HOUR_MS) await made
      else await expect(made).rejects.toMatchObject({ status: 400 })
    },
  )
})

describe('attempts to sign in', () => {
  const attempt = (limits: SignInLimits, name: string, source: string, nowMs: number, isRight = false) => {
    const waitMs = limits.begin(name, source, nowMs)
    if (waitMs === 0) limits.end()
    if (waitMs === 0 && isRight) limits.succeeded(name, source)
    return waitMs
  }

  it('are ten of one address, then one in half a minute', () => {
    const limits = new SignInLimits()
    for (let number = 0; number < 10; number += 1) expect(attempt(limits, `name${number}`, 'a', 0)).toBe(0)
    expect(attempt(limits, 'other', 'a', 0)).toBe(30_000)
    expect(attempt(limits, 'other', 'b', 0)).toBe(0)
    expect(attempt(limits, 'other', 'a', 30_000)).toBe(0)
  })

  it('that are right are free, and pay for no wrong ones of the same address', () => {
    const limits = new SignInLimits()
    for (let number = 0; number < 20; number += 1) expect(attempt(limits, 'eve', 'a', 0, true)).toBe(0)
    const guesses = Array.from({ length: 30 }, (_, number) => {
      attempt(limits, 'eve', 'a', 0, true)
      return attempt(limits, `name${number}`, 'a', 0)
    })
    expect(guesses.filter((waitMs) => waitMs === 0)).toHaveLength(10)
  })

  it('are ten for one name from anywhere, which does not shut out who signed in from there before', () => {
    const limits = new SignInLimits()
    expect(attempt(limits, 'ann', 'home', 0, true)).toBe(0)
    for (let number = 0; number < 20; number += 1) attempt(limits, 'ann', `source${number}`, 0)
    expect(attempt(limits, 'ann', 'elsewhere', 0)).toBeGreaterThan(0)
    expect(attempt(limits, 'ann', 'home', 0)).toBe(0)
  })

  it('are few in all, from thousands of addresses for thousands of names', () => {
    const limits = new SignInLimits()
    const taken = Array.from({ length: 10_000 }, (_, number) =>
      attempt(limits, `n${number}`, `s${number}`, 0),
    )
    expect(taken.filter((waitMs) => waitMs === 0)).toHaveLength(50)
  })

  it('are two at the same moment', () => {
    const limits = new SignInLimits()
    expect(limits.begin('a', 'a', 0)).toBe(0)
    expect(limits.begin('b', 'b', 0)).toBe(0)
    expect(limits.begin('c', 'c', 0)).toBeGreaterThan(0)
    limits.end()
    expect(limits.begin('c', 'c', 0)).toBe(0)
  })
})
