import { expect, it } from 'vitest'
import { ANYONE } from '../../../../src/core/tunnels/decisions.ts'
import type { Prefix } from '../../../../src/core/values/prefix.ts'
import { InterfaceNames } from '../../../../src/node/tunnels/interface-names.ts'

const PEER = '0000000000000101' as Prefix

it('the first name that is free is taken, also of those that the router still knows', () => {
  const known = new Set(['re6stnet2'])
  const names = new InterfaceNames((name) => !known.has(name))
  expect([names.take(PEER), names.take(PEER)]).toEqual(['re6stnet1', 're6stnet3'])
  names.free('re6stnet1')
  known.clear()
  expect([names.take(PEER), names.take(PEER), names.take(PEER)]).toEqual([
    ...['re6stnet1', 're6stnet2', 're6stnet4'],
  ])
})

it('the tunnel to whoever answers has no number, where it is the only one', () => {
  const names = new InterfaceNames(() => true)
  expect([names.take(ANYONE), names.take(ANYONE)]).toEqual(['re6stnet', 're6stnet1'])
})
