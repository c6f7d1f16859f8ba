/** What browsers and programs may take of the API. */
export const API_LIMITS = {
  maxConnections: 256,
  /** A browser opens six. */
  maxConnectionsPerSource: 64,
  /** Calls of one connection that wait for their answer: browsers and proxies wait for each. */
  unansweredOfConnection: 16,
  /** A whole request must come within this. */
  requestTimeoutMs: 15_000,
  keepAliveMs: 10_000,
  maxHeaderLength: 16 * 1024,
  maxBodyLength: 64 * 1024,
  /** Calls, and new connections, of one source: a page asks for some dozens of files and answers when it is opened. */
  callsPerSecond: 20,
  callsAtOnce: 200,
  /** Sources that are told apart. */
  sources: 2_000,
  /** Streams of changes, in all and of one source. */
  streams: 64,
  streamsPerSource: 16,
  /** A client that does not read what is sent to it is cut off. */
  maxUnsentBytes: 4 * 1024 * 1024,
} as const
