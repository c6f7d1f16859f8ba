import { describe, expect, it, vi } from 'vitest'
import { waitFor } from '../../../lab/wait-for.ts'
import { openStore } from '../../../src/registry/database/open-store.ts'
import { ExpiryMails, stageOf } from '../../../src/registry/expiry-mails.ts'
import type { Holder } from '../../../src/registry/holders.ts'
import { openMailer } from '../../../src/registry/mail.ts'
import { DATABASE_KIND, emptyDatabase, holdDatabaseClock } from '../../support/databases.ts'
import { mailbox } from '../../support/mailbox.ts'
import { OddMailServer } from '../../support/odd-mail-server.ts'
import { silentLog } from '../../support/silent-log.ts'
import { steppedClock } from '../../support/stepped-clock.ts'

const DAY_MS = 24 * 3600 * 1000
const HOUR_MS = 3600 * 1000
const START_MS = 1_700_000_000_000
const DEADLINE_MS = 20_000

const holder = (serial: number, email: string | null, endDays: number): Holder => ({
  ...{ serial, email, prefix: serial.toString(2).padStart(16, '0'), subjectSerial: serial },
  notAfterMs: START_MS + endDays * DAY_MS,
})

async function mailsOf(holders: readonly Holder[], other?: { readonly port: number }) {
  const box = await mailbox()
  const clock = steppedClock(START_MS)
  holdDatabaseClock(clock)
  const path = await emptyDatabase()
  let store = await openStore(path)
  let port = other?.port ?? box.port
  /** What of a round is under way: from one of these to the next one, it does not wait for anything. */
  let underWay = 0
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    underWay++
    try {
      return await work()
    } finally {
      underWay--
    }
  }
  const start = () =>
    new ExpiryMails({
      ...{ clock, log: silentLog, sender: 'ca@example.com', network: 'fd00:1::/48' },
      store: {
        write: (write, options) => step(() => store.write(write, options)),
        all: (sql, ...values) => step(() => store.all(sql, ...values)),
        commonTimeMs: (own) => step(() => store.commonTimeMs(own)),
      },
      async *ending(untilMs) {
        yield* holders.filter(({ notAfterMs }) => notAfterMs <= untilMs)
      },
      gracePeriodMs: 100 * DAY_MS,
      mailer: {
        send: (mail) =>
          step(() =>
            openMailer({
              ...{ mailhost: `127.0.0.1:${port}`, user: undefined, password: undefined, startTls: false },
            }).send(mail),
          ),
      },
    })
  let mails = start()
  /** Lets time pass an hour at a time, as mail servers take real time. */
  const pass = async (days: number) => {
    for (let hours = 0; hours < days * 24; hours += 6) {
      await clock.pass(6 * HOUR_MS)
      await idle()
    }
  }
  const passHours = async (hours: number) => {
    await clock.pass(hours * HOUR_MS)
    await idle()
  }
  /** Until a round that has begun is over. */
  const idle = () =>
    waitFor(
      async () => {
        await new Promise((resolve) => setImmediate(resolve))
        return underWay === 0
      },
      { what: 'the mails', deadlineMs: DEADLINE_MS, intervalMs: 1 },
    )
  return {
    ...{ box, pass, passHours },
    note: (serial: number, stage: number, date: number) =>
      store.write((writable) =>
        writable.run('INSERT INTO expiry_mail VALUES (?, ?, ?)', ...[serial, stage, date]),
      ),
    sent: () =>
      box.received.map(({ to, text }) => [
        to[0],
        /^Subject: (.*(?:\n .*)*)/m.exec(text)?.[1]?.replace(/\n/g, ''),
      ]),
    arrived: (count: number) =>
      waitFor(() => box.received.length >= count, {
        what: 'mails',
        deadlineMs: DEADLINE_MS,
        intervalMs: 10,
      }),
    async restart() {
      await mails[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      store = await openStore(path)
      mails = start()
    },
    breakServer: (isBroken: boolean) => {
      port = isBroken ? 1 : box.port
    },
    async [Symbol.asyncDispose]() {
      await mails[Symbol.asyncDispose]()
      await store[Symbol.asyncDispose]()
      await box[Symbol.asyncDispose]()
    },
  }
}

