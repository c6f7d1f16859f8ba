import { isIP } from 'node:net'
import type { NetworkConfig } from '../core/config/network-config.ts'
import type { VersionSpread } from '../core/config/version-spread.ts'
import type { IncomingMessage } from '../core/session/conversations.ts'
import {
  type DialResult,
  dialableAddresses,
  formatDialResults,
  parseDialResults,
} from '../core/session/dial.ts'
import { DialLimit } from '../core/session/dial-limit.ts'
import { decodeMessageBody, encodeMessageBody, type Message } from '../core/session/messages.ts'
import { parseWay, type WayAnswer } from '../core/session/way.ts'
import { formatAddressList, type PeerAddress, parseAddressList } from '../core/values/address-list.ts'
import { type Prefix, subnetNameOf } from '../core/values/prefix.ts'
import { inBackground } from '../platform/background.ts'
import type { Clock } from '../platform/clock.ts'
import type { Logger } from '../platform/log.ts'
import { LogLimit } from '../platform/log-limit.ts'
import type { Cache } from './cache/cache.ts'
import type { ConfigKeeper } from './config-keeper.ts'
import type { Identity } from './identity.ts'
import type { NeighbourProbe } from './neighbour-probe.ts'
import { OwnAnswers } from './own-answers.ts'
import type { EndpointHandlers, UdpEndpoint } from './sessions/udp-endpoint.ts'
import type { WayQuestions } from './trace/way-questions.ts'
import type { Tunnels } from './tunnels/tunnels.ts'

/** What the node's messages need. */
export interface MessageComponents {
  readonly clock: Clock
  readonly log: Logger
  readonly identity: () => Identity
  readonly keeper: Pick<ConfigKeeper, 'config' | 'newestVersion' | 'heard' | 'announced'>
  readonly cache: Pick<Cache, 'storeAnnounced'>
  /** Tries whether servers answer at these addresses. */
  readonly dialAll: (addresses: readonly PeerAddress[]) => Promise<readonly DialResult[]>
  /** Our own addresses, as others may use them. */
  readonly advertised: () => readonly PeerAddress[]
  /** Where we send packets to a node. */
  readonly wayTo: (target: Prefix) => WayAnswer
  /** Name of the operating system. */
  readonly platform: string
  readonly signal: AbortSignal
}

/** Where messages go, and come from. */
export type MessageEndpoint = Pick<
  UdpEndpoint,
  'start' | 'send' | 'setIdentity' | 'setRevoked' | typeof Symbol.asyncDispose
>

/** Who is told what messages say, and knows what the answers are. */
export interface MessageHearers {
  readonly tunnels: Pick<
    Tunnels,
    'clientTunnelPeers' | 'servedPeers' | 'addressesLearnt' | 'seenAt' | 'closing'
  >
  /** How far our newest network version has come. */
  readonly spread: Pick<VersionSpread, 'shown'>
  readonly probe: Pick<NeighbourProbe, 'answered' | 'dialled'>
  readonly ways: Pick<WayQuestions, 'answered' | 'acknowledged'>
}

/** A neighbour says what multicast it wants and knows of. */
export type MulticastHearer = (prefix: Prefix, state: Uint8Array) => void

const NOTHING = new Uint8Array()
/** Of what a peer says, so much goes into the log. */
const LONGEST_QUOTE = 500

/** What a node tells other nodes, and the registry, by UDP. */
export class NodeMessages implements AsyncDisposable {
  readonly #components: MessageComponents
  readonly #endpoint: MessageEndpoint
  readonly #logLimit: LogLimit
  #hearers: MessageHearers | undefined
  #multicast: MulticastHearer = () => {}
  readonly #dials = new DialLimit()
  readonly #own: OwnAnswers

