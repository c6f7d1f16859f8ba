import { describe, expect, it, vi } from 'vitest'
import { ONE_COMMUNITY } from '../../../src/core/allocation/community.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import type { IssueTask } from '../../../src/registry/crypto/certificate-maker.ts'
import { type AuthorityKeys, CaCryptography } from '../../../src/registry/crypto/cryptography.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Store } from '../../../src/registry/database/store.ts'
import { Enrolment } from '../../../src/registry/enrolment.ts'
import { Ledger } from '../../../src/registry/ledger.ts'
import { DATABASE_KIND, emptyDatabase, rowsIn } from '../../support/databases.ts'
import { POSTGRES_TEST_MS, TestPostgres } from '../../support/postgres.ts'
import { testRegistry } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { unsent } from '../../support/unsent.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const [csr = '', other = '', third = ''] = [pki.csr['node-a'], pki.csr['node-b'], pki.csr['node-c']]
const serialsOf = async (path: string): Promise<number[]> =>
  (await rowsIn<{ serial: number }>(path, 'SELECT serial FROM issued ORDER BY serial')).map(
    ({ serial }) => serial,
  )

/** Makes certificates when it is let. */
class HeldCryptography extends CaCryptography {
  goOn = () => {}
  #isAsked = () => {}
  readonly #held = new Promise<void>((resolve) => {
    this.goOn = resolve
  })
  readonly asked = new Promise<void>((resolve) => {
    this.#isAsked = resolve
  })

  override async issue(task: IssueTask) {
    this.#isAsked()
    await this.#held
    return super.issue(task)
  }
}

/** A registry that makes certificates when it is let, with a token. */
async function heldRegistry(databasePath: string) {
  let held: HeldCryptography | undefined
  const cryptography = (keys: AuthorityKeys) => {
    held = new HeldCryptography(keys)
    return held
  }
  const registry = await testRegistry({ databasePath }, { cryptography })
  if (!held) throw new Error('it makes no certificates')
  await fetch(`${registry.url}addToken?email=a@example.com&token=once`)
  return {
    registry,
    asked: held.asked,
    goOn: held.goOn,
    request: (request: string, signal?: AbortSignal) =>
      new RegistryClient(registry.url).requestCertificate({ token: 'once', csr: request }, signal),
    [Symbol.asyncDispose]: () => registry[Symbol.asyncDispose](),
  }
}

/** What it says while it makes one for somebody who is gone, and when it knows that. */
const BEING_MADE = /status 503/

/** Asks for one, and is gone before it is made. */
async function leave(held: Awaited<ReturnType<typeof heldRegistry>>): Promise<void> {
  const leaving = new AbortController()
  const first = held.request(csr, leaving.signal)
  await held.asked
  leaving.abort()
  await expect(first).rejects.toThrow()
  await expect.poll(() => held.request(csr).catch(String)).toMatch(BEING_MADE)
}

describe('whose client is gone before its certificate was made', () => {
  it('is not lost: the same key gets it, once; another one does not', async () => {
    const path = await emptyDatabase()
    await using held = await heldRegistry(path)
    await leave(held)
    held.goOn()
    let pem: string | undefined
    await expect
      .poll(async () => {
        expect(await held.request(other).catch(() => undefined)).toBeUndefined()
        pem = await held.request(csr).catch(() => undefined)
        return pem
      })
      .toContain('BEGIN CERTIFICATE')
    // That it was heard is written then.
    await expect.poll(() => held.request(csr)).toBeUndefined()
    expect(await serialsOf(path)).toEqual([1])
  })

  it('is not lost to a registry that is started again', async () => {
    const path = await emptyDatabase()
    {
      await using held = await heldRegistry(path)
      await leave(held)
      held.goOn()
      await expect.poll(() => serialsOf(path)).toEqual([1])
    }
    await using registry = await testRegistry({ databasePath: path })
    const client = new RegistryClient(registry.url)
    expect(await client.requestCertificate({ token: 'once', csr: other })).toBeUndefined()
    expect(await client.requestCertificate({ token: 'once', csr })).toContain('BEGIN CERTIFICATE')
    await expect.poll(() => client.requestCertificate({ token: 'once', csr })).toBeUndefined()
    expect(await serialsOf(path)).toEqual([1])
  })
})

/** An enrolment beside others with the same database, as in another process. */
const enrolmentOn = (store: Store, cryptography: CaCryptography): Enrolment =>
  new Enrolment(
    {
      ...{ store, cryptography, ledger: new Ledger(store, 48), clock: systemClock, log: silentLog },
      configuration: { registryPrefix: '0', publish: async () => true, followers: { forget: () => {} } },
      ...{ communities: ONE_COMMUNITY, mailer: undefined, geoip: undefined },
      authorities: { enrolled: async () => {} },
      software: { forget: () => {} },
    },
    { mailPrefixLength: 2, anonymousPrefixLength: 2, mailSender: 'ca@example.com' },
  )

const HERE = { source: '127.0.0.1', location: () => undefined, delivery: unsent }
/** Its client waits, and has not got it yet. */
const onItsWay = () => ({ ...HERE, delivery: { signal: new AbortController().signal, onSent: () => {} } })
const KEYS: AuthorityKeys = { caPem: pki.ca, signer: pemSigner(pki.keys['ca'] ?? '') }

