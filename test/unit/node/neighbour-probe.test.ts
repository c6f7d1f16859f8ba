import { beforeEach, describe, expect, it } from 'vitest'
import { type Network, type Prefix, prefixOfBits } from '../../../src/core/values/prefix.ts'
import { NeighbourProbe } from '../../../src/node/neighbour-probe.ts'
import { type SteppedClock, steppedClock } from '../../support/stepped-clock.ts'

const PEERS = ['0000', '0001', '0010', '0011', '0100'].map(prefixOfBits) as Prefix[]
const [ONE, TWO, , , FIVE] = PEERS as [Prefix, Prefix, Prefix, Prefix, Prefix]
const RESULT = { address: '192.0.2.1,1194,tcp', reached: true, reason: undefined }

let clock: SteppedClock
let probe: NeighbourProbe
let peers: readonly Prefix[]
let hasServers: boolean
let informed: Prefix[]
let dialling: Prefix[]
beforeEach(() => {
  clock = steppedClock()
  peers = [ONE, TWO]
  hasServers = true
  informed = []
  dialling = []
  probe = new NeighbourProbe({
    clock,
    network: () => '00100000'.repeat(6) as Network,
    peers: () => peers,
    hasServers: () => hasServers,
    askInformation: (prefix) => void informed.push(prefix),
    askDial: (prefix) => void dialling.push(prefix),
  })
})

const answers = (reply: Awaited<ReturnType<NeighbourProbe['run']>>) =>
  reply.neighbours.map(({ peer, answerMs }) => [peer, answerMs])

describe('the neighbours', () => {
  it('are all asked, three of them to connect to us, and it ends when all have answered', async () => {
    peers = PEERS
    const reply = probe.run()
    await clock.pass(100)
    for (const prefix of PEERS) probe.answered(prefix)
    for (const prefix of dialling) probe.dialled(prefix, [RESULT])
    await clock.pass(100)
    expect(answers(await reply).map(([, answerMs]) => answerMs)).toEqual([100, 100, 100, 100, 100])
    expect((await reply).dialled.map(({ by, reached }) => [by, reached])).toEqual([
      ['0/4', true],
      ['1/4', true],
      ['2/4', true],
    ])
  })

  it('that do not answer are asked once more, and waited for some seconds', async () => {
    hasServers = false
    const reply = probe.run()
    await clock.pass(100)
    probe.answered(TWO)
    await clock.pass(10_000)
    expect(answers(await reply)).toEqual([
      ['0/4', null],
      ['1/4', 100],
    ])
    expect([informed, dialling]).toEqual([[ONE, TWO, ONE], []])
  })
})

it('what others say is no answer in the place of one that is missing', async () => {
  hasServers = false
  const reply = probe.run()
  probe.answered(ONE)
  probe.answered(FIVE)
  await clock.pass(200)
  probe.answered(TWO)
  await clock.pass(10_000)
  expect(answers(await reply)).toEqual([
    ['0/4', 0],
    ['1/4', 200],
  ])
})

it('whoever asks meanwhile gets the same', async () => {
  const both = [probe.run(), probe.run()]
  await clock.pass(10_000)
  expect(both[0]).toBe(both[1])
  expect(informed.filter((prefix) => prefix === ONE)).toHaveLength(2)
})

it('what was not asked is not heard: not before, not of others', async () => {
  probe.answered(ONE)
  probe.dialled(TWO, [RESULT])
  const reply = probe.run()
  probe.answered(FIVE)
  probe.dialled(FIVE, [RESULT])
  await clock.pass(10_000)
  expect(answers(await reply).map(([, answerMs]) => answerMs)).toEqual([null, null])
  expect((await reply).dialled).toEqual([])
})
