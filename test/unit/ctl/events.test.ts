import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { beforeEach, describe, expect, it } from 'vitest'
import type { EventReply, EventsReply } from '../../../src/core/control/routing-replies.ts'
import { followEvents } from '../../../src/ctl/events.ts'
import { eventLine, forgottenLines } from '../../../src/ctl/routing-text.ts'
import { ControlServer } from '../../../src/node/control/control-server.ts'
import { examplesOfDocument } from '../../support/control-examples.ts'
import { silentLog } from '../../support/silent-log.ts'

const { status, tunnels, routes, probe, drain, explain, trace, events } = examplesOfDocument()
const [EXAMPLE] = events.events

/** The event of a number: its node has the number in its name. */
function event(number: number, node = 'machine'): EventReply {
  if (!EXAMPLE) throw new Error('the document has no example of an event')
  return { ...EXAMPLE, number, node: `${node} ${number}` }
}

/** Those of a node that remembers some, and has seen so many. */
const remembered = (list: readonly EventReply[], last: number) => (after: number) => {
  const later = list.filter(({ number }) => number > after)
  return { events: later, forgotten: Math.max(0, last - after) - later.length, last }
}

let path: string
beforeEach(() => {
  path = join(mkdtempSync(join(tmpdir(), 're6st-events-')), 'control.sock')
})

/** A node that answers this until it is disposed of. */
async function serving(answer: (after: number) => EventsReply): Promise<ControlServer> {
  const server = new ControlServer(path, silentLog)
  await server.start()
  server.serve({
    status: () => status,
    tunnels: () => tunnels,
    routes: () => routes,
    explain: () => explain,
    trace: () => trace,
    events: answer,
    probe: async () => probe,
    drain: () => drain,
  })
  return server
}

/** Follows for as many looks as something is said to happen at, and one more. @returns the lines of each look */
async function follow(json: boolean, ...steps: readonly (() => unknown)[]): Promise<string[][]> {
  const looks: string[][] = [[]]
  const over = new AbortController()
  const clock = {
    sleep: async () => {
      const step = steps[looks.length - 1]
      if (!step) return over.abort()
      await step()
      looks.push([])
    },
  }
  await followEvents(path, { json, clock, signal: over.signal }, (line) => looks.at(-1)?.push(line))
  return looks
}

describe('following what happens on a node', () => {
  it('prints what happened last, then each event once, and says what it has missed', async () => {
    let answer = remembered([event(4), event(5)], 5)
    await using _ = await serving((after) => answer(after))
    const looks = await follow(
      false,
      () => {},
      () => {
        answer = remembered([event(5), event(6)], 6)
      },
      () => {
        answer = remembered([event(9)], 9)
      },
    )
    expect(looks).toEqual([
      [...forgottenLines(3), eventLine(event(4)), eventLine(event(5))],
      [],
      [eventLine(event(6))],
      [...forgottenLines(2), eventLine(event(9))],
    ])
  })

  it('prints JSON, a line for each event and nothing else', async () => {
    await using _ = await serving(remembered([event(7)], 7))
    expect((await follow(true)).flat().map((line) => JSON.parse(line))).toEqual([event(7)])
  })

  it('goes on with a node that was started anew, from its first event', async () => {
    let answer = remembered([event(30)], 30)
    await using _ = await serving((after) => answer(after))
    const looks = await follow(true, () => {
      answer = remembered([event(1, 'another'), event(2, 'another')], 2)
    })
    expect(looks.map((lines) => lines.map((line) => JSON.parse(line)))).toEqual([
      [event(30)],
      [event(1, 'another'), event(2, 'another')],
    ])
  })

  it('ends when the node does not answer any more', async () => {
    const server = await serving(remembered([], 0))
    await expect(follow(true, () => server[Symbol.asyncDispose]())).rejects.toThrow('re6stnet')
  })
})
