import { Lateness } from '../../src/core/babel/engine/lateness.ts'
import { Levels } from '../../src/core/babel/engine/levels.ts'
import { Entry, Interface, Neighbour } from '../../src/core/babel/engine/model.ts'
import { RouteTable } from '../../src/core/babel/engine/table.ts'
import { TimerQueue } from '../../src/core/babel/engine/timers.ts'
import type { World } from '../../src/core/babel/engine/world.ts'
import { TUNNEL } from './engine-network.ts'
import { seededRandom } from './random.ts'

/** What a part of the engine stands on that is tested alone: nothing is sent, and nothing happens but what the test does. */
export function engineWorld(): World {
  const nothing = () => {}
  return {
    routerId: '02:00:00:00:00:00:00:01',
    random: seededRandom(1),
    output: { send: nothing, forward: nothing, neighbour: nothing, route: nothing },
    timers: new TimerQueue(),
    table: new RouteTable(),
    interfaces: new Map(),
    arrivals: () => undefined,
    departures: () => undefined,
    sentByOthers: () => undefined,
    usualAnswerMs: () => undefined,
    seqno: 1,
    isRetracting: false,
    catchingUpUntilMs: Number.NEGATIVE_INFINITY,
    lateness: new Lateness(),
    passesOn: () => true,
  }
}

/** A neighbour on an interface of its own, that has said nothing yet. */
export function silentNeighbour(): Neighbour {
  const state = { name: 'tap', kind: 'tunnel', address: 'fe80::1' } as const
  return new Neighbour(new Interface(state, TUNNEL, new Levels(), 1), 'fe80::2', 0)
}

/** Destinations, each other than the rest. */
export const destinations = (count: number): readonly Entry[] =>
  Array.from({ length: count }, (_, at) => {
    const prefix = `2001:db8:${at.toString(16)}::/48`
    return new Entry({ prefix, from: '::/0' }, prefix)
  })

/** Lets time pass in steps of a millisecond. */
export function passTime({ timers }: Pick<World, 'timers'>, fromMs: number, untilMs: number): void {
  for (let nowMs = fromMs; nowMs <= untilMs; nowMs++) timers.runDue(nowMs)
}
