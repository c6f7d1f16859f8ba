import { expect, it } from 'vitest'
import { createRe6stRouter } from '../../../../../src/node/routing/babel/router.ts'
import type { ProcessEnd, Processes } from '../../../../../src/platform/processes.ts'
import { seededRandom } from '../../../../support/random.ts'
import { SIGNAL, settingsOf } from '../../../../support/routing-pair.ts'
import { silentLog } from '../../../../support/silent-log.ts'
import { steppedClock } from '../../../../support/stepped-clock.ts'

it('a router that is stopped while it starts does not begin, and leaves no process', async () => {
  const clock = steppedClock()
  let running = 0
  let answer = () => {}
  const asked = new Promise<void>((resolve) => {
    answer = resolve
  })
  const watching = new Set<unknown>()
  const processes: Processes = {
    async run(_command, args) {
      if (args.includes('show')) await asked
      return { stdout: '[]', stderr: '' }
    },
    start() {
      running++
      let end: (how: ProcessEnd) => void = () => {}
      const ended = new Promise<ProcessEnd>((resolve) => {
        end = (how) => {
          running--
          resolve(how)
        }
      })
      const stop = () => {
        end({ kind: 'killed', signal: 'SIGTERM' })
        return ended
      }
      return { pid: 1, ended, stop, signal() {}, write() {}, endInput() {} }
    },
  }
  const router = createRe6stRouter({
    ...{ processes, clock, random: seededRandom(1), log: silentLog },
    events: {
      watch(listener) {
        watching.add(listener)
        return { [Symbol.dispose]: () => void watching.delete(listener) }
      },
    },
  })
  const start = router.start(settingsOf(1), SIGNAL)
  const outcome = expect(start).rejects.toThrow('stopped')
  const stop = router.stop()
  answer()
  await outcome
  await stop
  await clock.pass(60_000)
  expect([router.isRunning, running, watching.size]).toEqual([false, 0, 0])
})
