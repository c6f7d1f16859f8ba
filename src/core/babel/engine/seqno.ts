/** Sequence numbers are compared modulo 2^16 (RFC 8966, 3.2.1). */

/** `seqno` and `increment` more. */
export const seqnoPlus = (seqno: number, increment: number): number => (seqno + increment) & 0xffff

/** How much newer `seqno` is than `other`: negative if it is older. */
export const seqnoMinus = (seqno: number, other: number): number => ((seqno - other) << 16) >> 16

/** Whether `seqno` is older than `other`. */
export const isOlder = (seqno: number, other: number): boolean =>
  seqno !== other && seqnoMinus(seqno, other) < 0
