import { expect, it } from 'vitest'
import { eachInTime } from '../../../../src/registry/server/in-time.ts'
import { steppedClock } from '../../../support/stepped-clock.ts'

it('what does not come in time is refused, and read no further when it comes', async () => {
  const clock = steppedClock()
  let [come, isClosed] = [() => {}, false]
  const late = new Promise<void>((resolve) => {
    come = resolve
  })
  async function* batches() {
    try {
      yield 'first'
      await late
      yield 'second'
      yield 'third'
    } finally {
      isClosed = true
    }
  }
  const read: string[] = []
  const reading = (async () => {
    for await (const batch of eachInTime(batches(), clock)) read.push(batch)
  })()
  const refused = expect(reading).rejects.toMatchObject({ status: 503 })
  await clock.pass(10_000)
  await refused
  come()
  await expect.poll(() => isClosed).toBe(true)
  expect(read).toEqual(['first'])
})
