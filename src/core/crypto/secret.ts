/** Length of a session secret in bytes. */
export const SECRET_LENGTH = 20

/**
 * A new secret: 8 bytes big-endian, then 12 random bytes.
 * @param high for UDP the time in microseconds, so that later secrets compare greater; for HTTP random
 * @param random at least 12 bytes from a cryptographic source
 */
export function newSecret(high: bigint, random: Uint8Array): Buffer {
  const secret = Buffer.alloc(SECRET_LENGTH)
  secret.writeBigUInt64BE(BigInt.asUintN(64, high))
  secret.set(random.subarray(0, SECRET_LENGTH - 8), 8)
  return secret
}
