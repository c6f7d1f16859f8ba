import { expect, test } from 'vitest'
import { Board } from '../../../demo/board.ts'
import { jsonDisplay, plainDisplay, type Summary } from '../../../demo/displays.ts'
import { samplePicture } from '../../support/sample-picture.ts'

const output = () => {
  const written: string[] = []
  return { written, write: (text: string) => written.push(text) }
}
const summary: Summary = {
  ok: true,
  problem: undefined,
  nodes: 9,
  convergedSeconds: 7.25,
  outages: [{ what: 'n3 killed', from: 'n4', to: 'n6', seconds: 2.4 }],
}

test('without a terminal each event is a line, without escape sequences', () => {
  const to = output()
  const board = new Board(samplePicture().machines)
  const display = plainDisplay(board, to, 'http://localhost:1/')
  board.step('The registry starts')
  board.tell('machine', 'n1 is enrolled')
  display.converged()
  display.finish(summary)
  const text = to.written.join('')
  expect(text).toMatch(/^The network live: http:\/\/localhost:1\/$/m)
  expect(text).toMatch(/^ +\d+\.\d s {2}n1 is enrolled$/m)
  expect(text).toContain('packets from n4 to n6 flowed again after 2.4 s')
  expect(text).toMatch(/The demo succeeded\.\n$/)
  expect(text).not.toContain('\x1b')
})

test('as JSON each event is an object on a line, the last one the summary', () => {
  const to = output()
  const board = new Board(samplePicture().machines)
  const display = jsonDisplay(board, to, 'http://localhost:1/')
  board.tell('machine', 'n1 is enrolled')
  board.machine('n3', { stage: 'killed' })
  board.machine('n3', { stage: 'killed' })
  board.outage({ what: 'n3 killed', from: 'n4', to: 'n6', seconds: undefined })
  display.finish(summary)
  const events = to.written.map((line) => JSON.parse(line) as { event: string; name?: string })
  expect(events.map(({ event }) => event)).toEqual(['page', 'story', 'machine', 'outage', 'summary'])
  expect(events[2]).toMatchObject({ name: 'n3', stage: 'killed' })
  expect(events.at(-1)).toMatchObject({ ok: true, nodes: 9, convergedSeconds: 7.25 })
})

test('a failure says why', () => {
  const to = output()
  plainDisplay(new Board([]), to, '').finish({ ...summary, ok: false, problem: '4 pairs are missing' })
  expect(to.written.join('')).toContain('The demo failed: 4 pairs are missing')
})
