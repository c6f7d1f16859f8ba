import { describe, expect, it } from 'vitest'
import { ONE_COMMUNITY } from '../../../src/core/allocation/community.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { RegistryClient } from '../../../src/platform/registry-client.ts'
import { pemSigner } from '../../../src/registry/crypto/ca-signer.ts'
import type { IssueTask } from '../../../src/registry/crypto/certificate-maker.ts'
import { type AuthorityKeys, CaCryptography } from '../../../src/registry/crypto/cryptography.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { Enrolment } from '../../../src/registry/enrolment.ts'
import { Ledger } from '../../../src/registry/ledger.ts'
import { DATABASE_KIND, emptyDatabase, rowsIn } from '../../support/databases.ts'
import { POSTGRES_TEST_MS, TestPostgres } from '../../support/postgres.ts'
import { testRegistry } from '../../support/registry.ts'
import { silentLog } from '../../support/silent-log.ts'
import { unsent } from '../../support/unsent.ts'
import { vectors } from '../../support/vectors.ts'

const pki = vectors<{ ca: string; keys: Record<string, string>; csr: Record<string, string> }>('pki.json')
const [csr = '', other = ''] = [pki.csr['node-a'], pki.csr['node-b']]
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

describe('whose client is gone before its certificate was made', () => {
  it('is not lost: the same key gets it, once; another one does not', async () => {
    const path = await emptyDatabase()
    await using held = await heldRegistry(path)
    const leaving = new AbortController()
    const first = held.request(csr, leaving.signal)
    await held.asked
    leaving.abort()
    await expect(first).rejects.toThrow()
    await expect.poll(() => held.request(csr).catch(String)).toMatch(BEING_MADE)
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
      const leaving = new AbortController()
      const first = held.request(csr, leaving.signal)
      await held.asked
      leaving.abort()
      await expect(first).rejects.toThrow()
      await expect.poll(() => held.request(csr).catch(String)).toMatch(BEING_MADE)
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

// Its server is one that waits for a standby.
it.runIf(DATABASE_KIND === 'PostgreSQL')(
  'a certificate of which it was not known whether it was written is not lost to whoever asks again',
  { timeout: POSTGRES_TEST_MS },
  async () => {
    await using postgres = await TestPostgres.start()
    const giveUp = { statementMs: 300, silenceMs: 10_000, lookMs: 100, giveUpMs: 1_000 }
    await using store = await openStore(postgres.url, { timeouts: giveUp })
    await store.write((writable) =>
      writable.addToken({ token: 'once', email: 'a@example.com', prefix_len: 1, date: 0 }),
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
    const enrolment = new Enrolment(
      {
        ...{ store, ledger: new Ledger(store, 48), clock: systemClock, log: silentLog },
        cryptography: new Cutting({ caPem: pki.ca, signer: pemSigner(pki.keys['ca'] ?? '') }),
        configuration: { registryPrefix: '0', publish: async () => true, followers: { forget: () => {} } },
        ...{ communities: ONE_COMMUNITY, mailer: undefined, geoip: undefined },
        authorities: { enrolled: async () => {} },
        software: { forget: () => {} },
      },
      { mailPrefixLength: 1, anonymousPrefixLength: 1, mailSender: 'ca@example.com' },
    )
    const request = (one: string) =>
      enrolment.requestCertificate('once', one, {
        ...{ source: '127.0.0.1', location: () => undefined, delivery: unsent },
      })
    await expect(request(csr)).rejects.toMatchObject({ status: 503 })
    await committing('')
    await expect.poll(() => request(csr).catch(() => undefined)).toContain('BEGIN CERTIFICATE')
    expect(await request(other)).toBeUndefined()
    expect(await serialsOf(postgres.url)).toEqual([1])
  },
)
