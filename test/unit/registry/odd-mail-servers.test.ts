import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { fateOf, type Mail, openMailer } from '../../../src/registry/mail.ts'
import { TokenMails } from '../../../src/registry/token-mails.ts'
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
  let mails: TokenMails
  let given: string[]
  let isWanted: boolean
  /** Whether nobody can say whether it is of use. */
  let isAway: boolean

  beforeEach(() => {
    given = []
    isWanted = true
    isAway = false
    const own = mailer()
    mails = new TokenMails({ mailer: own, clock, log: silentLog })
  })
  afterEach(() => mails[Symbol.dispose]())

  const send = (to = MAIL.to) =>
    mails.send({
      mail: { ...MAIL, to },
      isWanted: async () => {
        if (isAway) throw new Error('the database is away')
        return isWanted
      },
      giveUp: async () => void given.push(to),
    })
  const tried = (times: number) =>
    waitFor(() => server.connections === times, {
      what: 'the mail server',
      deadlineMs: 20_000,
      intervalMs: 5,
    })
  const got = () => server.got.map(({ to }) => to)

  it.each(['refuses', 'closed'] as const)(
    'that a server %s is told of, and nothing is left',
    async (mood) => {
      server.mood = mood
      await expect(send()).rejects.toMatchObject({ code: 'SYSTEM' })
      expect(given).toEqual([MAIL.to])
      await clock.pass(2 * DAY_MS)
      expect(server.connections).toBe(1)
    },
  )

  it('that a server puts off is sent later, once', async () => {
    server.mood = 'later'
    await send()
    await clock.pass(MINUTE_MS)
    await tried(2)
    server.mood = 'takes'
    await waitFor(
      async () => {
        await clock.pass(MINUTE_MS)
        return server.got.length > 0
      },
      { what: 'the mail', deadlineMs: 20_000, intervalMs: 5 },
    )
    await clock.pass(DAY_MS)
    expect(got()).toEqual([MAIL.to])
    expect(given).toEqual([])
  })

  it('that is due while the database is away is sent when it is there', async () => {
    server.mood = 'later'
    await send()
    server.mood = 'takes'
    isAway = true
    await clock.pass(10 * MINUTE_MS)
    expect(server.connections).toBe(1)
    isAway = false
    await waitFor(
      async () => {
        await clock.pass(MINUTE_MS)
        return server.got.length > 0
      },
      { what: 'the mail', deadlineMs: 20_000, intervalMs: 5 },
    )
    await clock.pass(2 * DAY_MS)
    expect(got()).toEqual([MAIL.to])
    expect(given).toEqual([])
  })

  it('that a server puts off for ever, or nobody needs any more, is given up', async () => {
    server.mood = 'later'
    await send()
    await waitFor(
      async () => {
        await clock.pass(60 * MINUTE_MS)
        return given.length > 0
      },
      { what: 'the end of it', deadlineMs: 20_000, intervalMs: 5 },
    )
    const { connections } = server
    await send('b@example.com')
    isWanted = false
    await clock.pass(DAY_MS)
    expect(server.connections).toBe(connections + 1)
    expect(given).toEqual([MAIL.to])
  })

  it('that was asked for again meanwhile is sent once, and its token stays', async () => {
    server.mood = 'later'
    await send()
    server.mood = 'takes'
    await send()
    await clock.pass(2 * DAY_MS)
    expect(got()).toEqual([MAIL.to])
    expect(given).toEqual([])
  })

  it('of which nobody knows whether it was taken is not sent again', async () => {
    server.mood = 'forgets'
    await send()
    await clock.pass(2 * DAY_MS)
    expect(got()).toEqual([MAIL.to])
    expect(given).toEqual([])
  })

  it('keeps nobody waiting for a server that says nothing, and is sent when it is there', async () => {
    server.mood = 'silent'
    const answered = send()
    await tried(1)
    await clock.pass(5_000)
    await answered
    expect(given).toEqual([])
    // It has given itself away: whoever waited is answered, and the mail goes on.
    server.mood = 'takes'
    server.hangUp()
    await waitFor(
      async () => {
        await clock.pass(MINUTE_MS)
        return server.got.length > 0
      },
      { what: 'the mail', deadlineMs: 20_000, intervalMs: 5 },
    )
    expect(got()).toEqual([MAIL.to])
  })
})
