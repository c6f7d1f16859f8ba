import { expect, it } from 'vitest'
import { isNeighbourThere } from '../../../../src/node/kernel/neighbour-check.ts'
import { awakeClock } from '../../../../src/platform/awake-clock.ts'
import type { Processes } from '../../../../src/platform/processes.ts'
import { silentLog } from '../../../support/silent-log.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

const ADDRESS = 'fe80::b'
const entry = (state: string) =>
  JSON.stringify([{ dst: ADDRESS, ...(state === 'FAILED' ? {} : { lladdr: '02::1' }), state: [state] }])

/** What the kernel says, one after another; the last again and again. */
async function check(...states: readonly string[]): Promise<{ isThere: boolean; asked: string | undefined }> {
  let looks = 0
  let asked: string | undefined
  const processes: Pick<Processes, 'run'> = {
    run: async (_, args) => {
      if (args.includes('show'))
        return { stdout: states[Math.min(looks++, states.length - 1)] ?? '', stderr: '' }
      asked = args.join(' ')
      if (states.length === 0) throw new Error('no such device')
      return { stdout: '', stderr: '' }
    },
  }
  const machine = steppedClock()
  using clock = awakeClock(machine)
  const init = { processes: processes as Processes, clock, log: silentLog }
  const isThere = isNeighbourThere(init, 're6stnet1', ADDRESS)
  await machine.pass(10_000)
  return { isThere: await isThere, asked }
}

it('a neighbour that answers when the kernel asks it is there', async () => {
  expect(await check(entry('STALE'), entry('PROBE'), entry('REACHABLE'))).toEqual({
    isThere: true,
    asked: `-6 neigh replace ${ADDRESS} dev re6stnet1 nud probe`,
  })
})

it('one that does not answer is not', async () => {
  expect(await check(entry('REACHABLE'), entry('PROBE'), entry('FAILED'))).toMatchObject({ isThere: false })
})

it('one of which the kernel knows nothing is looked for', async () => {
  expect(await check('[]', entry('FAILED'))).toEqual({
    isThere: false,
    asked: `-6 neigh replace ${ADDRESS} dev re6stnet1 use`,
  })
})

it('one that the kernel gives up just before it is asked is looked for', async () => {
  const asked: string[] = []
  const processes: Pick<Processes, 'run'> = {
    run: async (_, args) => {
      if (args.includes('show')) return { stdout: entry(asked.length === 0 ? 'PROBE' : 'FAILED'), stderr: '' }
      asked.push(args.join(' '))
      if (args.includes('probe')) throw new Error('Error: No link layer address given.')
      return { stdout: '', stderr: '' }
    },
  }
  const machine = steppedClock()
  using clock = awakeClock(machine)
  const init = { processes: processes as Processes, clock, log: silentLog }
  const isThere = isNeighbourThere(init, 're6stnet1', ADDRESS)
  await machine.pass(10_000)
  expect(await isThere).toBe(false)
  expect(asked.at(-1)).toBe(`-6 neigh replace ${ADDRESS} dev re6stnet1 use`)
})

it('where it cannot be asked, or the kernel does not decide, it counts as there', async () => {
  expect(await check()).toMatchObject({ isThere: true })
  expect(await check(entry('PROBE'))).toMatchObject({ isThere: true })
})

it('where we could not run ourselves meanwhile, it counts as there', async () => {
  const machine = steppedClock()
  using clock = awakeClock(machine)
  let looks = 0
  const processes: Pick<Processes, 'run'> = {
    run: async (_, args) => ({
      stdout: args.includes('show') ? entry(looks++ < 2 ? 'PROBE' : 'FAILED') : '',
      stderr: '',
    }),
  }
  const init = { processes: processes as Processes, clock, log: silentLog }
  const isThere = isNeighbourThere(init, 're6stnet1', ADDRESS)
  await machine.pass(500)
  await machine.stall(5_000)
  await machine.pass(5_000)
  expect(await isThere).toBe(true)
})
