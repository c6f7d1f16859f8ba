import { MESSAGE_CODE } from '../core/session/message-codes.ts'
import { formatWay, parseWay, type WayAnswer } from '../core/session/way.ts'
import { addressAnswer, type PeerAddress } from '../core/values/address-list.ts'
import { type Prefix, subnetNameOf } from '../core/values/prefix.ts'
import { VERSION } from '../platform/version.ts'
import type { Tunnels } from './tunnels/tunnels.ts'

/** What the answers need. */
export interface OwnAnswersInit {
  /** Our own addresses, as others may use them. */
  readonly advertised: () => readonly PeerAddress[]
  /** Where we send packets to a node. */
  readonly wayTo: (target: Prefix) => WayAnswer
  /** Name of the operating system. */
  readonly platform: string
  readonly tunnels: () => Pick<Tunnels, 'clientTunnelPeers' | 'servedPeers'>
}

/** What this node says of itself: to other nodes, and to the registry on its machine. */
export class OwnAnswers {
  readonly #init: OwnAnswersInit

  constructor(init: OwnAnswersInit) {
    this.#init = init
  }

  /** Which re6stnet this is, and where it runs. */
  get information(): string {
    return `${VERSION}, ${this.#init.platform}`
  }

  /** The first n names are nodes that we have client tunnels to, the others have one to us. */
  get topology(): string {
    const tunnels = this.#init.tunnels()
    const own = tunnels.clientTunnelPeers().map(subnetNameOf)
    return [String(own.length), ...own, ...tunnels.servedPeers().map(subnetNameOf)].join(' ')
  }

  /** Where we are, for one who speaks this protocol; undefined: the registry. Empty: nowhere that others can reach. */
  addresses(protocol: number | undefined): string {
    return addressAnswer(this.#init.advertised(), protocol)
  }

  /** Where we send packets to a node. */
  way(target: Prefix): string {
    return formatWay(this.#init.wayTo(target))
  }

  /** The registry, on this machine, asks this node itself. @returns undefined: nothing that it asks */
  toRegistry(code: number, argument: Uint8Array): Buffer | undefined {
    switch (code) {
      case MESSAGE_CODE.addresses:
        return Buffer.from(this.addresses(undefined))
      case MESSAGE_CODE.nodeInformation:
        return Buffer.from(this.information)
      case MESSAGE_CODE.topology:
        return Buffer.from(this.topology)
      case MESSAGE_CODE.way: {
        const way = parseWay(Buffer.from(argument).toString('latin1'))
        return way && Buffer.from(this.way(way.target))
      }
      default:
        return undefined
    }
  }
}
