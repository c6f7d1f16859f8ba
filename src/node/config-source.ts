import type { KeyObject } from 'node:crypto'
import { checkProtocol } from '../core/config/first-config.ts'
import { type NetworkConfig, readNetworkConfig } from '../core/config/network-config.ts'
import { PROTOCOL } from '../core/config/protocol-number.ts'
import type { Decryptor } from '../core/crypto/rsa.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import { compareVersions, type NetworkVersion } from '../core/values/network-version.ts'
import type { Logger } from '../platform/log.ts'

/** Keys to read a configuration with. */
export interface ConfigurationKeys {
  readonly caPublicKey: KeyObject
  readonly decrypt: Decryptor
}

/** What the source needs. */
export interface ConfigSourceInit {
  readonly registry: { getNetworkConfig(signal?: AbortSignal): Promise<Uint8Array> }
  /** Asked each time: the certificate, and so the key's use, may be renewed. */
  readonly keys: () => ConfigurationKeys
  readonly log: Logger
}

/**
 * Gets the network's configuration from the registry, and refuses what cannot be used. Versions only grow: what a
 * registry, or somebody in its place, brings back from former times is refused.
 */
export class ConfigSource {
  readonly #init: ConfigSourceInit
  #refusal: string | undefined
  /** The protocol, newer than ours, of which the log speaks. */
  #newerProtocol: number | undefined

  constructor(init: ConfigSourceInit) {
    this.#init = init
  }

  /** Why what the registry gave last is not in effect here; undefined: it is, or nothing came. */
  get refusal(): string | undefined {
    return this.#refusal
  }

  /**
   * Asks the registry once.
   * @param newest the newest version that was verified, asked when the answer has come
   * @throws Re6stError `PROTOCOL` when this node is too old for the network, or whatever the call does
   */
  async fetch(newest: () => NetworkVersion | undefined, signal: AbortSignal): Promise<NetworkConfig> {
    const answer = await this.#init.registry.getNetworkConfig(signal)
    try {
      const received = readNetworkConfig(answer, this.#init.keys())
      if (!received.ok) throw new Re6stError('REGISTRY', received.reason)
      this.checkProtocol(received.value)
      refuseOlder(received.value, newest())
      this.#refusal = undefined
      return received.value
    } catch (error) {
      this.#refusal = messageOf(error)
      throw error
    }
  }

  /** Whether this node can run in the network. @throws Re6stError `PROTOCOL` when it is too old */
  checkProtocol(config: NetworkConfig): void {
    const mayRun = checkProtocol(config)
    if (!mayRun.ok) throw new Re6stError('PROTOCOL', mayRun.reason)
    if (config.protocol <= PROTOCOL || config.protocol === this.#newerProtocol) return
    this.#newerProtocol = config.protocol
    this.#init.log.warn(
      `the network speaks protocol ${config.protocol}, this re6stnet ${PROTOCOL}: there is a newer one`,
    )
  }
}

/** Answers of the registry are not bound to the question: one from former times can be said again. */
function refuseOlder({ version }: NetworkConfig, newest: NetworkVersion | undefined): void {
  if (newest !== undefined && compareVersions(version, newest) < 0)
    throw new Re6stError(
      'REGISTRY',
      'the registry gives an older network configuration than was seen before: was its database restored, or does somebody answer in its place?',
    )
}
