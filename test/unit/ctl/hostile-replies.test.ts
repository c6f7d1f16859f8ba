import { expect, it } from 'vitest'
import { readRe6stCommandLine } from '../../../src/core/options/re6st-options.ts'
import { refuse } from '../../../src/core/result.ts'
import { answerTo } from '../../../src/ctl/main.ts'
import { examplesOfDocument } from '../../support/control-examples.ts'

const examples = examplesOfDocument()
/** What a terminal obeys: with C1, of which \x9b is the same as \x1b[. */
const COMMAND = '\x1b[2J\x9b31m\r'

/** Copies of a reply, in each of which one text ends with what a terminal obeys. */
function* hostileCopies(reply: unknown): Generator<{ copy: unknown; where: string }> {
  const copy = structuredClone(reply)
  const texts: { holder: Record<string, unknown>; name: string; where: string }[] = []
  const visit = (value: unknown, where: string) => {
    if (typeof value !== 'object' || value === null) return
    for (const [name, inner] of Object.entries(value)) {
      if (typeof inner === 'string') texts.push({ holder: value as Record<string, unknown>, name, where })
      else visit(inner, `${where}/${name}`)
    }
  }
  visit(copy, '')
  for (const { holder, name, where } of texts) {
    const before = String(holder[name])
    holder[name] = `${before}${COMMAND}`
    yield { copy, where: `${where}/${name}` }
    holder[name] = before
  }
}

const { status } = examples
const CUT_OFF = {
  ...{ since: '2026-11-23T21:39:20Z', connecting: ['2/16'], tunnels: ['0/16'], registryAskedAt: null },
}
const REPLIES: Readonly<Record<string, readonly unknown[]>> = {
  status: [
    status,
    {
      ...{ ...status, connected: false, cutOff: CUT_OFF },
      failing: [{ what: 'configuration', reason: 'an older one' }],
      registry: { ...status.registry, lastError: 'refused' },
      multicast: { routing: false, reason: 'no smcrouted', streams: 0, groups: 0 },
    },
  ],
  tunnels: [examples.tunnels],
  routes: [examples.routes],
  'routes 5/16': [examples.explain],
  'trace 5/16': [
    examples.trace,
    { ...examples.trace, back: { ...examples.trace.back, problem: 'no answer' } },
  ],
  events: [examples.events],
}

it.each(Object.keys(REPLIES))(
  'nothing that others say reaches a terminal as a command: re6st %s',
  async (words) => {
    const read = readRe6stCommandLine(words.split(' '), () => refuse('no such file'))
    if (!read.ok || read.value.kind !== 'run' || !('controlSocket' in read.value.options))
      throw new Error(words)
    const { options } = read.value
    const look = { colours: false, nowMs: Date.parse('2026-11-23T21:40:00Z') }
    let seen = 0
    for (const reply of REPLIES[words] ?? [])
      for (const { copy, where } of hostileCopies(reply)) {
        const { text } = await answerTo(options, look, () => Promise.resolve(copy as never))
        expect(text.replaceAll('\n', ''), where).not.toMatch(/\p{Cc}/u)
        if (text.includes('\\u001b')) seen++
      }
    expect(seen).toBeGreaterThan(3)
  },
)
