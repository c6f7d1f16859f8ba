/** A key that packets are signed with (RFC 8967, 3.1). */
export interface MacKey {
  readonly algorithm: MacAlgorithm
  /** Of 1 to 32 octets for BLAKE2s. */
  readonly key: Uint8Array
}

/** `hmac-sha256` (RFC 8967, 4.1), or keyed BLAKE2s of 16 octets, which babeld and BIRD call `blake2s128`. */
export type MacAlgorithm = 'blake2s128' | 'hmac-sha256'

/** Octets of a MAC. */
export const MAC_OCTETS: Readonly<Record<MacAlgorithm, number>> = { blake2s128: 16, 'hmac-sha256': 32 }

/** Which keys count on an interface. */
export interface MacKeys {
  /** Each packet carries a MAC of each. */
  readonly sign: readonly MacKey[]
  /** One of these is enough; 'anything': signed or not, while a network turns authentication on (RFC 8967, 5). */
  readonly accept: readonly MacKey[] | 'anything'
}

/** The MAC of the octets of `parts`, one after the other. */
export type ComputeMac = (key: MacKey, parts: readonly Uint8Array[]) => Uint8Array
