import { beforeEach, describe, expect, it } from 'vitest'
import { WaitingLine } from '../../../../src/core/session/waiting-line.ts'

const body = (text: string) => Buffer.from(text)
let line: WaitingLine
beforeEach(() => {
  line = new WaitingLine()
})
const taken = () => line.take().map(({ body, attempts }) => [String(body), attempts])

it('is taken in the order in which it was said, and once', () => {
  for (const text of ['a', 'b']) line.add(body(text), 0)
  expect(line.isEmpty).toBe(false)
  expect(taken()).toEqual([
    ['a', 0],
    ['b', 0],
  ])
  expect([line.isEmpty, taken()]).toEqual([true, []])
})

it('what is said again waits once, from then on', () => {
  for (const [text, atMs] of [
    ['a', 0],
    ['b', 1_000],
    ['a', 9_000],
  ] as const)
    line.add(body(text), atMs)
  line.giveUp(11_000)
  expect(taken()).toEqual([['a', 0]])
})

it('waits ten seconds', () => {
  line.add(body('a'), 1_000)
  line.giveUp(10_999)
  expect(line.isEmpty).toBe(false)
  line.giveUp(11_000)
  expect(line.isEmpty).toBe(true)
})

it('holds eight: the oldest gives way', () => {
  for (let n = 0; n < 20; n++) line.add(body(`${n}`), n)
  expect(taken().map(([text]) => text)).toEqual(['12', '13', '14', '15', '16', '17', '18', '19'])
})

describe('what was said in a session that is lost', () => {
  it('goes first, and has been said before', () => {
    line.add(body('new'), 0)
    line.addLost([{ body: body('old'), attempts: 2 }], 0)
    expect(taken()).toEqual([
      ['old', 2],
      ['new', 0],
    ])
  })

  it('gives way to what was never said', () => {
    for (let n = 0; n < 7; n++) line.add(body(`new ${n}`), 0)
    line.addLost(
      [1, 2].map((n) => ({ body: body(`old ${n}`), attempts: 1 })),
      0,
    )
    expect(taken().map(([text]) => text)).toEqual(['old 2', ...[0, 1, 2, 3, 4, 5, 6].map((n) => `new ${n}`)])
  })
})

it('a greeting goes before all else, if it is not said anyway', () => {
  line.add(body('a'), 0)
  line.addFirst(body('a'), 0)
  line.addFirst(body('b'), 0)
  expect(taken()).toEqual([
    ['b', 0],
    ['a', 0],
  ])
})
