import type { Finding } from './finding.ts'

/** How a running node with `--multicast` routes multicast. */
export interface MulticastFacts {
  readonly uptimeMs: number
  /** Why nothing is routed, as the node says; undefined: it is routed. */
  readonly reason: string | undefined
  /** Whether smcrouted answers; undefined: it was not asked. */
  readonly answers: boolean | undefined
}

/** The daemon is started with the node, and again when it ended. */
const PATIENCE_MS = 10_000

/** Judges it. */
export function judgeMulticast({ uptimeMs, reason, answers }: MulticastFacts): Finding[] {
  if (reason !== undefined)
    return uptimeMs < PATIENCE_MS
      ? []
      : [
          {
            code: 'multicast-stopped',
            what: `with --multicast, this node must route multicast, but does not: ${reason}`,
            remedy:
              'there must be smcrouted (apt-get install smcroute) and no other multicast router (systemctl disable --now smcroute); re6stnet.log says why it ended, and what it wrote with --verbose 3. The node tries again by itself, after a minute at most',
          },
        ]
  if (answers !== false) return []
  return [
    {
      code: 'multicast-stopped',
      what: 'smcrouted runs but does not answer: streams that somebody begins to receive do not come',
      remedy:
        'end it (kill -9 and its process ID, in smcroute.pid in the run directory of the node): the node starts it again',
    },
  ]
}