describe('the owner of a certificate that nobody renews', () => {
  it('hears of its end 30, 7 and 1 days before, and then, each once, also over restarts', async () => {
    await using mails = await mailsOf([
      holder(1, 'a@example.com', 40.05),
      holder(2, null, 40),
      holder(3, 'not one', 40),
    ])
    const counts: number[] = []
    //                  day: 9      12      32       34      38      40      42      45
    const steps = [
      [9, 0],
      [3, 1],
      [20, 1],
      [2, 2],
      [4, 2],
      [2, 3],
      [2, 4],
      [3, 4],
    ] as const
    for (const [days, sent] of steps) {
      await mails.pass(days)
      await mails.arrived(sent)
      await mails.restart()
      counts.push(mails.box.received.length)
    }
    expect(counts).toEqual(steps.map(([, sent]) => sent))
    expect(new Set(mails.sent().map(([to]) => to))).toEqual(new Set(['a@example.com']))
    const texts = mails.box.received.map(({ text }) => text)
    expect(texts[0]).toContain('1/16')
    expect(texts[0]).toContain(new Date(START_MS + 40 * DAY_MS).toISOString().slice(0, 10))
    expect(texts[3]).toContain('re6st-conf')
    expect(texts[3]).toContain(new Date(START_MS + 140 * DAY_MS).toISOString().slice(0, 10))
  }, 60_000)

  it('hears only of what is due now when the registry was off', async () => {
    await using mails = await mailsOf([holder(1, 'a@example.com', 3), holder(2, 'b@example.com', -3)])
    await mails.pass(1)
    await mails.arrived(2)
    expect(
      mails
        .sent()
        .map(([to]) => to)
        .sort(),
    ).toEqual(['a@example.com', 'b@example.com'])
  }, 30_000)

  it('hears of it when the registry died while it sent the mail, and once when others send, too', async () => {
    await using mails = await mailsOf([holder(1, 'a@example.com', 5), holder(2, 'b@example.com', 5)])
    const now = START_MS / 1000
    // Somebody has begun with both: with one long ago.
    await mails.note(1, 7, -(now - 3600))
    await mails.note(2, 7, -(now + 2 * 3600))
    await mails.passHours(2)
    await mails.arrived(1)
    expect(mails.sent().map(([to]) => to)).toEqual(['a@example.com'])
    await mails.pass(1)
    await mails.arrived(2)
    await mails.pass(1)
    expect(mails.sent().map(([to]) => to)).toEqual(['a@example.com', 'b@example.com'])
  }, 30_000)

  it('hears of it later when no mail server takes the mail', async () => {
    await using mails = await mailsOf([holder(1, 'a@example.com', 5)])
    mails.breakServer(true)
    await mails.pass(1)
    expect(mails.box.received).toHaveLength(0)
    mails.breakServer(false)
    await mails.pass(1)
    await mails.arrived(1)
    expect(mails.box.received).toHaveLength(1)
  }, 30_000)
})

