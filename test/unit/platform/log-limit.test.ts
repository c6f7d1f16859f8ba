import { expect, it } from 'vitest'
import { LogLimit } from '../../../src/platform/log-limit.ts'

const MINUTE_MS = 60_000

function limit(options?: { readonly burst: number }) {
  let nowMs = 0
  const written: string[] = []
  const it = new LogLimit({ monotonicMs: () => nowMs }, options)
  return {
    written,
    say: (kind: string) => it.write(kind, ({ omitted = 0 }) => written.push(`${kind} ${omitted}`)),
    forget: () => it.forget(),
    pass: (ms: number) => (nowMs += ms),
  }
}

it('of each kind, a few lines are written at once, then one in ten minutes that says how many were not', () => {
  const { written, say, pass } = limit()
  for (let time = 0; time < 8; time++) say('one')
  say('other')
  expect(written).toEqual([...Array(5).fill('one 0'), 'other 0'])
  pass(10 * MINUTE_MS)
  say('one')
  say('one')
  expect(written.slice(6)).toEqual(['one 3'])
})

it('what is tried again and again is told of once, until it succeeds', () => {
  const { written, say, forget, pass } = limit({ burst: 1 })
  for (let time = 0; time < 8; time++) {
    say('one')
    pass(MINUTE_MS)
  }
  expect(written).toEqual(['one 0'])
  forget()
  say('one')
  expect(written).toEqual(['one 0', 'one 0'])
})

it('kinds without an end cost no memory', () => {
  const { written, say } = limit({ burst: 1 })
  for (let time = 0; time < 300; time++) say(`kind ${time}`)
  say('kind 299')
  say('kind 0') // forgotten
  expect(written).toHaveLength(301)
})
