import { expect, it } from 'vitest'
import { TapPacing } from '../../../../../src/node/routing/babel/tap-pacing.ts'
import { silentLog } from '../../../../support/silent-log.ts'
import { steppedClock } from '../../../../support/stepped-clock.ts'

/** @param tcMs how long a command takes */
function rig({ refuses = false, tcMs = 0 } = {}) {
  const clock = steppedClock()
  const inputs: string[][] = []
  const counters = { sentBytes: 0, dropped: 0 }
  const lengths: string[] = []
  let isThere = true
  let isRefused = refuses
  let looks = 0
  const pacing = new TapPacing({
    processes: {
      async run(command, args, { input = '' } = {}) {
        if (command === 'ip') lengths.push(args.at(-1) ?? '')
        else inputs.push(input.trim().split('\n'))
        if (tcMs > 0) await clock.sleep(tcMs)
        if (isRefused) throw new Error('Exclusivity flag on')
        return { stdout: '', stderr: '' }
      },
    },
    clock,
    log: silentLog,
    countersOf: () => {
      looks++
      return isThere ? { ...counters } : undefined
    },
    queueLengthOf: () => 1000,
  })
  return {
    ...{ pacing, clock, inputs, lengths },
    looks: () => looks,
    remove: () => {
      isThere = false
    },
    refuse: (is: boolean) => {
      isRefused = is
    },
    /** Tenths of a second of a tap that carries 10 MB a second, and loses more or not. */
    async pass(tenths: number, { bytes = 1e6, lost = 0 }) {
      for (let tenth = 0; tenth < tenths; tenth++) {
        counters.sentBytes += bytes
        counters.dropped += lost
        await clock.pass(100)
      }
    },
  }
}

/** Of ours alone: somebody else's has another handle. */
const END = 'qdisc del dev tap root handle 326:'

const limitOf = (commands: readonly string[] | undefined) =>
  Number(/ 326:2 .*rate (\d+)bit/.exec(commands?.at(-1) ?? '')?.[1]) / 8

it('a tap that loses packets gets a queue in which routing overtakes, and less is let out of it than before', async () => {
  const { pacing, inputs, pass } = rig()
  pacing.watch('tap')
  expect(pacing.isPaced('tap')).toBe(false)
  await pass(1, { lost: 500 })
  expect(pacing.isPaced('tap')).toBe(true)
  const [first] = inputs
  expect(first?.[0]).toBe('qdisc add dev tap root handle 326: htb default 2')
  expect(first?.filter((line) => line.startsWith('filter') && line.endsWith('flowid 326:1'))).toHaveLength(4)
  expect(limitOf(first)).toBeCloseTo(8.5e6, -5)
  await pass(1, { bytes: 8.4e5 })
  expect(inputs[1]).toHaveLength(1)
  expect(limitOf(inputs[1])).toBeGreaterThan(8.5e6)
})

it('a second after it was over the queue goes, and nothing is looked at any more', async () => {
  const { pacing, inputs, lengths, pass, looks } = rig()
  pacing.watch('tap')
  await pass(2, { lost: 500 })
  expect(lengths).toEqual(['100'])
  await pass(30, { bytes: 100 })
  expect(lengths).toEqual(['100', '1000'])
  expect(pacing.isPaced('tap')).toBe(false)
  expect(inputs.at(-1)).toEqual([END])
  const before = looks()
  await pass(20, { bytes: 100 })
  expect(looks()).toBe(before)
})

it('where somebody else has set up a queue, or the kernel has none, it is tried ever more rarely', async () => {
  const { pacing, inputs, pass } = rig({ refuses: true })
  const setUpsWithin = async (tenths: number) => {
    const before = inputs.length
    for (let tenth = 0; tenth < tenths; tenth++) {
      pacing.watch('tap')
      await pass(1, { lost: 500 })
    }
    return inputs.slice(before).filter(([line]) => line?.includes('qdisc add')).length
  }
  expect(await setUpsWithin(15)).toBe(1)
  expect(await setUpsWithin(600)).toBeLessThan(7)
  expect(await setUpsWithin(6_000)).toBeLessThan(5)
  expect(pacing.isPaced('tap')).toBe(false)
})

it('where the set-up failed once half-way, what it left is removed, and the next attempt is a whole one', async () => {
  const { pacing, inputs, lengths, refuse, pass } = rig({ refuses: true })
  pacing.watch('tap')
  await pass(3, { lost: 500 })
  expect(inputs.slice(1)).toEqual([[END]])
  expect(lengths).toEqual([])
  refuse(false)
  await pass(20, { lost: 500 })
  pacing.watch('tap')
  await pass(1, { lost: 500 })
  expect(pacing.isPaced('tap')).toBe(true)
  expect(inputs[2]?.[0]).toContain('qdisc add dev tap')
  expect(inputs[2]?.length).toBeGreaterThan(5)
})

it('of an interface that is gone nothing is left; the next of its name is another one', async () => {
  const { pacing, inputs, pass, remove, looks } = rig()
  pacing.watch('tap')
  remove()
  await pass(1, { lost: 500 })
  const before = looks()
  await pass(5, { lost: 500 })
  expect(looks()).toBe(before)
  expect(inputs).toEqual([])
})

it.each([
  ['', 0],
  ['while its queue is being made, ', 50],
])('a tap that goes down for a moment and stays, %sis not held up for ever by its queue', async (_, tcMs) => {
  const { pacing, inputs, lengths, clock, pass } = rig({ tcMs })
  pacing.watch('tap')
  await pass(1, { lost: 500 })
  pacing.forget('tap')
  await clock.pass(1_000)
  expect(inputs.slice(1)).toEqual([[END]])
  expect(lengths).toEqual(['100', '1000'])
  pacing.watch('tap')
  await pass(1, { lost: 500 })
  await clock.pass(1_000)
  expect(inputs[2]?.[0]).toContain('qdisc add dev tap')
})

it.each([
  ['while more is sent than it carries', { lost: 500 }],
  ['while its queue is to go', { bytes: 100 }],
])('a tap whose queue cannot be changed for a moment, %s, is not held up for ever by it', async (_, load) => {
  const { pacing, inputs, refuse, pass } = rig()
  pacing.watch('tap')
  await pass(1, { lost: 500 })
  refuse(true)
  await pass(30, load)
  expect(pacing.isPaced('tap')).toBe(true)
  refuse(false)
  await pass(100, { bytes: 100 })
  expect(inputs.at(-1)).toEqual([END])
  expect(pacing.isPaced('tap')).toBe(false)
})

it('nor is one that went down for a moment meanwhile', async () => {
  const { pacing, inputs, clock, refuse, pass } = rig()
  pacing.watch('tap')
  await pass(1, { lost: 500 })
  refuse(true)
  pacing.forget('tap')
  await clock.pass(5_000)
  refuse(false)
  const before = inputs.length
  await clock.pass(10_000)
  expect(inputs.slice(before)).toEqual([[END]])
})

it('a queue that can never be changed any more, as when somebody has removed it, is left alone after a few minutes', async () => {
  const { pacing, inputs, refuse, pass } = rig()
  pacing.watch('tap')
  await pass(1, { lost: 500 })
  refuse(true)
  await pass(6_000, { bytes: 100 })
  const before = inputs.length
  expect(before).toBeLessThan(20)
  await pass(6_000, { bytes: 100 })
  expect(inputs).toHaveLength(before)
  expect(pacing.isPaced('tap')).toBe(false)
})
