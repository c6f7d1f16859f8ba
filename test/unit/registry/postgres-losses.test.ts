import { connect, createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { readSnapshot } from '../../../src/registry/database/snapshot.ts'
import type { Store } from '../../../src/registry/database/store.ts'
import { POSTGRES_PROGRAMS, POSTGRES_TEST_MS, TestPostgres } from '../../support/postgres.ts'

const SHORT = { statementMs: 500, silenceMs: 500, lookMs: 100 }

const next = (store: Store, name: string) =>
  store.write(async (writable) => {
    const number = Number((await writable.config(name)) ?? 0) + 1
    await writable.setConfig(name, number)
    return number
  })

/** Connections of registries that only hear, of one server. */
const listening = async (postgres: TestPostgres): Promise<number> =>
  (await postgres.query("SELECT FROM pg_stat_activity WHERE query IN ('LISTEN re6st', 'SELECT')")).rowCount ??
  0

/** A way to a server on which connections can be made silent: as if the other machine had been switched off. */
async function wayTo({ port }: TestPostgres) {
  const open = new Set<Socket>()
  const server = createServer((near) => {
    const far = connect(port, '127.0.0.1')
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.on('error', () => {})
      one.once('close', () => {
        open.delete(one)
        if (!silent.has(one)) other.destroy()
      })
      one.pipe(other)
    }
  })
  const silent = new Set<Socket>()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  return {
    url: `postgres://re6st@127.0.0.1:${typeof address === 'object' ? address?.port : 0}/postgres`,
    /** Nothing comes through any more on those that are open. */
    silence: () => {
      for (const socket of open) {
        silent.add(socket)
        socket.unpipe()
        socket.removeAllListeners('data')
        socket.pause()
      }
    },
    [Symbol.dispose]: () => {
      for (const socket of open) socket.destroy()
      server.close()
    },
  }
}

