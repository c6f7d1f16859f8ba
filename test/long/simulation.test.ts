import { expect, test } from 'vitest'
import { rehearse } from '../../lab/simulation/babel/rehearsal.ts'

/** Other seeds each day: what failed is in the name, and can be replayed. */
const TODAY = Math.floor(Date.now() / 86_400_000) * 1_000
const seeds = (count: number) => Array.from({ length: count }, (_, index) => TODAY + index)

test.each(seeds(100))('8 routers never make a loop, and find the shortest ways (seed %i)', (seed) => {
  expect(rehearse({ seed, routers: 8, tunnels: 2, events: 40, flaps: seed % 2 === 1 })).toEqual([])
})

test.each(seeds(10))('40 routers never make a loop, and find the shortest ways (seed %i)', (seed) => {
  expect(rehearse({ seed, routers: 40, tunnels: 2, events: 60 })).toEqual([])
})
