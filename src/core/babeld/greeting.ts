import { isUsable } from '../babel/metric.ts'
import { askingIntervals, type Intervals, latestHelloMs, latestUpdateMs } from './intervals.ts'
import type { NeighbourEntry } from './socket-line.ts'

/**
 * How a new tunnel is brought into use. babeld at a long hello interval leaves a new link unused for a minute: the
 * first packets of both sides are spent on the challenges of their MAC keys (RFC 8967), each side then waits for two
 * hellos of the other and for its periodic full update. What we can change is what our own end sends:
 *
 *     added ─► up: very short intervals ─► heard: ask, short intervals ─► usable: settle ─► done
 *                                                  └─ not usable for long ─────────────────►┘
 *
 * - Short intervals: the peer has its two hellos within a second, and our routes, before it can use them.
 * - Asking is setting the link down and up: babeld then sends a wildcard request, which a peer answers with an
 *   unscheduled hello, its IHU and, if it sent none for long, a full update. babeld keeps its neighbours meanwhile,
 *   unlike with `flush interface`. Beside that hello a scheduled one is needed, which comes when the peer's timer says.
 * - Settling is the same once more, with the configured intervals: babeld reads them when an interface comes up.
 */
export interface Greeting {
  /** When the interface came up. */
  readonly upAtMs: number | undefined
  /** The neighbour that was heard, and when first. A tunnel has just one. */
  readonly heard: { readonly id: string; readonly atMs: number } | undefined
  /** When it was asked. */
  readonly askedAtMs: number | undefined
  /** Since when it can be used. */
  readonly usableAtMs: number | undefined
}

/** What to do with the link now; or to look again at a time, and at each event of the interface. */
export type GreetingStep =
  | { readonly kind: 'wait'; readonly untilMs: number | undefined }
  | { readonly kind: 'ask' }
  | { readonly kind: 'settle' }

/**
 * The peer must have heard two of our hellos when we ask, so that its answer says so, and our routes: what babeld has to say
 * when its link goes down is lost, and said again only with the next full update. Also a peer that is usable long before, as our
 * own router is.
 */
const BEFORE_ASKING_MS = 1_500
/** The answer takes 1.3 s at most: the delay by which the peer's babeld gathers what it sends. */
const ASK_AGAIN_MS = 3_000
/** For a peer that begins its own greeting late, or answers late. */
const PATIENCE_MS = 5_000

/** At the beginning. */
export const NEW_GREETING: Greeting = {
  upAtMs: undefined,
  heard: undefined,
  askedAtMs: undefined,
  usableAtMs: undefined,
}

/** What the greeting looks at: the interface and its neighbours. */
export interface GreetingView {
  readonly up: boolean
  readonly neighbours: readonly NeighbourEntry[]
  /** Whether the neighbour has told of any routes, even if they cannot be used yet. */
  readonly routes: boolean
}

/** The next step, and what to remember. */
export function greet(
  before: Greeting,
  view: GreetingView,
  nowMs: number,
  configured: Intervals,
): { readonly greeting: Greeting; readonly step: GreetingStep } {
  const greeting = remember(before, view, nowMs)
  const wait = (untilMs?: number) => ({ greeting, step: { kind: 'wait', untilMs } }) as const
  const { upAtMs, heard, askedAtMs, usableAtMs } = greeting
  if (upAtMs === undefined) return wait()

  const asking = askingIntervals(configured)
  const settleAtMs =
    usableAtMs === undefined
      ? (heard?.atMs ?? upAtMs) + latestHelloMs(configured) + PATIENCE_MS
      : // Our next hello carries the IHU that lets the peer send to us, our next update lasts until the one after it.
        Math.max(usableAtMs + latestHelloMs(asking), (askedAtMs ?? nowMs) + latestUpdateMs(asking))
  if (nowMs >= settleAtMs) return { greeting, step: { kind: 'settle' } }

  // From the intervals of the beginning it goes to the configured ones by those of asking, so that the peer misses no
  // hello. Asking would forget routes that cannot be used yet, and the peer does not tell them again soon.
  const answered = askedAtMs !== undefined && view.neighbours.some(({ reach }) => reach > 0)
  const firstMs = nextAskMs(upAtMs, heard?.atMs, askedAtMs)
  const askAtMs = usableAtMs === undefined ? firstMs : Math.max(usableAtMs, firstMs)
  const needsNoAsking = usableAtMs === undefined ? answered || view.routes : askedAtMs !== undefined
  if (needsNoAsking) return wait(settleAtMs)
  if (nowMs < askAtMs) return wait(Math.min(askAtMs, settleAtMs))
  return { greeting: { ...greeting, askedAtMs: nowMs }, step: { kind: 'ask' } }
}

function remember(before: Greeting, { up, neighbours }: GreetingView, nowMs: number): Greeting {
  const upAtMs = before.upAtMs ?? (up ? nowMs : undefined)
  const [neighbour] = neighbours
  // babeld forgets a neighbour without hellos when it happens to look: what it sent next was lost to a new challenge.
  const known = neighbour === undefined || neighbour.id === before.heard?.id
  const { heard, askedAtMs } = known
    ? before
    : { heard: { id: neighbour.id, atMs: nowMs }, askedAtMs: undefined }
  const usable = neighbours.some(({ cost }) => isUsable(cost))
  return { upAtMs, heard, askedAtMs, usableAtMs: usable ? (before.usableAtMs ?? nowMs) : undefined }
}

function nextAskMs(upAtMs: number, heardAtMs: number | undefined, askedAtMs: number | undefined): number {
  if (askedAtMs !== undefined) return askedAtMs + ASK_AGAIN_MS
  // Coming up was a first request: it is lost when it meets a challenge, or when the other end is not there yet.
  return heardAtMs === undefined ? upAtMs + ASK_AGAIN_MS : heardAtMs + BEFORE_ASKING_MS
}