/** A database with an invitation, for so many. */
async function invitedTo(uses: number) {
  const path = await emptyDatabase()
  const store = await openStore(path)
  const made = Math.floor(Date.now() / 1000)
  await store.write(async (writable) => {
    await writable.addToken({ token: 'once', email: 'a@example.com', prefix_len: 2, date: made })
    await writable.run(
      'INSERT INTO invitation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      ...['id', 'once', uses, uses, made, 'ann', made + 3600, null, null, null],
    )
  })
  return { store, path, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() }
}

describe('an invitation', () => {
  it('for two is for a second one, also before the first one has got its answer, and no third', async () => {
    await using invited = await invitedTo(2)
    const enrolment = enrolmentOn(invited.store, new CaCryptography(KEYS))
    const request = (one: string) => enrolment.requestCertificate('once', one, onItsWay())
    expect(await request(csr)).toContain('BEGIN CERTIFICATE')
    expect(await request(other)).toContain('BEGIN CERTIFICATE')
    expect(await request(third)).toBeUndefined()
    expect(await serialsOf(invited.path)).toEqual([1, 2])
  })

  it('that another process has used for the same machine meanwhile gives its certificate', async () => {
    await using invited = await invitedTo(1)
    const held = [new HeldCryptography(KEYS), new HeldCryptography(KEYS)] as const
    const [first, again] = held.map((one) =>
      enrolmentOn(invited.store, one).requestCertificate('once', csr, HERE),
    )
    for (const { asked } of held) await asked
    held[0].goOn()
    const pem = await first
    held[1].goOn()
    expect(pem).toContain('BEGIN CERTIFICATE')
    expect(await again).toBe(pem)
  })
})

it('a certificate that was written between two looks for it is found', async () => {
  await using invited = await invitedTo(1)
  const [one, another] = [0, 1].map(() => enrolmentOn(invited.store, new CaCryptography(KEYS)))
  if (!one || !another) throw new Error('there are two')
  let pem: string | undefined
  vi.spyOn(another.tokens, 'living').mockImplementationOnce(async (token) => {
    pem = await one.requestCertificate(token, csr, HERE)
    return invited.store.token(token)
  })
  const found = await another.requestCertificate('once', csr, HERE)
  expect(found).toContain('BEGIN CERTIFICATE')
  expect(found).toBe(pem)
})

// A database of PostgreSQL has standbys of its own.
it.runIf(DATABASE_KIND === 'SQLite')(
  'a certificate that a standby has not got is not given to whoever asks again',
  async () => {
    await using invited = await invitedTo(1)
    let isAway = true
    invited.store.replicateTo({
      refusal: () => undefined,
      stored: async () => {
        if (isAway && (await serialsOf(invited.path)).length > 0)
          throw new Error('the standby has not got it')
      },
    })
    const enrolment = enrolmentOn(invited.store, new CaCryptography(KEYS))
    const request = () => enrolment.requestCertificate('once', csr, HERE)
    await expect(request()).rejects.toThrow('has not got it')
    await expect(request()).rejects.toThrow('has not got it')
    isAway = false
    expect(await request()).toContain('BEGIN CERTIFICATE')
    expect(await serialsOf(invited.path)).toEqual([1])
  },
)

// Its server is one that waits for a standby.
it.runIf(DATABASE_KIND === 'PostgreSQL')(
  'a certificate of which it was not known whether it was written is not lost to whoever asks again',
  { timeout: POSTGRES_TEST_MS },
  async () => {
    await using postgres = await TestPostgres.start()
    const giveUp = { statementMs: 300, silenceMs: 10_000, lookMs: 100, giveUpMs: 1_000 }
    await using store = await openStore(postgres.url, { timeouts: giveUp })
    await store.write((writable) =>
      writable.addToken({ token: 'once', email: 'a@example.com', prefix_len: 2, date: 0 }),
    )
    const committing = async (to: string) => {
      await postgres.query(`ALTER SYSTEM SET synchronous_standby_names = '${to}'`)
      await postgres.query('SELECT pg_reload_conf()')
    }
    class Cutting extends CaCryptography {
      override async issue(task: IssueTask) {
        // Whoever commits from now on waits for nobody, and hears nothing.
        await committing('nobody')
        return super.issue(task)
      }
    }
    const enrolment = enrolmentOn(store, new Cutting(KEYS))
    const request = (one: string) => enrolment.requestCertificate('once', one, HERE)
    await expect(request(csr)).rejects.toMatchObject({ status: 503 })
    // It is there then, and would be lost with this server.
    await postgres.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'",
    )
    await expect.poll(() => serialsOf(postgres.url)).toEqual([1])
    await expect(request(csr)).rejects.toMatchObject({ status: 503 })
    // So is what is read for a machine that renews.
    await expect(store.settled()).rejects.toMatchObject({ status: 503 })
    await committing('')
    await expect.poll(() => request(csr).catch(() => undefined)).toContain('BEGIN CERTIFICATE')
    expect(await request(other)).toBeUndefined()
    expect(await serialsOf(postgres.url)).toEqual([1])
  },
)
