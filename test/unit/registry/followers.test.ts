import { expect, it } from 'vitest'
import { packInteger } from '../../../src/core/values/packed-integer.ts'
import { Followers } from '../../../src/registry/followers.ts'

const version = (number: bigint) => packInteger(number)

it('a node has the version that it has asked for, and those before', () => {
  const followers = new Followers()
  followers.heardOf('00', version(2n))
  followers.heardOf('01', version(3n))
  expect([1n, 2n, 3n].map((number) => followers.hasVersion('00', version(number)))).toEqual([
    true,
    true,
    false,
  ])
  expect(followers.hasVersion('10', version(1n))).toBe(false)
  expect(followers.of(version(2n))).toEqual(['00', '01'])
  expect(followers.of(version(3n))).toEqual(['01'])
})
