import { describe, expect, it } from 'vitest'
import type { WayOutcome } from '../../../../src/core/session/way.ts'
import {
  networkOfBits,
  nodeAddress,
  type Prefix,
  prefixOfSubnetName,
} from '../../../../src/core/values/prefix.ts'
import { trace } from '../../../../src/node/trace/trace.ts'
import { WayQuestions } from '../../../../src/node/trace/way-questions.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

/** 2001:db8:42::/48 */
const network = networkOfBits('001000000000000100001101101110000000000001000010')

function named(name: string): Prefix {
  const prefix = prefixOfSubnetName(name)
  if (!prefix.ok) throw new Error(prefix.reason)
  return prefix.value
}
const addressOf = (name: string) => nodeAddress(network, named(name))

/** Says of nodes, by name, where they send what is for another. */
type Ways = Readonly<Record<string, Readonly<Record<string, string>> | 'not understood' | 'no answer'>>

const traced = (target: string, ways: Ways, packets: readonly (string | undefined)[] = []) => {
  const nameOf = (prefix: Prefix) => Object.keys(ways).find((name) => named(name) === prefix) ?? ''
  return trace(named(target), {
    ...{ network, own: named('1/16'), nodes: Object.keys(ways).map(named) },
    wayOf: async (prefix, to): Promise<WayOutcome> => {
      const said = ways[nameOf(prefix)] ?? 'no answer'
      if (typeof said === 'string') return said
      const next = said[nameOf(to)]
      if (next === undefined) return { target: to, next: undefined, rttMs: undefined, metric: undefined }
      return { target: to, next: next === '?' ? undefined : named(next), rttMs: 10, metric: 96 }
    },
    pinger: {
      rttMs: async (address) => (address === addressOf('4/16') ? undefined : 20),
      hops: async () => packets,
    },
  })
}

const names = ({ hops }: { hops: readonly { node: string | null }[] }) => hops.map(({ node }) => node)

describe('the way', () => {
  it('there and back is that of those who are on it, with round-trip times', async () => {
    const { there, back, address } = await traced('3/16', {
      '1/16': { '3/16': '2/16' },
      '2/16': { '3/16': '3/16' },
      '3/16': { '1/16': '4/16' },
      '4/16': { '1/16': '1/16' },
    })
    expect(address).toBe(addressOf('3/16'))
    expect(names(there)).toEqual(['2/16', '3/16'])
    expect(there).toMatchObject({ complete: true, problem: null })
    expect(there.hops[0]).toEqual({
      ...{ node: '2/16', address: addressOf('2/16'), linkMs: 10, roundTripMs: 20, foundBy: 'routing' },
    })
    expect(names(back)).toEqual(['4/16', '1/16'])
    // One that does not answer to packets, and we ourselves.
    expect(back.hops.map(({ roundTripMs }) => roundTripMs)).toEqual([null, null])
  })

  it('through nodes that do not know the question is shown by packets; back, it is lost there', async () => {
    const ways: Ways = {
      '1/16': { '4/16': '2/16' },
      '2/16': 'not understood',
      '3/16': { '4/16': '4/16', '1/16': '2/16' },
      '4/16': { '1/16': '3/16' },
    }
    const { there, back } = await traced('4/16', ways, ['2/16', '3/16', '4/16'].map(addressOf))
    expect(there.hops.map(({ node, foundBy }) => [node, foundBy])).toEqual([
      ['2/16', 'routing'],
      ['3/16', 'packets'],
      ['4/16', 'routing'],
    ])
    expect(there.complete).toBe(true)
    expect(names(back)).toEqual(['3/16', '2/16'])
    expect(back).toMatchObject({ complete: false })
    expect(back.problem).toContain('2/16 does not know the question: it runs the Python implementation')
  })

  it.each<[string, Ways, (string | undefined)[], string]>([
    ['a circle', { '1/16': { '3/16': '2/16' }, '2/16': { '3/16': '1/16' }, '3/16': {} }, [], 'in a circle'],
    ['no way', { '1/16': {}, '3/16': {} }, [], '1/16 has no way to 3/16'],
    ['a stranger', { '1/16': { '3/16': '?' }, '3/16': {} }, [], 'does not know yet who its next hop is'],
    [
      'a name that is too long',
      { '1/16': { '3/16': '2/16' }, '2/16': { '3/16': '5/100' }, '3/16': {} },
      [],
      'names a node that cannot be',
    ],
    ['silence', { '1/16': { '3/16': '2/16' }, '2/16': 'no answer', '3/16': {} }, [], '2/16 does not answer'],
    [
      'a hop that shows nothing',
      { '1/16': { '3/16': '2/16' }, '2/16': 'no answer', '3/16': {} },
      [addressOf('2/16'), undefined, addressOf('3/16')],
      '2/16 does not answer',
    ],
    [
      'a hop outside the network',
      { '1/16': { '3/16': '2/16' }, '2/16': 'no answer', '3/16': {} },
      [addressOf('2/16'), '2001:db8:ffff::1'],
      "is none of the network's nodes",
    ],
  ])('that ends with %s says so', async (_, ways, packets, problem) => {
    const { there } = await traced('3/16', ways, packets)
    expect(there.complete).toBe(false)
    expect(there.problem).toContain(problem)
  })
})

describe('a question', () => {
  const rig = () => {
    const asked: Prefix[] = []
    const clock = steppedClock()
    return { asked, clock, questions: new WayQuestions({ clock, ask: (prefix) => void asked.push(prefix) }) }
  }
  const [TWO, THREE, FOUR] = ['2/16', '3/16', '4/16'].map(named) as [Prefix, Prefix, Prefix]
  const answer = { target: THREE, next: THREE, rttMs: 1, metric: 96 }

  it('has the answer of the one who was asked, for the node that was asked for', async () => {
    const { questions, asked } = rig()
    const outcomes = Promise.all([questions.ask(TWO, THREE), questions.ask(TWO, THREE)])
    questions.answered(FOUR, answer)
    questions.acknowledged(TWO, FOUR)
    questions.answered(TWO, answer)
    questions.answered(TWO, { ...answer, rttMs: 2 })
    expect(await outcomes).toEqual([answer, answer])
    expect(asked).toEqual([TWO, TWO])
  })

  it('that is acknowledged before it is answered was understood: nobody knows what is acknowledged', async () => {
    const { questions, clock } = rig()
    const outcome = questions.ask(TWO, THREE)
    questions.acknowledged(TWO, THREE)
    await clock.pass(100)
    questions.answered(TWO, answer)
    expect(await outcome).toEqual(answer)
    const again = questions.ask(TWO, THREE)
    await clock.pass(1_000)
    questions.answered(TWO, answer)
    expect(await again).toEqual(answer)
  })

  it('that is only acknowledged was not understood; without anything there is no answer', async () => {
    const { questions, clock } = rig()
    const understood = questions.ask(TWO, THREE)
    questions.acknowledged(TWO, THREE)
    await clock.pass(1_000)
    expect(await understood).toBe('not understood')
    const silent = questions.ask(TWO, THREE)
    await clock.pass(10_000)
    expect(await silent).toBe('no answer')
  })
})
