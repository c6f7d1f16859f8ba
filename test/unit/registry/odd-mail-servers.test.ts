import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import type { Store } from '../../../src/registry/database/store.ts'
import { fateOf, type Mail, openMailer } from '../../../src/registry/mail.ts'
import { TokenMails } from '../../../src/registry/token-mails.ts'
import { WaitingTokenMails } from '../../../src/registry/waiting-token-mails.ts'
import { emptyDatabase } from '../../support/databases.ts'
import { type MailServerMood, OddMailServer } from '../../support/odd-mail-server.ts'
import { silentLog } from '../../support/silent-log.ts'
import { type SteppedClock, steppedClock } from '../../support/stepped-clock.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS
const MAIL: Mail = { from: 'ca@example.com', to: 'a@example.com', subject: 'Token', text: 'Token: x\n' }

let server: OddMailServer
let clock: SteppedClock

beforeEach(async () => {
  server = await OddMailServer.start()
  clock = steppedClock()
})
afterEach(() => server[Symbol.asyncDispose]())

const mailer = () =>
  openMailer({
    ...{ mailhost: `127.0.0.1:${server.port}`, user: undefined, password: undefined, startTls: false },
  })

it.each<[MailServerMood, string, number]>([
  ['takes', 'taken', 1],
  ['later', 'later', 0],
  ['refuses', 'refused', 0],
  ['closed', 'nobody', 0],
  ['forgets', 'unknown', 1],
])('what becomes of a mail is known, where a server %s: %s', async (mood, fate, got) => {
  server.mood = mood
  const said = await mailer()
    .send(MAIL)
    .then(() => 'taken', fateOf)
  expect([said, server.got.length]).toEqual([fate, got])
})

it('a server that hangs up before it wants the text of a mail has not got it', async () => {
  server.dreaded.add(MAIL.to)
  expect(
    await mailer()
      .send(MAIL)
      .then(() => 'taken', fateOf),
  ).toBe('nobody')
})

it('a mail that comes twice is the same one to whoever reads it, and another is not', async () => {
  server.mood = 'forgets'
  for (let time = 0; time < 2; time++)
    await mailer()
      .send(MAIL)
      .catch(() => {})
  server.mood = 'takes'
  await mailer().send({ ...MAIL, to: 'b@example.com' })
  const ids = server.got.map(({ text }) => /^Message-ID: <\w+@example\.com>$/im.exec(text)?.[0])
  expect(ids[0]).toBeDefined()
  expect(ids[1]).toBe(ids[0])
  expect(ids[2]).not.toBe(ids[0])
})

