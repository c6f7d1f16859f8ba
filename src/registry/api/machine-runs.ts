import type { Place } from '../listed-machines.ts'
import { Refusal } from '../refusal.ts'
import type { SeenHolder } from './machine-views.ts'

/** Machines one after the other, as a part of a list. */
export interface Run {
  /**
   * Those after a place, or all.
   * @param offset passes by so many first
   * @param limit how many are wanted of them, as a rule
   */
  places(after: Place | undefined, offset: number, limit: number): AsyncIterable<Place>
  /** Which of them are wanted; undefined: all. */
  readonly isWanted?: ((one: SeenHolder) => boolean) | undefined
  /** As good as all of them are: they need not be looked at to be passed by. */
  readonly isDense?: boolean
}

/** Where a page ends: in which run of its list, and after which place. */
export interface Cursor {
  readonly run: number
  readonly after: Place
}

/** As the API gives it to whoever asks for the next page. */
export const textOfCursor = ({ run, after: { place, prefix } }: Cursor): string =>
  Buffer.from(JSON.stringify([run, place, prefix])).toString('base64url')

/** @throws Refusal 400 for what is none */
export function cursorOf(text: string): Cursor {
  const [run, place, prefix] = parsed(text)
  const isPlace =
    typeof place === 'string'
      ? !place.includes('\0')
      : typeof place === 'number' && Number.isSafeInteger(place)
  if (!Number.isInteger(run) || !isPlace || typeof prefix !== 'string' || !/^[01]*$/.test(prefix))
    throw notACursor()
  return { run: run as number, after: { place: place as string | number, prefix } }
}

/** Of a list, not of this one, or made up. */
export const notACursor = (): Refusal => new Refusal(400, 'after: not what the page before has said')

function parsed(text: string): readonly unknown[] {
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString())
    return Array.isArray(value) ? value : []
  } catch {
    return []
  }
}

/** Whether one place comes before another in an order. */
export const comesBefore =
  (isDescending: boolean) =>
  (one: Place, other: Place): boolean => {
    const ascending = one.place === other.place ? one.prefix < other.prefix : isLess(one.place, other.place)
    return ascending !== isDescending
  }

const isLess = (one: string | number, other: string | number): boolean =>
  typeof one === 'number' && typeof other === 'number' ? one < other : String(one) < String(other)

/** What is read in an order, without some, and with others put in between. */
export async function* merged(
  read: AsyncIterable<Place>,
  {
    skipped,
    between,
    after,
    isDescending,
  }: {
    readonly skipped: ReadonlySet<string>
    readonly between: readonly Place[]
    readonly after: Place | undefined
    readonly isDescending: boolean
  },
): AsyncGenerator<Place> {
  const before = comesBefore(isDescending)
  const others = between
    .filter((place) => after === undefined || before(after, place))
    .sort((one, other) => (before(one, other) ? -1 : 1))
  let at = 0
  for await (const place of read) {
    // Those that are skipped, too, say how far it is.
    for (let other = others[at]; other && before(other, place); other = others[at]) {
      yield other
      at += 1
    }
    if (!skipped.has(place.prefix)) yield place
  }
  yield* others.slice(at)
}