describe.skipIf(POSTGRES_PROGRAMS === undefined)('with PostgreSQL', { timeout: POSTGRES_TEST_MS }, () => {
  it('a process that stands still in the middle of a change keeps nobody else from changing something', async () => {
    await using postgres = await TestPostgres.start()
    await using one = await openStore(postgres.url, { timeouts: SHORT })
    await using other = await openStore(postgres.url, { timeouts: { ...SHORT, statementMs: 10_000 } })
    let isWithin = () => {}
    const within = new Promise<void>((resolve) => {
      isWithin = resolve
    })
    let goOn = () => {}
    let attempts = 0
    const still = one.write(async (writable) => {
      await writable.setConfig('last_config', `of attempt ${++attempts}`)
      isWithin()
      if (attempts === 1)
        await new Promise<void>((resolve) => {
          goOn = resolve
        })
      return writable.config('serial')
    })
    await within
    expect(await next(other, 'serial')).toBe(1)
    // It has changed nothing then, and does it again.
    expect(await other.config('last_config')).toBeUndefined()
    goOn()
    expect(await still).toBe(1)
    expect(await other.config('last_config')).toBe('of attempt 2')
  })

  it('a change of which it is not known for long whether it was written is written once', async () => {
    await using postgres = await TestPostgres.start()
    await using store = await openStore(postgres.url, { timeouts: SHORT })
    // Nobody has this name: who commits waits for it, longer than an answer is waited for.
    await postgres.query("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
    await postgres.query('SELECT pg_reload_conf()')
    const waiting = async () =>
      (await postgres.query("SELECT FROM pg_stat_activity WHERE wait_event = 'SyncRep'")).rowCount
    const written = next(store, 'serial')
    await expect.poll(waiting).toBe(1)
    // The answer is not waited for any more, and the lock is asked for.
    await expect
      .poll(
        async () =>
          (await postgres.query("SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted")).rowCount,
      )
      .toBeGreaterThan(0)
    await postgres.query("ALTER SYSTEM SET synchronous_standby_names = ''")
    await postgres.query('SELECT pg_reload_conf()')
    expect(await written).toBe(1)
    expect(await store.config('serial')).toBe(1)
  })

  it('what others tell is heard also after the connection had gone without a word', async () => {
    await using postgres = await TestPostgres.start()
    using way = await wayTo(postgres)
    await using store = await openStore(way.url, { timeouts: SHORT })
    await using other = await openStore(postgres.url)
    await expect.poll(() => listening(postgres)).toBe(2)
    let heard = 0
    store.onNotification(() => {
      heard++
    })
    // What was told before anybody listened is told at once.
    expect(heard).toBe(1)
    way.silence()
    heard = 0
    await expect.poll(() => heard).toBeGreaterThan(0)
    heard = 0
    await other.write((writable) => writable.notify('configuration'))
    await expect.poll(() => heard).toBeGreaterThan(0)
  })

  it('one connection hears, however often it was lost, and however long there was no server', async () => {
    await using postgres = await TestPostgres.start()
    await using store = await openStore(postgres.url, { timeouts: SHORT })
    await expect.poll(() => listening(postgres)).toBe(1)
    await postgres.kill()
    // Nobody asks anything meanwhile.
    let failed = 0
    using probe = setInterval(() => {
      const socket = connect(postgres.port, '127.0.0.1')
      socket.on('error', () => failed++)
    }, 100)
    await expect.poll(() => failed).toBeGreaterThan(30)
    probe[Symbol.dispose]()
    await postgres.restart()
    let heard = 0
    store.onNotification(() => {
      heard++
    })
    await expect.poll(() => heard).toBeGreaterThan(1)
    await next(store, 'serial')
    expect(await listening(postgres)).toBe(1)
  })

  it('who begins while another makes tables for long waits for it', async () => {
    await using postgres = await TestPostgres.start()
    await using making = await postgres.session()
    await making.query(`SELECT pg_advisory_lock(${0x72653673})`)
    const opened = openStore(postgres.url, { timeouts: SHORT })
    const waiting = async () =>
      (
        await postgres.query(
          "SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND now() - query_start > interval '1 s'",
        )
      ).rowCount
    // Longer than an answer to anything else.
    await expect.poll(waiting).toBe(1)
    await making.query(`SELECT pg_advisory_unlock(${0x72653673})`)
    await (await opened)[Symbol.asyncDispose]()
  })

  it('a database of a later version is told of with what to do', async () => {
    await using postgres = await TestPostgres.start()
    await (await openStore(postgres.url))[Symbol.asyncDispose]()
    await postgres.query("INSERT INTO kysely_migration VALUES ('999-later', '2030')")
    await expect(openStore(postgres.url)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringMatching(/later version .*999-later.*: install that version/),
    })
  })

  it('a server that only reads is not taken for one that takes changes', async () => {
    await using reading = await TestPostgres.start()
    await using writing = await TestPostgres.start()
    await (await openStore(reading.url))[Symbol.asyncDispose]()
    await reading.query('ALTER DATABASE postgres SET default_transaction_read_only = on')
    await expect(openStore(reading.url)).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining('default_transaction_read_only'),
    })
    const both = `postgres://re6st@127.0.0.1:${reading.port},127.0.0.1:${writing.port}/postgres`
    await using store = await openStore(both, { timeouts: SHORT })
    expect(await next(store, 'serial')).toBe(1)
    // A backup of it can be made all the same.
    await readSnapshot({ database: reading.url, option: '--db' }, (snapshot) => snapshot.certificate(''))
    // What takes changes becomes another one.
    await using session = await reading.session()
    await session.query('SET default_transaction_read_only = off')
    await session.query('ALTER DATABASE postgres RESET default_transaction_read_only')
    await writing.query('ALTER DATABASE postgres SET default_transaction_read_only = on')
    await writing.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()',
    )
    expect(await next(store, 'serial')).toBe(1)
    expect(await next(store, 'serial')).toBe(2)
  })

  it('a database that does not have all letters is refused before there is anything in it', async () => {
    await using postgres = await TestPostgres.start()
    await postgres.query(
      "CREATE DATABASE latin TEMPLATE template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'",
    )
    await expect(openStore(postgres.url.replace(/postgres$/, 'latin'))).rejects.toMatchObject({
      code: 'FILE',
      message: expect.stringContaining('createdb -T template0 -E UTF8'),
    })
  })

  it('what is asked of a database that is away for long, or has no room, is refused, and goes on afterwards', async () => {
    await using postgres = await TestPostgres.start()
    await using store = await openStore(postgres.url, { timeouts: { ...SHORT, giveUpMs: 1_000 } })
    const refused = (cause: unknown) => ({
      ...{ status: 503, message: expect.stringContaining('try again later'), cause },
    })
    const isFull = store.write((writable) =>
      writable.run("DO $$ BEGIN RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$"),
    )
    const [full, written] = await Promise.allSettled([isFull, next(store, 'serial')])
    expect(full).toMatchObject({ reason: refused(expect.objectContaining({ code: '53100' })) })
    // Of those that are written together, one takes no other with it.
    expect(written).toMatchObject({ status: 'fulfilled', value: 1 })
    await postgres.kill()
    await expect(store.config('serial')).rejects.toMatchObject(refused(expect.any(Error)))
    await expect(next(store, 'serial')).rejects.toMatchObject(refused(expect.any(Error)))
    await postgres.restart()
    expect(await next(store, 'serial')).toBe(2)
  })
})
