import { expect, it } from 'vitest'
import { AnswersOfVersion } from '../../../src/registry/answers-of-version.ts'

const [FIRST, SECOND] = [Buffer.from('1'), Buffer.from('2')]

it('an answer is made once for each certificate, and again for another version', async () => {
  const answers = new AnswersOfVersion()
  let made = 0
  const get = (version: Buffer, certificate: string) =>
    answers.get(version, certificate, async () => Buffer.from(`${certificate} ${++made}`))
  const all = await Promise.all(Array.from({ length: 100 }, () => get(FIRST, 'a')))
  expect(new Set(all.map(String))).toEqual(new Set(['a 1']))
  expect(String(await get(FIRST, 'b'))).toBe('b 2')
  expect(String(await get(SECOND, 'a'))).toBe('a 3')
  expect(String(await get(SECOND, 'a'))).toBe('a 3')
})

it('one that could not be made is made anew', async () => {
  const answers = new AnswersOfVersion()
  await expect(answers.get(FIRST, 'a', () => Promise.reject(new Error('no key')))).rejects.toThrow('no key')
  expect(String(await answers.get(FIRST, 'a', async () => Buffer.from('here')))).toBe('here')
})

it('however many ask, some are kept: the last ones', async () => {
  const answers = new AnswersOfVersion()
  let made = 0
  const get = (certificate: string) =>
    answers.get(FIRST, certificate, async () => {
      made++
      return Buffer.alloc(0)
    })
  for (let number = 0; number < 2_000; number++) await get(`${number}`)
  await get('1999')
  expect(made).toBe(2_000)
  await get('0')
  expect(made).toBe(2_001)
})
