import { availableParallelism } from 'node:os'
import { MAX_TARGET_LENGTH } from '../../core/rpc/request-target.ts'
import type { QueueLimits } from './call-queue.ts'
import type { ConnectionLimits } from './connections.ts'
import type { HandshakeLimits } from './handshakes.ts'
import type { ReadingLimits } from './reading-turns.ts'
import type { SourceLimits } from './sources.ts'

/** What clients may take of a registry. */
export interface ServerLimits extends ConnectionLimits, SourceLimits, ReadingLimits, HandshakeLimits {
  /** A whole request must come within this: a client that sends a byte a minute is cut off. */
  readonly requestTimeoutMs: number
  /** How often connections that are too slow are looked for. */
  readonly connectionCheckMs: number
  /** How long a connection may stay open without a request. */
  readonly keepAliveMs: number
  /** Length of a request line and all headers. */
  readonly maxHeaderLength: number
  /** Requests that may wait on one connection behind the one that is answered. */
  readonly maxPipelined: number
  /** Connections that are told why they are turned away, a second; more are closed without a word. */
  readonly turnedAwayPerSecond: number
  /** Calls that compute: signatures, certificates. */
  readonly computing: QueueLimits
  /** Calls that wait for somebody else: a node, a mail server. */
  readonly asking: QueueLimits
}

/** Seconds after which a client that is turned away may try again, where nothing else is known. */
export const RETRY_AFTER_SECONDS = 2

export const LIMITS: ServerLimits = {
  requestTimeoutMs: 15_000,
  connectionCheckMs: 5_000,
  keepAliveMs: 5_000,
  // The target and some room for the headers of proxies.
  maxHeaderLength: MAX_TARGET_LENGTH + 16 * 1024,
  // Each connection costs a file descriptor and a few kilobytes.
  maxConnections: 4_000,
  maxConnectionsPerSource: 200,
  // Nodes send one request at a time; so do browsers and curl.
  maxPipelined: 16,
  // A thousand machines behind one address that start at the same moment have all they need within half a minute.
  callsPerSecond: 100,
  callsAtOnce: 500,
  // What one processor reads and refuses beside its other work.
  strangersPerSecond: 1_000,
  strangersAtOnce: 2_000,
  banMs: 5_000,
  // What one turn of the event loop reads and answers within some milliseconds.
  readAtOnce: 32,
  turnMs: 10,
  // Together less than keepAliveMs: afterwards Node would close the connection.
  longestWaitMs: 2_500,
  restMs: RETRY_AFTER_SECONDS * 1000,
  turnedAwayPerSecond: 100,
  handshakeTimeoutMs: 10_000,
  // A signature and a key exchange take one to two milliseconds: beside it, most of a processor is left.
  handshakes: { readAtOnce: 2, turnMs: 10, longestWaitMs: 8_000, restMs: RETRY_AFTER_SECONDS * 1000 },
  remembered: 10_000,
  computing: {
    // As many as keep all processors busy, and certificates that are written together.
    running: 4 * availableParallelism(),
    runningPerSource: 4 * availableParallelism(),
    // One processor is left for all others.
    runningStrangers: Math.max(1, availableParallelism() - 1),
    // What is computed within a tenth of a second.
    waiting: 128,
    waitingPerSource: 32,
  },
  asking: { running: 256, runningPerSource: 32, runningStrangers: 128, waiting: 128, waitingPerSource: 16 },
}

/** No method has a body; the small one of an odd client is ignored. */
export const MAX_BODY_LENGTH = 16 * 1024
/** Python's listen queue of 5 made clients wait a second. */
export const LISTEN_BACKLOG = 1_000
