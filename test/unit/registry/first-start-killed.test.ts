// On SQLite alone: what a killed one leaves is copied, file by file.

import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it, vi } from 'vitest'
import { readAuthority } from '../../../src/core/crypto/certificate.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { openFirstStart } from '../../../src/registry/api/first-start.ts'
import { readSnapshot } from '../../../src/registry/database/snapshot.ts'
import { undoNewAuthority } from '../../../src/registry/new-authority.ts'
import { POSTGRES_PROGRAMS, POSTGRES_TEST_MS, TestPostgres } from '../../support/postgres.ts'
import { temporaryDirectory } from '../../support/registry.ts'
import { runRegistryCommand } from '../../support/registry-command.ts'
import { silentLog } from '../../support/silent-log.ts'

/** What comes before and after each change of a file or a name, and whether a file may have two names. */
const step = vi.hoisted(() => ({ come: () => {}, canLink: true }))

vi.mock('node:fs', async (load) => {
  const real = await load<typeof import('node:fs')>()
  const stepping =
    <Arguments extends unknown[], Result>(change: (...args: Arguments) => Result) =>
    (...args: Arguments): Result => {
      step.come()
      try {
        return change(...args)
      } finally {
        step.come()
      }
    }
  return {
    ...real,
    openSync: stepping(real.openSync),
    writeFileSync: stepping(real.writeFileSync),
    renameSync: stepping(real.renameSync),
    rmSync: stepping(real.rmSync),
    linkSync: stepping((...names: Parameters<typeof real.linkSync>) => {
      if (!step.canLink) throw Object.assign(new Error('EPERM'), { code: 'EPERM' })
      real.linkSync(...names)
    }),
  }
})

afterEach(() => {
  step.come = () => {}
  step.canLink = true
})

/** Runs something, and copies a directory at each step, as it would be left. */
async function killedAtEachStep(directory: string, run: () => Promise<unknown>): Promise<string[]> {
  const left: string[] = []
  step.come = () => {
    step.come = () => {}
    const copy = join(temporaryDirectory(), 'left')
    cpSync(directory, copy, { recursive: true })
    left.push(copy)
    step.come = next
  }
  const next = step.come
  await run()
  step.come = () => {}
  return left
}

const leftovers = (directory: string) => readdirSync(directory).filter((name) => name.includes('re6st-new'))

/** The authority in a directory; undefined: there is none, and no registry starts. */
function authorityIn(directory: string) {
  if (!existsSync(join(directory, 'ca.crt'))) return undefined
  const authority = readAuthority(readFileSync(join(directory, 'ca.crt'), 'utf8'))
  if (!authority.ok) throw new Error(authority.reason)
  expect(readFileSync(join(directory, 'ca.key'), 'utf8')).toMatch(/-----END (RSA )?PRIVATE KEY-----\n$/)
  return authority.value
}

it.each([true, false])(
  'an init that is killed at whatever step leaves a whole network or none, and the next one makes it (links: %s)',
  async (canLink) => {
    const directory = join(temporaryDirectory(), 'new')
    mkdirSync(directory)
    step.canLink = canLink
    const left = await killedAtEachStep(directory, () => runRegistryCommand('init', '--dir', directory))
    expect(leftovers(directory)).toEqual([])
    expect(left.length).toBeGreaterThan(10)
    for (const one of left) {
      const configuration = join(one, 're6st-registry.conf')
      const before = authorityIn(one)
      if (before) expect(readFileSync(configuration, 'utf8')).toMatch(/^encrypt$/m)
      const again = runRegistryCommand('init', '--dir', one)
      if (before) await expect(again).rejects.toThrow('exists already')
      else expect(await again).toMatchObject({ status: 0 })
      const after = authorityIn(one)
      if (before) expect(after?.pem).toBe(before.pem)
      expect(after).toBeDefined()
      expect(readFileSync(configuration, 'utf8')).toMatch(/^encrypt$/m)
      expect(leftovers(one)).toEqual([])
    }
  },
  120_000,
)

it('what somebody else has put there stays there, also while a network is made', async () => {
  const directory = temporaryDirectory()
  const key = join(directory, 'ca.key')
  let isDone = false
  step.come = () => {
    if (isDone || !existsSync(`${key}.re6st-new`)) return
    isDone = true
    writeFileSync(key, 'mine')
  }
  await expect(runRegistryCommand('init', '--dir', directory)).rejects.toThrow(`${key} exists already`)
  step.come = () => {}
  expect(isDone).toBe(true)
  expect(readdirSync(directory)).toEqual(['ca.key'])
  expect(readFileSync(key, 'utf8')).toBe('mine')
})

