import { expect, it } from 'vitest'
import { Countries } from '../../../src/node/countries.ts'
import { systemClock } from '../../../src/platform/clock.ts'
import { silentLog } from '../../support/silent-log.ts'

const MINUTE_MS = 60_000

function countries(getCountry: (address: string) => Promise<string | undefined>) {
  let nowMs = 0
  const asked: string[] = []
  let answered = 0
  const it = new Countries({
    getCountry: (address) => {
      asked.push(address)
      return getCountry(address)
    },
    clock: { ...systemClock, monotonicMs: () => nowMs },
    log: silentLog,
    signal: new AbortController().signal,
    onAnswered: () => answered++,
  })
  return { it, asked, answered: () => answered, pass: (ms: number) => (nowMs += ms) }
}

it('the registry is asked once for each address, and never for one that is private or a name', async () => {
  const { it, asked, answered } = countries(async () => 'FR')
  expect(it.of('203.0.113.1')).toBeUndefined()
  expect(it.of('203.0.113.1')).toBeUndefined()
  await it.ready(['203.0.113.1', '192.168.1.1', 'fd00::1', 're6st.example.com'])
  expect(it.of('203.0.113.1')).toBe('FR')
  expect(asked).toEqual(['203.0.113.1'])
  expect(answered()).toBe(1)
})

it('a registry that does not know is asked again, but not soon', async () => {
  const answers = [undefined, undefined, 'DE']
  const { it, asked, pass } = countries(async () => answers.shift())
  for (const count of [1, 2, 3]) {
    await it.ready(['203.0.113.1'])
    await it.ready(['203.0.113.1'])
    expect(asked).toHaveLength(count)
    pass(11 * MINUTE_MS)
  }
  expect(it.of('203.0.113.1')).toBe('DE')
})

it('a registry that does not answer is asked once in a minute, however many countries are wanted', async () => {
  const answers = [Promise.reject(new Error('no answer'))]
  const { it, asked, pass } = countries(() => answers.shift() ?? Promise.resolve('FR'))
  const hosts = ['203.0.113.1', '203.0.113.2', '203.0.113.3']
  await it.ready(hosts)
  await it.ready(hosts)
  expect(asked).toHaveLength(1)
  pass(MINUTE_MS)
  await it.ready(hosts)
  expect(hosts.map((host) => it.of(host))).toEqual(['FR', 'FR', 'FR'])
  expect(asked).toHaveLength(4)
})

it('what was known before needs no registry', () => {
  const { it, asked } = countries(async () => 'DE')
  it.remember('203.0.113.1', 'FR')
  expect(it.of('203.0.113.1')).toBe('FR')
  expect(asked).toEqual([])
})
