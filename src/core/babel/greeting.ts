import type { NeighbourEntry } from './socket-line.ts'

/**
 * How a new tunnel is brought into use. babeld at a long hello interval leaves a new link unused for a minute: the
 * first packets of both sides are spent on the challenges of their MAC keys (RFC 8967), each side then waits for two
 * hellos of the other, and for its periodic full update. What we can change is what our own end sends:
 *
 *     added ─► up: short hellos and updates ─► heard: ask once ─► usable: settle ─► done
 *                                                └─ nothing heard for long ────────►┘
 *
 * - Short hellos: the peer has its two within a second, and our routes, before it can use them.
 * - Asking is setting the link down and up: babeld then sends a wildcard request, which a peer answers with an
 *   unscheduled hello, its IHU and, if it has sent none for long, a full update. Its neighbours survive that, unlike
 *   with `flush interface`, so the one scheduled hello that we need comes when the peer's own timer says so.
 * - Settling is the same once more, with the configured intervals: babeld reads them when an interface comes up.
 */
export interface Greeting {
  /** When the interface came up. */
  readonly upAtMs: number | undefined
  /** When a neighbour was first heard; the interface has just one. */
  readonly heardAtMs: number | undefined
  readonly askedAtMs: number | undefined
  readonly usableAtMs: number | undefined
}

/** What to do with the link now, or to look again at a time (or at the next event of the interface). */
export type GreetingStep =
  | { readonly kind: 'wait'; readonly untilMs: number | undefined }
  | { readonly kind: 'ask' }
  | { readonly kind: 'settle' }

/** Intervals of a link that is being greeted. A hello is 200 bytes on the wire. */
export const GREETING_HELLO_MS = 200
export const GREETING_UPDATE_MS = 1_000

/** The peer must have heard two of our hellos when we ask, so that its answer says so: challenge and three hellos. */
const HELLOS_BEFORE_ASKING_MS = 600
/** The answer takes 1.3 s at most: the delay by which the peer's babeld gathers what it sends. */
const ASK_AGAIN_MS = 3_000
/** Our next two hellos carry the IHU that lets the peer send to us. */
const LAST_HELLOS_MS = 400
/** A peer that is heard sends a hello within one interval, give or take a quarter and the delay of sending. */
const PATIENCE_HELLOS = 1.5
const PATIENCE_MS = 5_000

export const NEW_GREETING: Greeting = {
  upAtMs: undefined,
  heardAtMs: undefined,
  askedAtMs: undefined,
  usableAtMs: undefined,
}

/** The next step, given what babeld tells of the interface and its neighbours. */
export function greet(
  greeting: Greeting,
  view: { readonly up: boolean; readonly neighbours: readonly NeighbourEntry[] },
  nowMs: number,
  helloIntervalMs: number,
): { readonly greeting: Greeting; readonly step: GreetingStep } {
  const usable = view.neighbours.some(({ cost }) => cost < 0xffff)
  const next: Greeting = {
    upAtMs: greeting.upAtMs ?? (view.up ? nowMs : undefined),
    heardAtMs: greeting.heardAtMs ?? (view.neighbours.length > 0 ? nowMs : undefined),
    askedAtMs: greeting.askedAtMs,
    usableAtMs: usable ? (greeting.usableAtMs ?? nowMs) : undefined,
  }
  const wait = (untilMs: number | undefined) => ({ greeting: next, step: { kind: 'wait', untilMs } }) as const
  if (next.upAtMs === undefined) return wait(undefined)

  const settleAtMs =
    next.usableAtMs === undefined
      ? (next.heardAtMs ?? next.upAtMs) + PATIENCE_HELLOS * helloIntervalMs + PATIENCE_MS
      : next.usableAtMs + LAST_HELLOS_MS
  if (nowMs >= settleAtMs) return { greeting: next, step: { kind: 'settle' } }
  // The answer to a request may hold all routes of the peer, and asking anew forgets them: only while nothing came.
  if (usable || view.neighbours.some(({ reach }) => reach > 0 && next.askedAtMs !== undefined))
    return wait(settleAtMs)

  const askAtMs = askTime(next)
  if (nowMs < askAtMs) return wait(Math.min(askAtMs, settleAtMs))
  return { greeting: { ...next, askedAtMs: nowMs }, step: { kind: 'ask' } }
}

function askTime({ upAtMs = 0, heardAtMs, askedAtMs }: Greeting): number {
  if (askedAtMs !== undefined) return askedAtMs + ASK_AGAIN_MS
  // Coming up is a first request: it is lost when it meets a challenge, or the other end is not there yet.
  return heardAtMs === undefined ? upAtMs + ASK_AGAIN_MS : heardAtMs + HELLOS_BEFORE_ASKING_MS
}
