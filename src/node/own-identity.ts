import { fingerprint } from '../core/crypto/certificate.ts'
import { type Decryptor, makeDecryptor } from '../core/crypto/rsa.ts'
import type { Prefix } from '../core/values/prefix.ts'
import type { RegistryIdentity } from '../platform/registry-session.ts'
import type { ConfigurationKeys } from './config-source.ts'
import type { Identity } from './identity.ts'

/** Who this node is at the moment: certificate and CA are renewed while it runs. Its prefix stays. */
export class OwnIdentity {
  #current: Identity
  readonly #decrypt: Decryptor
  /** Bits of our subnet after the network. */
  readonly prefix: Prefix

  constructor(identity: Identity) {
    this.#current = identity
    this.#decrypt = makeDecryptor(identity.privateKey)
    this.prefix = identity.certificate.prefix
  }

  get current(): Identity {
    return this.#current
  }

  /** From now on we have another certificate, or CA. */
  replace(identity: Identity): void {
    this.#current = identity
  }

  /** What configurations of the network, and answers of the registry, are read with. */
  get keys(): ConfigurationKeys {
    return { caPublicKey: this.#current.authority.publicKey, decrypt: this.#decrypt }
  }

  /** Who we are for the registry. */
  get caller(): RegistryIdentity {
    const caFingerprint = fingerprint('sha256', this.#current.authority.der).toString('hex')
    return { prefix: this.prefix, ...this.keys, caFingerprint }
  }
}
