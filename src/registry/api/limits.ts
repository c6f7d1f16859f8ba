import type { ReadingLimits } from '../server/reading-turns.ts'

/** A turn of the event loop, which the registry's own clients wait for, too, reads so many connections of strangers. */
const READING: ReadingLimits = { readAtOnce: 8, turnMs: 10, longestWaitMs: 5_000, restMs: 0 }

/** What browsers and programs may take of the API. */
export const API_LIMITS = {
  maxConnections: 256,
  /** A browser opens six. */
  maxConnectionsPerSource: 64,
  /** Calls of one connection that wait behind the one that is answered: browsers and proxies wait for each. */
  unansweredOfConnection: 16,
  /** A whole request must come within this. */
  requestTimeoutMs: 15_000,
  keepAliveMs: 10_000,
  maxHeaderLength: 16 * 1024,
  maxBodyLength: 64 * 1024,
  /** Calls, and new connections, of one source: a page asks for some dozens of files and answers when it is opened. */
  callsPerSecond: 20,
  callsAtOnce: 200,
  /** Calls of all who have not signed in where they are: the page for a dozen of these is opened each second. */
  strangersPerSecond: 200,
  strangersAtOnce: 1_000,
  /** Who is told to wait may come again when it has. */
  banMs: 0,
  /** Sources that are told apart. */
  remembered: 2_000,
  reading: READING,
  /** Streams of changes, in all and of one source. */
  streams: 64,
  streamsPerSource: 16,
  /** Files with machines that are written at once, and how long one may go unread. */
  exports: 4,
  unreadMs: 60_000,
  /** A client that does not read what is sent to it is cut off. */
  maxUnsentBytes: 4 * 1024 * 1024,
} as const