describe('a mail server that does not take a mail', () => {
  const ALL = ['a@example.com', 'b@example.com', 'c@example.com']
  const holders = ALL.map((email, at) => holder(at + 1, email, 5))

  it('keeps no owner of another machine from theirs, and is asked again after a day', async () => {
    await using server = await OddMailServer.start()
    server.unwanted.add('a@example.com')
    await using mails = await mailsOf(holders, server)
    await mails.passHours(1)
    const got = () => server.got.map(({ to }) => to).sort()
    expect(got()).toEqual(ALL.slice(1))
    const { connections } = server
    for (let hours = 0; hours < 22; hours++) await mails.passHours(1)
    expect(server.connections).toBe(connections)
    // It was the server that was set up wrongly.
    server.unwanted.clear()
    for (let hours = 0; hours < 3; hours++) await mails.passHours(1)
    expect(got()).toEqual(ALL)
  }, 30_000)

  it('gets those that it has put off an hour later, and all of them once', async () => {
    await using server = await OddMailServer.start()
    server.mood = 'later'
    await using mails = await mailsOf(holders, server)
    await mails.passHours(1)
    expect(server.connections).toBe(3)
    server.mood = 'takes'
    for (let hours = 0; hours < 5; hours++) await mails.passHours(1)
    expect(server.got.map(({ to }) => to).sort()).toEqual(ALL)
  }, 30_000)

  it.each([
    ['puts off', 'putOff'],
    ['hangs up at', 'dreaded'],
  ] as const)(
    'keeps no owner from theirs by however many others that it %s for ever',
    async (_, kind) => {
      await using server = await OddMailServer.start()
      const others = Array.from({ length: 210 }, (_, at) => holder(at + 1, `p${at}@example.com`, 5))
      for (const { email } of others) server[kind].add(email ?? '')
      await using mails = await mailsOf(
        [...others, holder(1_000, 'a@example.com', 6), holder(1_001, 'b@example.com', 6)],
        server,
      )
      // They are asked again all the time, those that have waited for longest first.
      const hours = kind === 'putOff' ? 3 : 44
      for (let hour = 0; hour < hours; hour++) await mails.passHours(1)
      expect(server.got.map(({ to }) => to).sort()).toEqual(['a@example.com', 'b@example.com'])
      server[kind].clear()
      for (let hour = 0; hour < 4; hour++) await mails.passHours(1)
      const got = server.got.map(({ to }) => to)
      expect(got).toHaveLength(212)
      expect(new Set(got)).toHaveProperty('size', 212)
    },
    60_000,
  )

  it('gets none twice that it may have, since it was gone before it said so', async () => {
    await using server = await OddMailServer.start()
    server.mood = 'forgets'
    await using mails = await mailsOf(holders, server)
    for (let hours = 0; hours < 5; hours++) await mails.passHours(1)
    expect(server.got.map(({ to }) => to).sort()).toEqual(ALL)
  }, 30_000)
})

it('a machine that runs has a day to renew by itself before its owner hears of it', () => {
  const leftDays = (days: number) => stageOf(days * DAY_MS, 0)
  expect([31, 30, 29.1, 28.9, 7.1, 7, 1.1, 1, 0.1, 0, -50].map(leftDays)).toEqual([
    undefined,
    undefined,
    undefined,
    30,
    30,
    7,
    7,
    1,
    1,
    0,
    0,
  ])
})

// A database that is a file has one machine.
describe.runIf(DATABASE_KIND === 'PostgreSQL')('with PostgreSQL', () => {
  it.each([
    ['ahead', HOUR_MS],
    ['behind', -HOUR_MS],
  ])('a mail is sent once also where the clock of another machine is an hour %s', async (_, apartMs) => {
    const database = await emptyDatabase()
    let taken: () => void = () => {}
    const taking = new Promise<void>((resolve) => {
      taken = resolve
    })
    const sent: string[] = []
    const process = async (nowMs: number) => {
      const [store, clock] = [await openStore(database), steppedClock(nowMs)]
      const mails = new ExpiryMails({
        ...{ store, clock, log: silentLog, sender: 'ca@example.com', network: 'fd00:1::/48' },
        async *ending() {
          yield { ...holder(1, 'ann@example.com', 0), notAfterMs: Date.now() + 3 * DAY_MS }
        },
        gracePeriodMs: 100 * DAY_MS,
        mailer: {
          async send({ to }) {
            sent.push(to)
            await taking
          },
        },
      })
      return {
        ...{ store, clock },
        async [Symbol.asyncDispose]() {
          await mails[Symbol.asyncDispose]()
          await store[Symbol.asyncDispose]()
        },
      }
    }
    await using one = await process(Date.now())
    await using other = await process(Date.now() + apartMs)
    await one.clock.pass(60_000)
    await expect.poll(() => sent.length).toBe(1)
    const looked = vi.spyOn(other.store, 'all')
    const written = vi.spyOn(other.store, 'write')
    await other.clock.pass(60_000)
    await expect.poll(() => looked.mock.calls.length).toBeGreaterThan(0)
    await expect.poll(() => written.mock.calls.length).toBe(1)
    // It could not claim it: by then it has been told so.
    await written.mock.results[0]?.value
    taken()
    await expect
      .poll(async () => (await other.store.all('SELECT date FROM expiry_mail WHERE date > 0')).length)
      .toBe(1)
    expect(sent).toHaveLength(1)
  })
})
