import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { FastifyReply } from 'fastify'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { API_LIMITS } from '../../../../src/registry/api/limits.ts'
import { TopologyStream } from '../../../../src/registry/api/topology-stream.ts'
import { type SteppedClock, steppedClock } from '../../../support/stepped-clock.ts'

const MINUTE_MS = 60_000

let clock: SteppedClock
let listeners: Set<() => void>
let stream: TopologyStream

beforeEach(() => {
  clock = steppedClock()
  listeners = new Set()
  stream = new TopologyStream(
    {
      snapshot: async () => ({ revision: 1 }),
      subscribe: (listener: (change: { revision: number }) => void) => {
        const tell = () => listener({ revision: 2 })
        listeners.add(tell)
        return { [Symbol.dispose]: () => void listeners.delete(tell) }
      },
    } as unknown as ConstructorParameters<typeof TopologyStream>[0],
    clock,
  )
})

type Session = Parameters<TopologyStream['open']>[2]

/** The answer to a browser that reads nothing: it has no connection. */
function browser() {
  const raw = new ServerResponse(new IncomingMessage(new Socket()))
  const errors: unknown[] = []
  raw.on('error', (error) => errors.push(error))
  const reply = { raw, hijack: () => {} } as unknown as FastifyReply
  /** As the server does when the connection is lost. */
  const leave = () => {
    raw.destroy()
    raw.emit('close')
  }
  return {
    raw,
    errors,
    leave,
    open: (source = 'here', session?: Session) => stream.open(source, reply, session),
  }
}

/** What is written from now on. */
function writtenTo(raw: ServerResponse): readonly string[] {
  const written: string[] = []
  vi.spyOn(raw, 'write').mockImplementation((text) => {
    written.push(String(text))
    return true
  })
  return written
}

const changed = () => {
  for (const tell of [...listeners]) tell()
}

describe('a page that reads nothing, of a laptop that sleeps,', () => {
  it('is left after ten minutes, and nothing is said to it any more', async () => {
    const { raw, errors, open } = browser()
    await open()
    changed()
    expect([listeners.size, raw.destroyed]).toEqual([1, false])
    await clock.pass(10 * MINUTE_MS)
    changed()
    await clock.pass(MINUTE_MS)
    expect(errors).toEqual([])
    expect([listeners.size, raw.destroyed]).toEqual([0, true])
  })
})

describe('a page that nobody uses', () => {
  it.each([
    ['idleEnd', 4],
    ['end', 7],
  ])('is told nothing after its session has ended: %s', async (end, minutes) => {
    const { raw, open } = browser()
    const at = (clock.now() + minutes * MINUTE_MS) / 1000
    await open('here', { idleEnd: at + 3600, end: at + 3600, [end]: at })
    await clock.pass(minutes * MINUTE_MS - 1)
    expect([listeners.size, raw.destroyed]).toEqual([1, false])
    await clock.pass(1)
    expect([listeners.size, raw.destroyed]).toEqual([0, true])
  })
})

describe('pages', () => {
  it('are so many at once of one address, and each that is closed makes room', async () => {
    const pages = Array.from({ length: API_LIMITS.streamsPerSource }, browser)
    for (const page of pages) await page.open()
    await expect(browser().open()).rejects.toMatchObject({ status: 503 })
    await browser().open('elsewhere')
    pages[0]?.leave()
    await browser().open()
  })

  it('that are gone before they are answered take no room', async () => {
    for (let page = 0; page < 2 * API_LIMITS.streams; page++) {
      const { leave, open } = browser()
      leave()
      await open()
    }
    await browser().open()
    expect(listeners.size).toBe(1)
  })
})

it('says every 1.5 s that it is alive, so that a connection that is lost without a word is noticed', async () => {
  const { raw, open } = browser()
  const written = writtenTo(raw)
  await open()
  await clock.pass(4_500)
  expect(written.slice(1)).toEqual(Array(3).fill('event: alive\ndata: {}\n\n'))
  // What was not read yet says as much: more of it would be the end of a slow line.
  vi.spyOn(raw, 'writableLength', 'get').mockReturnValue(1)
  await clock.pass(4_500)
  expect(written).toHaveLength(4)
})

it('asks its browser to connect again within a second of its end, so that what changes is seen in time', async () => {
  const { raw, open } = browser()
  const written = writtenTo(raw)
  await open()
  expect(written[0]).toMatch(/^retry: 1000\nid: 1\nevent: snapshot\n/)
})
