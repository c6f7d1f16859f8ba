import type { Prefix } from '../core/values/prefix.ts'
import type { Cache } from './cache/cache.ts'
import type { ConfigKeeper } from './config-keeper.ts'
import type { NodeMessages } from './node-messages.ts'
import type { TunnelInfo } from './tunnels/tunnel-info.ts'
import type { Tunnels } from './tunnels/tunnels.ts'

interface RevocationInit {
  readonly keeper: Pick<ConfigKeeper, 'config'>
  readonly cache: Pick<Cache, 'forget'>
  /** Serial of our own certificate. */
  readonly ownSerial: () => bigint
}

/** Who has something that ends with a certificate. */
export interface RevocableParts {
  readonly messages: Pick<NodeMessages, 'setRevoked'>
  readonly tunnels: Pick<Tunnels, 'endRevoked'> & {
    list(): readonly Pick<TunnelInfo, 'prefix' | 'serial'>[]
  }
  /** Called when our own certificate was revoked. */
  readonly onOwn: () => void
}

/** Which certificates count no more, and what ends with one: its sessions, its tunnels, and that we know where its node is. */
export class Revocation {
  readonly #init: RevocationInit

  constructor(init: RevocationInit) {
    this.#init = init
  }

  isRevoked(serial: bigint): boolean {
    return this.#init.keeper.config.crl.has(serial)
  }

  /** Ends what revoked certificates have; at the start of the node, and whenever the network has revoked some. */
  end({ messages, tunnels, onOwn }: RevocableParts): void {
    const { keeper, ownSerial } = this.#init
    const withTunnels = tunnels
      .list()
      .flatMap(({ prefix, serial }) =>
        prefix !== undefined && serial !== undefined && this.isRevoked(serial) ? [prefix] : [],
      )
    for (const prefix of [...withTunnels, ...messages.setRevoked(keeper.config.crl)]) this.forget(prefix)
    tunnels.endRevoked()
    if (this.isRevoked(ownSerial())) onOwn()
  }

  /** Does not dial it again, also not after the next start: it is not let in, and whoever follows it says where it is. */
  forget(prefix: Prefix): void {
    this.#init.cache.forget(prefix)
  }
}
