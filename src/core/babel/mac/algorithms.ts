import { createHmac } from 'node:crypto'
import { blake2s } from '@noble/hashes/blake2.js'
import { MAC_OCTETS, type MacKey } from './keys.ts'

/**
 * Computes MACs. Node's own BLAKE2s has neither a key nor a shorter output, so that one is a library's: loaded by whoever has
 * keys, with `import()`.
 */
export function computeMac(key: MacKey, parts: readonly Uint8Array[]): Uint8Array {
  switch (key.algorithm) {
    case 'blake2s128': {
      // The length of the output is part of what is hashed (RFC 7693, 2.5): this is not the start of a longer one.
      const hash = blake2s.create({ key: key.key, dkLen: MAC_OCTETS.blake2s128 })
      for (const part of parts) hash.update(part)
      return hash.digest()
    }
    case 'hmac-sha256': {
      const hash = createHmac('sha256', key.key)
      for (const part of parts) hash.update(part)
      return hash.digest()
    }
  }
}
