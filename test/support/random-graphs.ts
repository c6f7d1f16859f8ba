import { env } from 'node:process'
import { expect, test } from 'vitest'
import { type Rehearsal, rehearse } from '../../lab/simulation/babel/rehearsal.ts'

/** Networks of one size, each made by a seed. */
interface RandomGraphs extends Omit<Rehearsal, 'seed'> {
  readonly seeds: readonly number[]
}

/** A minute of a processor, on a machine that may have little left. */
const DEADLINE_MS = 900_000

const chosen = env['RE6ST_SEED'] === undefined ? undefined : Number(env['RE6ST_SEED'])

/**
 * Random networks of the real engine, in bad weather: packets are delayed, lost, doubled and overtaken; costs change, links and
 * routers die and come back without what they knew, halves part. Whoever fails has its seed in its name:
 * RE6ST_SEED=44 npx vitest run random-graphs
 */
export function testRandomGraphs({ seeds, ...graph }: RandomGraphs): void {
  test.each(chosen === undefined ? seeds : [chosen])(
    `${graph.routers} routers${graph.flaps ? ', whose interfaces come and go,' : ''} never make a loop, and find the shortest ways and forget the rest when left alone (RE6ST_SEED=%i)`,
    { timeout: DEADLINE_MS },
    (seed) => {
      expect(rehearse({ seed, ...graph })).toEqual([])
    },
  )
}
