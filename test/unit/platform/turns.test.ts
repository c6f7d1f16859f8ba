import { expect, it } from 'vitest'
import { Turns } from '../../../src/platform/turns.ts'

it('one thing is done after the other, also after one that failed, and each caller hears of its own', async () => {
  const turns = new Turns()
  const events: string[] = []
  const work = (name: string) => async () => {
    events.push(`${name} begins`)
    await new Promise((resolve) => setImmediate(resolve))
    events.push(`${name} ends`)
    if (name === 'two') throw new Error('it failed')
    return name
  }
  const [one, two, three] = ['one', 'two', 'three'].map((name) => turns.take(work(name)))
  await expect(two).rejects.toThrow('it failed')
  expect([await one, await three]).toEqual(['one', 'three'])
  expect(events).toEqual(['one', 'two', 'three'].flatMap((name) => [`${name} begins`, `${name} ends`]))
})