describe('a mail with a token', () => {
  /** Where the database is. */
  let url: string
  let store: Store
  let mails: TokenMails
  let isWanted: boolean
  /** Whether nobody can say anything of it. */
  let isAway: boolean
  const processes: AsyncDisposable[] = []

  beforeAll(async () => {
    url = await emptyDatabase({ isShared: true })
  })

  /** A registry of the network, as far as it sends mails. */
  async function registry() {
    const store = await openStore(url)
    const away = <T>(work: () => Promise<T>) =>
      isAway ? Promise.reject(new Error('the database is away')) : work()
    const mails = new TokenMails({
      ...{ mailer: mailer(), clock, log: silentLog },
      store: {
        write: (write, options) => away(() => store.write(write, options)),
        all: (sql, ...values) => away(() => store.all(sql, ...values)),
        // All that waits does so by the clock of the test.
        commonTimeMs: async () => clock.now(),
      },
      mailOf: ({ email, token }) => ({ ...MAIL, to: email, text: `Token: ${token}\n` }),
      isWanted: async () => isWanted,
    })
    processes.unshift(mails, store)
    return { store, mails }
  }

  beforeEach(async () => {
    isWanted = true
    isAway = false
    ;({ store, mails } = await registry())
    await store.write(async (writable) => {
      for (const table of ['token_mail', 'token', 'made_token']) await writable.clear(table)
    })
  })
  afterEach(async () => {
    isAway = false
    for (const one of processes.splice(0)) await one[Symbol.asyncDispose]()
  })

  const send = async (email = MAIL.to, isNew = true) => {
    const token = `of ${email}`
    await store.write(async (writable) => {
      if (!(await writable.token(token))) await writable.addToken({ token, email, prefix_len: 16, date: 1 })
    })
    await mails.send({ email, token, isNew })
  }
  const hasToken = async (email = MAIL.to) => (await store.token(`of ${email}`)) !== undefined
  const waiting = async () =>
    (await store.all<{ email: string }>('SELECT email FROM token_mail ORDER BY email')).map(
      ({ email }) => email,
    )
  const attemptsAt = async (email: string) => {
    const [row] = await store.all<{ attempts: number }>(
      'SELECT attempts FROM token_mail WHERE email = ?',
      email,
    )
    return row && Number(row.attempts)
  }
  const tried = (times: number) =>
    waitFor(() => server.connections === times, {
      what: 'the mail server',
      deadlineMs: 20_000,
      intervalMs: 5,
    })
  const got = () => server.got.map(({ to }) => to)
  /** Lets time pass, some at a time, until something is so: what is asked of a database and a mail server takes real time. */
  const pass = (isSo: () => Promise<boolean> | boolean, what: string, stepMs = MINUTE_MS) =>
    waitFor(
      async () => {
        if (await isSo()) return true
        await clock.pass(stepMs)
        return false
      },
      { what, deadlineMs: 20_000, intervalMs: 5 },
    )

  it.each(['refuses', 'closed'] as const)(
    'that a server %s is told of, and nothing is left',
    async (mood) => {
      server.mood = mood
      await expect(send()).rejects.toMatchObject({ code: 'SYSTEM' })
      expect([await hasToken(), await waiting()]).toEqual([false, []])
      await clock.pass(2 * DAY_MS)
      expect(server.connections).toBe(1)
    },
  )

  it('that a server puts off is sent later, once', async () => {
    server.mood = 'later'
    await send()
    await pass(() => server.connections === 2, 'the second attempt')
    server.mood = 'takes'
    await pass(() => server.got.length > 0, 'the mail')
    await pass(async () => (await waiting()).length === 0, 'the end of it', 1)
    await clock.pass(DAY_MS)
    expect(got()).toEqual([MAIL.to])
    expect(await hasToken()).toBe(true)
  })

  it('that was put off is sent when the registry was started again, once by however many there are', async () => {
    server.mood = 'later'
    const all = ['a', 'b', 'c', 'd'].map((name) => `${name}@example.com`)
    for (const email of all) await send(email)
    for (const one of processes.splice(0)) await one[Symbol.asyncDispose]()
    server.mood = 'takes'
    store = (await registry()).store
    await registry()
    await registry()
    await pass(() => server.got.length >= all.length, 'the mails')
    await pass(async () => (await waiting()).length === 0, 'the end of them', 1)
    await clock.pass(DAY_MS)
    expect(got().sort()).toEqual(all)
  })

  it('that was being sent when the registry died is sent by the next one', async () => {
    server.mood = 'silent'
    const answered = send()
    await tried(1)
    await clock.pass(5_000)
    await answered
    // It is killed: nobody hears what becomes of it.
    isAway = true
    server.hangUp()
    await clock.pass(0)
    isAway = false
    server.mood = 'takes'
    await registry()
    await clock.pass(5 * MINUTE_MS)
    expect(got()).toEqual([])
    await pass(() => server.got.length > 0, 'the mail')
    expect(got()).toEqual([MAIL.to])
  })

  it('that is due while the database is away is sent when it is there', async () => {
    server.mood = 'later'
    await send()
    server.mood = 'takes'
    isAway = true
    await clock.pass(10 * MINUTE_MS)
    expect(server.connections).toBe(1)
    isAway = false
    await pass(() => server.got.length > 0, 'the mail')
    await pass(async () => (await waiting()).length === 0, 'the end of it', 1)
    await clock.pass(2 * DAY_MS)
    expect(got()).toEqual([MAIL.to])
    expect(await hasToken()).toBe(true)
  })

  it('that a server puts off for ever, or nobody needs any more, is given up', async () => {
    server.mood = 'later'
    await send()
    await send('known@example.com', false)
    await pass(async () => (await waiting()).length === 0, 'the end of it', 60 * MINUTE_MS)
    // Who had a token before may have it still.
    expect([await hasToken(), await hasToken('known@example.com')]).toEqual([false, true])
    const { connections } = server
    await send('b@example.com')
    isWanted = false
    await pass(async () => (await waiting()).length === 0, 'the end of the other')
    expect(server.connections).toBe(connections + 1)
    expect(await hasToken('b@example.com')).toBe(true)
  })

  it('that was asked for again meanwhile is sent once, and its token stays', async () => {
    server.mood = 'later'
    await send()
    server.mood = 'takes'
    await send(MAIL.to, false)
    await clock.pass(2 * DAY_MS)
    expect(got()).toEqual([MAIL.to])
    expect([await hasToken(), await waiting()]).toEqual([true, []])
  })

  it('is told of where too many wait already, and takes the place of none that was promised', async () => {
    server.mood = 'later'
    await send('first@example.com')
    const dueMs = clock.now() + 30 * MINUTE_MS
    await store.write((writable) =>
      writable.run(
        `INSERT INTO token_mail VALUES ${Array.from({ length: 1_000 }, (_, n) => `('n${n}', '', 0, ${clock.now()}, 0, ${dueMs}, '')`).join(', ')}`,
      ),
    )
    await expect(send()).rejects.toMatchObject({ code: 'SYSTEM' })
    expect(await hasToken()).toBe(false)
    const { connections } = server
    await pass(() => server.connections > connections, 'the second attempt')
    await pass(async () => (await attemptsAt('first@example.com')) !== 1, 'the end of it', 1)
    expect(await attemptsAt('first@example.com')).toBe(2)
    expect(await hasToken('first@example.com')).toBe(true)
  })

  it('that another process sends to the same address is the only one: a token that nobody gets is not kept', async () => {
    await new WaitingTokenMails(store).begin({ email: MAIL.to, token: 'other', isNew: true }, clock.now())
    await send()
    expect([got(), await waiting(), await hasToken()]).toEqual([[], [MAIL.to], false])
  })

  it('of which nobody knows whether it was taken is not sent again', async () => {
    server.mood = 'forgets'
    await send()
    await clock.pass(2 * DAY_MS)
    expect(got()).toEqual([MAIL.to])
    expect(await hasToken()).toBe(true)
  })

  it('keeps nobody waiting for a server that says nothing, and is sent when it is there', async () => {
    server.mood = 'silent'
    const answered = send()
    await tried(1)
    await clock.pass(5_000)
    await answered
    expect(await hasToken()).toBe(true)
    // It has given itself away: whoever waited is answered, and the mail goes on.
    server.mood = 'takes'
    server.hangUp()
    await pass(() => server.got.length > 0, 'the mail')
    expect(got()).toEqual([MAIL.to])
  })
})
