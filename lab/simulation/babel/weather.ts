import type { Random } from '../../../src/core/random.ts'

/** What happens to packets on their way. Shares are 0 to 1. */
export interface Weather {
  readonly lost: number
  readonly doubled: number
  /** Share of those that take longer, and so are overtaken by later ones. */
  readonly late: number
  /** By how much these are later, at most. */
  readonly lateMs: number
}

export const STORM: Weather = { lost: 0.08, doubled: 0.05, late: 0.1, lateMs: 400 }
export const CALM: Weather = { lost: 0, doubled: 0, late: 0, lateMs: 0 }

/** After which times a packet arrives: none, if it is lost. */
export function arrivalsMs(weather: Weather, delayMs: number, random: Random): number[] {
  if (random.next() < weather.lost) return []
  const copies = random.next() < weather.doubled ? 2 : 1
  return Array.from({ length: copies }, () =>
    random.next() < weather.late ? delayMs + random.next() * weather.lateMs : delayMs,
  )
}
