/*
 * Rotation of the routing protocol's MAC keys (protocol, section 5). Three slots; the first that is set signs, the
 * second is accepted, too. One step for each updateHMAC:
 *
 *            h0        h1        h2         sign / accept
 *    ┌──▶  old         –         –           old / –
 *    │       │ a new key, announced for an hour
 *    │     old        new        –           old / new
 *    │       │ the old one moves out of the way
 *    │       –        new       old          new / old
 *    │       │ the new one moves to the front
 *    └──── new         –         –           new / –
 *
 * A database without any key begins with h1 = new, h2 = empty: sign, and accept anything for now.
 */

/** A key, or empty: accept anything. */
export interface KeySlots {
  readonly h0?: Buffer
  readonly h1?: Buffer
  readonly h2?: Buffer
}

/** What follows from a step. */
export interface RotationStep {
  readonly slots: KeySlots
  /** Until when (milliseconds since the Unix epoch) nodes may rely on what they know. */
  readonly validUntilMs: number | undefined
}

/** For how long a new key is announced before it may be used. */
const ANNOUNCEMENT_MS = 3600 * 1000

/** The next step. @param newKey used if this step needs one */
export function rotate({ h0, h1, h2 }: KeySlots, newKey: Buffer, nowMs: number): RotationStep {
  if (h0 && h1) return { slots: { h1, h2: h0 }, validUntilMs: undefined }
  if (h0) return { slots: { h0, h1: newKey }, validUntilMs: nowMs + ANNOUNCEMENT_MS }
  if (h1) return { slots: { h0: h1 }, validUntilMs: undefined }
  return { slots: { h1: newKey, h2: h2 ?? Buffer.alloc(0) }, validUntilMs: undefined }
}

/** The keys to sign with and to accept; an empty one to accept means "anything". */
export function activeKeys({ h0, h1, h2 }: KeySlots): {
  readonly sign: Buffer | undefined
  readonly accept: Buffer | undefined
} {
  const [sign, accept] = [h0, h1, h2].filter((key) => key !== undefined)
  return { sign, accept }
}
