import { describe, expect, it } from 'vitest'
import { LIMITS } from '../../../../src/registry/server/limits.ts'
import { Sources } from '../../../../src/registry/server/sources.ts'

const address = (number: number): string => `2001:db8:0:${number.toString(16)}::/64`

describe('where somebody has proved who it is', () => {
  it('is known; of one who calls from a thousand addresses, the last few', () => {
    const sources = new Sources(LIMITS)
    sources.know('quiet', 'node 1')
    for (let number = 0; number < 1_000; number++) sources.know(address(number), 'node 2')
    const known = Array.from({ length: 1_000 }, (_, number) => number).filter((number) =>
      sources.isKnown(address(number)),
    )
    expect(known).toEqual([996, 997, 998, 999])
    expect(sources.isKnown('quiet')).toBe(true)
  })

  it('stays known where another is, too, who was there later', () => {
    const sources = new Sources(LIMITS)
    sources.know('office', 'node 1')
    sources.know('office', 'node 2')
    for (let number = 0; number < 10; number++) sources.know(address(number), 'node 1')
    expect(sources.isKnown('office')).toBe(true)
    for (let number = 10; number < 20; number++) sources.know(address(number), 'node 2')
    expect(sources.isKnown('office')).toBe(false)
    sources.know('office', 'node 1')
    expect(sources.isKnown('office')).toBe(true)
  })

  it('has used up what it had used up as a stranger', () => {
    const sources = new Sources({ ...LIMITS, callsPerSecond: 0.001, callsAtOnce: 2, banMs: 0 })
    const charge = () => sources.charge('a', 0)
    expect([charge(), charge(), charge()]).toEqual(['ok', 'ok', 'source'])
    sources.know('a', 'node 1')
    expect(charge()).toBe('source')
    for (let number = 0; number < 10; number++) sources.know(address(number), 'node 1')
    expect(sources.isKnown('a')).toBe(false)
    expect(charge()).toBe('source')
  })
})
