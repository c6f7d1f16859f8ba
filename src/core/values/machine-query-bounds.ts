/** Which numbers machines may be asked for by. */
export const MACHINE_QUERY_BOUNDS = {
  /** A protocol is one octet, and all are below the one after the last. */
  protocolBelow: { minimum: 1, maximum: 256 },
  /** Serial numbers of subjects are of 32 bits. */
  subjectSerialFrom: { minimum: 0, maximum: 4_294_967_296 },
} as const

/** By which certificate of the authority they may be asked for: its fingerprint, or that nobody knows. */
export const WANTED_AUTHORITY = /^(unknown|sha256:[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){31})$/

/** So long a text machines may be searched by. */
export const MACHINE_SEARCH_LENGTH = 200
