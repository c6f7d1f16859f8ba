import type { LinkKind, LinkParameters } from './ports.ts'

/** babeld's own hello interval (RFC 8966, B). */
const HELLO_MS = 4_000
/** RFC 8966, B: a full update for every four hellos. */
const HELLOS_PER_UPDATE = 4

/** babeld's values for an interface that nothing is configured for: of `type tunnel`, or wired. */
export function defaultParameters(kind: LinkKind): LinkParameters {
  return {
    helloIntervalMs: HELLO_MS,
    updateIntervalMs: HELLOS_PER_UPDATE * HELLO_MS,
    rxcost: 96,
    maxRttPenalty: kind === 'lan' ? 0 : 96,
    rttMinMs: 10,
    rttMaxMs: 120,
    rttDecay: 42,
    splitHorizon: kind === 'lan',
  }
}
