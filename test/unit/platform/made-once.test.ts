import { expect, it } from 'vitest'
import { MadeOnce } from '../../../src/platform/made-once.ts'

it('what is wanted by many is made once, and not before', async () => {
  let count = 0
  const made = new MadeOnce(async () => ++count)
  expect(await made.present()).toBeUndefined()
  expect(count).toBe(0)
  expect(await Promise.all([made.get(), made.get()])).toEqual([1, 1])
  expect([await made.get(), await made.present()]).toEqual([1, 1])
})

it('what cannot be made is an error for those who wait for it, and made anew for who comes next', async () => {
  let count = 0
  const made = new MadeOnce(async () => {
    if (++count === 1) throw new Error('no file descriptors')
    return count
  })
  const both = await Promise.allSettled([made.get(), made.get()])
  expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected'])
  expect(await made.present()).toBeUndefined()
  expect(await made.get()).toBe(2)
})