it('what a network uses stays there, also beside what a backup has brought back or somebody has copied', async () => {
  const directory = join(temporaryDirectory(), 'new')
  mkdirSync(directory)
  const left = await killedAtEachStep(directory, () => runRegistryCommand('init', '--dir', directory))
  const [ca, key] = [join(directory, 'ca.crt'), join(directory, 'ca.key')]
  const before = [readFileSync(ca, 'utf8'), readFileSync(key, 'utf8')]
  let met = 0
  for (const one of left) {
    const staged = leftovers(one).filter((name) => name.endsWith('.re6st-new'))
    met += staged.includes('ca.crt.re6st-new') && staged.includes('ca.key.re6st-new') ? 1 : 0
    for (const name of staged) cpSync(join(one, name), join(directory, name))
    undoNewAuthority({ ca, key }, '')
    for (const name of staged) cpSync(join(one, name), join(directory, name))
    await expect(runRegistryCommand('init', '--dir', directory)).rejects.toThrow('exists already')
    expect([readFileSync(ca, 'utf8'), readFileSync(key, 'utf8')]).toEqual(before)
    expect(leftovers(directory)).toEqual([])
  }
  expect(met).toBeGreaterThan(0)
})

it('a certificate that somebody else has put there meanwhile stays, and nothing else is left', async () => {
  const directory = temporaryDirectory()
  const [ca, key] = [join(directory, 'ca.crt'), join(directory, 'ca.key')]
  let isDone = false
  step.come = () => {
    if (isDone || !existsSync(key)) return
    isDone = true
    writeFileSync(ca, 'mine')
  }
  await expect(runRegistryCommand('init', '--dir', directory)).rejects.toThrow(`${ca} exists already`)
  step.come = () => {}
  expect(isDone).toBe(true)
  expect(readdirSync(directory)).toEqual(['ca.crt'])
  expect(readFileSync(ca, 'utf8')).toBe('mine')
})

/** The page of a registry without an authority, and what it is asked to make. */
async function firstStartIn(directory: string, databasePath = join(directory, 'registry.db')) {
  const [ca, key] = [join(directory, 'ca.crt'), join(directory, 'ca.key')]
  undoNewAuthority({ ca, key }, '')
  const start = await openFirstStart({
    place: { kind: 'address', address: '127.0.0.1', port: 0 },
    ...{ pageUrl: undefined, pageFolder: '', commandSocket: undefined, tls: undefined },
    registryUrl: 'http://localhost/',
    ...{ ca, key, databasePath, clock: systemClock, log: silentLog },
  })
  return {
    make: async () => {
      const { origin, hash } = new URL(start.url)
      const wanted = { code: hash.replace('#setup=', ''), name: 'my network', days: 100, encrypt: true }
      const answer = await fetch(`${origin}/api/v1/setup`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', connection: 'close' },
        body: JSON.stringify({
          ...wanted,
          administrator: { name: 'ann', password: 'correct horse battery' },
        }),
      })
      return { status: answer.status, text: await answer.text() }
    },
    [Symbol.asyncDispose]: () => start[Symbol.asyncDispose](),
  }
}

/** What of a new network is in its database. */
const beginningIn = (database: string) =>
  readSnapshot({ database, option: '--db' }, async (snapshot) => ({
    settings: await snapshot.all('SELECT name, value FROM network_setting'),
    administrators: await snapshot.all('SELECT name, role FROM admin'),
    made: await snapshot.all("SELECT subject FROM audit WHERE action = 'network.made'"),
  }))

const WHOLE = {
  settings: [{ name: 'encrypt', value: 'true' }],
  administrators: [{ name: 'ann', role: 'administer' }],
}

it('a first start by the form that is killed at whatever step leaves an encrypted network, or asks again', async () => {
  const directory = temporaryDirectory()
  await using start = await firstStartIn(directory)
  const left = await killedAtEachStep(directory, async () =>
    expect(await start.make()).toMatchObject({ status: 200 }),
  )
  expect(leftovers(directory)).toEqual([])
  const made = left.filter((one) => existsSync(join(one, 'ca.crt')))
  expect(made.length).toBeGreaterThan(0)
  expect(left.length - made.length).toBeGreaterThan(5)
  for (const one of left) {
    if (!authorityIn(one)) {
      await using again = await firstStartIn(one)
      expect(existsSync(join(one, 'ca.key'))).toBe(false)
      expect(await again.make()).toMatchObject({ status: 200 })
    }
    expect(authorityIn(one)).toBeDefined()
    const { made, ...rest } = await beginningIn(join(one, 'registry.db'))
    expect(rest).toEqual(WHOLE)
    expect(made.length).toBeGreaterThan(0)
  }
}, 180_000)

it.skipIf(POSTGRES_PROGRAMS === undefined)(
  'with PostgreSQL, all that a network begins with is there before its authority is',
  { timeout: POSTGRES_TEST_MS },
  async () => {
    await using postgres = await TestPostgres.start()
    const directory = temporaryDirectory()
    await using start = await firstStartIn(directory, postgres.url)
    const before: Promise<unknown>[] = []
    step.come = () => {
      const isNext = existsSync(join(directory, 'ca.key')) && !existsSync(join(directory, 'ca.crt'))
      if (isNext && before.length === 0) before.push(beginningIn(postgres.url))
    }
    expect(await start.make()).toMatchObject({ status: 200 })
    step.come = () => {}
    expect(await before[0]).toMatchObject(WHOLE)
    await using other = await firstStartIn(temporaryDirectory(), postgres.url)
    await postgres.query("INSERT INTO config VALUES ('version', '\\x00')")
    expect(await other.make()).toMatchObject({ status: 409 })
  },
)