  constructor(components: MessageComponents, openEndpoint: (handlers: EndpointHandlers) => MessageEndpoint) {
    this.#components = components
    const { advertised, wayTo, platform } = components
    this.#own = new OwnAnswers({ advertised, wayTo, platform, tunnels: () => this.#started.tunnels })
    this.#logLimit = new LogLimit(components.clock)
    this.#endpoint = openEndpoint({
      answer: (message) => this.#answer(message),
      // It may have missed news, as it has lost its session; it answers if its own is newer.
      greeting: () => encodeMessageBody(this.#versionMessage),
      acknowledged: (prefix, body) => this.#acknowledged(prefix, body),
      isBesideRegistry: () => this.#isRegistryNode(components.identity().certificate.prefix),
      answerRegistry: (code, argument) => this.#own.toRegistry(code, argument),
      versionAnnounced: () => components.keeper.announced(),
    })
  }

  /** Binds the port, and begins to hear. @throws Re6stError `SYSTEM` when the port is in use */
  start(hearers: MessageHearers): Promise<void> {
    this.#hearers = hearers
    return this.#endpoint.start()
  }

  /** What neighbours say of multicast goes there. */
  setMulticast(hearer: MulticastHearer): void {
    this.#multicast = hearer
  }

  /** Our certificate was renewed. */
  setIdentity(): void {
    this.#endpoint.setIdentity(this.#components.identity())
  }

  /** Certificates that count no more: their sessions end. @returns whose */
  setRevoked(serials: NetworkConfig['crl']): Prefix[] {
    return this.#endpoint.setRevoked(serials)
  }

  /** Asks a peer for its addresses; its answer goes to the tunnels. */
  askAddresses(prefix: Prefix): void {
    this.#send(prefix, { kind: 'addresses', addresses: '' })
  }

  /** Asks a peer who it is: whether it hears us, and we it. */
  askInformation(prefix: Prefix): void {
    this.#send(prefix, { kind: 'node-information', information: '' })
  }

  /** Asks a peer to try our addresses from where it is. */
  askDial(prefix: Prefix): void {
    const addresses = formatAddressList(this.#components.advertised(), { withCountry: false })
    if (addresses !== '') this.#send(prefix, { kind: 'dial-request', addresses })
  }

  /** Tells a peer which network version we have; it answers if it has another. */
  sendVersion(prefix: Prefix): void {
    this.#send(prefix, this.#versionMessage)
  }

  /** Asks the server of a tunnel of ours to send us nothing over it, or tells a client that it does not. */
  sendClosing(prefix: Prefix, what: 'close-tunnel' | 'tunnel-drained'): void {
    this.#send(prefix, { kind: what })
  }

  /** Asks a node where it sends packets to another one. */
  askWay(prefix: Prefix, target: Prefix): void {
    this.#send(prefix, { kind: 'way', text: subnetNameOf(target) })
  }

  /** Tells a neighbour what multicast we want and know of. */
  sendMulticast(prefix: Prefix, state: Uint8Array): void {
    this.#send(prefix, { kind: 'multicast', state })
  }

  /** Tells a client of ours at which address we see it. */
  sendSeen(prefix: Prefix, address: string): void {
    this.#send(prefix, { kind: 'seen-at', address })
  }

  #send(prefix: Prefix, message: Message): void {
    this.#endpoint.send(prefix, encodeMessageBody(message))
  }

  #answer({ prefix, protocol, body }: IncomingMessage): Uint8Array {
    const decoded = decodeMessageBody(body)
    if (!decoded.ok) {
      this.#logOf(prefix, 'debug', { reason: decoded.reason }, 'message not understood')
      return NOTHING
    }
    const { message, isForwarded } = decoded.value
    const answer = this.#answerTo(message, prefix, protocol)
    return answer ? encodeMessageBody(answer, isForwarded) : NOTHING
  }

  #answerTo(message: Message, prefix: Prefix, protocol: number): Message | undefined {
    const { tunnels, probe, ways } = this.#started
    switch (message.kind) {
      case 'network-version':
        return this.#compareVersion(message.version, prefix)
      case 'addresses': {
        if (message.addresses === '') {
          const addresses = this.#own.addresses(protocol)
          return addresses === '' ? undefined : { kind: 'addresses', addresses }
        }
        const { addresses, skipped } = parseAddressList(message.addresses)
        if (skipped.length > 0)
          this.#logOf(prefix, 'warn', { entries: quote(skipped.join(' ')) }, 'addresses not understood')
        tunnels.addressesLearnt(prefix, this.#components.cache.storeAnnounced(prefix, addresses))
        return undefined
      }
      case 'node-information':
        // With something in it, it is the answer to our question.
        if (message.information !== '') return void probe.answered(prefix)
        return { kind: 'node-information', information: this.#own.information }
      case 'topology':
        return this.#isRegistryNode(prefix) ? { kind: 'topology', topology: this.#own.topology } : undefined
      case 'log':
        this.#logOf(prefix, 'info', { text: quote(message.text) }, 'a node reports')
        return undefined
      case 'close-tunnel':
        tunnels.closing.peerAsks(prefix)
        return undefined
      case 'tunnel-drained':
        tunnels.closing.peerDrained(prefix)
        return undefined
      case 'dial-request':
        inBackground(this.#components.log, 'dialling for a neighbour', this.#dial(prefix, message.addresses))
        return undefined
      case 'dial-result':
        probe.dialled(prefix, parseDialResults(message.results))
        return undefined
      case 'multicast':
        this.#multicast(prefix, message.state)
        return undefined
      case 'seen-at':
        if (isIP(message.address) !== 0) tunnels.seenAt(prefix, message.address)
        return undefined
      case 'way': {
        const way = parseWay(message.text)
        if (way?.kind === 'question') return { kind: 'way', text: this.#own.way(way.target) }
        if (way) ways.answered(prefix, way)
        return undefined
      }
    }
  }

  /** A peer wants to know whether its servers can be reached. */
  async #dial(prefix: Prefix, list: string): Promise<void> {
    if (!this.#dials.take(prefix, this.#components.clock.monotonicMs())) return
    const results = await this.#components.dialAll(dialableAddresses(list))
    if (results.length > 0 && !this.#components.signal.aborted)
      this.#send(prefix, { kind: 'dial-result', results: formatDialResults(results) })
  }

  /** Logs something that a peer can bring about as often as it likes. */
  #logOf(
    prefix: Prefix,
    level: 'debug' | 'info' | 'warn',
    fields: Readonly<Record<string, unknown>>,
    text: string,
  ): void {
    const peer = subnetNameOf(prefix)
    this.#logLimit.write(`${peer} ${text}`, (omitted) =>
      this.#components.log[level]({ peer, ...fields, ...omitted }, text),
    )
  }

  #compareVersion(version: Uint8Array, prefix: Prefix): Message | undefined {
    const compared = this.#components.keeper.heard(version, prefix)
    if (!compared.ok) {
      this.#logOf(prefix, 'debug', { reason: compared.reason }, 'network version ignored')
      return undefined
    }
    if (compared.value === 'older') return this.#versionMessage
    this.#started.spread.shown(prefix, version)
    return undefined
  }

  /** A peer has nothing to answer: it has the version that we said, or does not know the question. */
  #acknowledged(prefix: Prefix, body: Uint8Array): void {
    const decoded = decodeMessageBody(body)
    if (!decoded.ok) return
    const { message } = decoded.value
    if (message.kind === 'network-version') this.#started.spread.shown(prefix, message.version)
    const way = message.kind === 'way' ? parseWay(message.text) : undefined
    if (way?.kind === 'question') this.#started.ways.acknowledged(prefix, way.target)
  }

  get #versionMessage(): Message {
    return { kind: 'network-version', version: this.#components.keeper.newestVersion }
  }

  get #started(): MessageHearers {
    if (!this.#hearers) throw new Error('nothing can be heard before the start')
    return this.#hearers
  }

  #isRegistryNode(prefix: Prefix): boolean {
    return prefix === this.#components.keeper.config.registryPrefix
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#endpoint[Symbol.asyncDispose]()
  }
}

const quote = (text: string): string =>
  text.length > LONGEST_QUOTE ? `${text.slice(0, LONGEST_QUOTE)}…` : text
