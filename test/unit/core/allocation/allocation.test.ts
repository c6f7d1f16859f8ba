import { describe, expect, it } from 'vitest'
import {
  checkCommunities,
  parseCommunities,
  parseLocation,
} from '../../../../src/core/allocation/community.ts'
import { FreeSpace } from '../../../../src/core/allocation/free-space.ts'
import { fc, test } from '../../../support/property.ts'
import { vectors } from '../../../support/vectors.ts'

type Row = [prefix: string, state: null | 'used' | 'reserved']
type Step =
  | {
      op: 'allocate'
      length: number
      community: string
      candidates: string[]
      prefix: string | null
      rows: Row[]
    }
  | { op: 'free'; prefix: string; rows: Row[] }
  | { op: 'merge'; rows: Row[] }
const recorded = vectors<{ cases: { name: string; network_length: number; steps: Step[] }[] }>(
  'allocation.json',
)

const freeOf = (rows: Row[]) => rows.filter(([, state]) => state === null).map(([prefix]) => prefix)

/** Allocates as the registry does: an all-zero prefix of 128 bits with the network is reserved, and no address. */
function allocate(space: FreeSpace, community: string, length: number, networkLength: number) {
  for (;;) {
    const allocation = space.allocate(community, length)
    const isReserved =
      allocation &&
      networkLength + allocation.prefix.length === 128 &&
      !allocation.prefix.slice(community.length).includes('1')
    if (!isReserved) return allocation
  }
}

describe('allocation, step by step as recorded', () => {
  it.each(recorded.cases)('$name', ({ network_length, steps }) => {
    let before: Row[] = [['', null]]
    for (const step of steps) {
      const space = new FreeSpace(freeOf(before))
      if (step.op === 'allocate') {
        const allocation = allocate(space, step.community, step.length, network_length)
        expect(allocation === undefined).toBe(step.prefix === null)
        const isReservedFirst =
          step.rows.filter(([, state]) => state === 'reserved').length >
          before.filter(([, state]) => state === 'reserved').length
        if (allocation && step.candidates.length > 0 && !isReservedFirst)
          expect(step.candidates).toContain(allocation.taken)
        if (allocation?.prefix === step.prefix) expect([...space].sort()).toEqual(freeOf(step.rows).sort())
      } else if (step.op === 'free') {
        space.add(step.prefix)
        expect([...space].sort()).toEqual(freeOf(step.rows).sort())
      } else {
        space.merge()
        expect([...space].sort()).toEqual(freeOf(step.rows).sort())
      }
      before = step.rows
    }
  })
})

describe('properties of allocation', () => {
  const requests = fc.array(
    fc.record({ community: fc.constantFrom('', '0', '10', '110'), length: fc.integer({ min: 1, max: 12 }) }),
    { maxLength: 60 },
  )

  test(
    'prefixes never overlap, and all are freed completely',
    requests,
    fc.infiniteStream(fc.boolean()),
    (wanted, coin) => {
      const space = new FreeSpace([''])
      let used: string[] = []
      for (const { community, length } of wanted) {
        const allocation = space.allocate(community, length)
        if (allocation) {
          expect(allocation.prefix.startsWith(community)).toBe(true)
          expect(allocation.prefix).toHaveLength(community.length + length)
          used.push(allocation.prefix)
        }
        if (coin.next().value && used.length > 3) space.add(used.shift() ?? '')
      }
      const all = [...used, ...space].sort()
      for (const [index, prefix] of all.entries())
        expect(all[index + 1]?.startsWith(prefix) ?? false).toBe(false)
      // A partition: the sizes of all parts add up to the whole.
      expect(all.reduce((sum, prefix) => sum + 2 ** -prefix.length, 0)).toBe(1)
      for (const prefix of used) space.add(prefix)
      used = []
      space.merge()
      expect([...space]).toEqual([''])
    },
  )
})

describe('community files', () => {
  interface Start {
    name: string
    communities?: string
    starts: boolean
  }
  const starts = vectors<{ starts: Start[]; before: { cert: [string, string | null, unknown][] } }>(
    'expiry.json',
  )

  const files = starts.starts.filter(
    (one) => one.communities !== undefined && !/inside|contain|that is an/.test(one.name),
  )
  it.each(files)('$name', ({ name, communities = '', starts: isFine }) => {
    // Recorded: bits are not checked. A community that is no bit string could never be used.
    if (name === 'not bits')
      expect(() => parseCommunities(communities)).toThrow(/"x" is not a prefix in bits/)
    else if (isFine) expect(parseCommunities(communities).all.length).toBeGreaterThan(0)
    else expect(() => parseCommunities(communities)).toThrow(/^--community: /)
  })

  it('a community inside an allocated prefix is refused', async () => {
    const communities = parseCommunities('1 *\n0101 FR\n')
    await expect(checkCommunities(communities, async (prefix) => prefix === '010')).rejects.toThrow(
      /010 contains the community 0101/,
    )
    await checkCommunities(communities, async (prefix) => prefix === '01010')
  })

  it('the country wins over the continent, the continent over the default', () => {
    const communities = parseCommunities('# comment\n\n00 *\n 01 FR BE \n\n10 @EU US\n110 JP @NA\n')
    const of = (location: string) => communities.of(parseLocation(location))
    expect(['FR,EU', 'DE,EU', 'US,NA', 'CA,NA', 'ZA,AF', 'fr,eu', 'FR,AS', '*,EU', 'XX,*'].map(of)).toEqual([
      '01',
      '10',
      '10',
      '110',
      '00',
      '00',
      '01',
      '00',
      '00',
    ])
  })

  test(
    'arbitrary text is communities or a clear error',
    fc.string({ unit: fc.constantFrom('0', '1', ' ', '\n', '*', '@', 'F', '#') }),
    (text) => {
      try {
        expect(parseCommunities(text).of(undefined)).toMatch(/^[01]*$/)
      } catch (error) {
        expect((error as Error).message).toMatch(/^--community: /)
      }
    },
  )
})
