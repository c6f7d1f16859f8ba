import { ok, type Result, refuse } from '../result.ts'
import { FORWARDED_FLAG, MESSAGE_CODE } from './message-codes.ts'
import { parseWay } from './way.ts'

/** What a message between nodes says (protocol, section 6). Requests and answers have the same codes. */
export type Message =
  | { readonly kind: 'network-version'; readonly version: Uint8Array }
  | { readonly kind: 'addresses'; readonly addresses: string }
  | { readonly kind: 'close-tunnel' }
  | { readonly kind: 'tunnel-drained' }
  | { readonly kind: 'node-information'; readonly information: string }
  | { readonly kind: 'topology'; readonly topology: string }
  | { readonly kind: 'log'; readonly text: string }
  /** Asks to try whether these addresses of the sender can be reached: dial.ts. */
  | { readonly kind: 'dial-request'; readonly addresses: string }
  | { readonly kind: 'dial-result'; readonly results: string }
  | { readonly kind: 'multicast'; readonly state: Uint8Array }
  /** A server tells a client at which address it sees it. */
  | { readonly kind: 'seen-at'; readonly address: string }
  /** Asks for the next hop to a node, or answers: way.ts. */
  | { readonly kind: 'way'; readonly text: string }

/** A message, and whether its exchange is forwarded for the registry. */
export interface AddressedMessage {
  readonly message: Message
  readonly isForwarded: boolean
}

/** Writes a body. */
export function encodeMessageBody(message: Message, isForwarded = false): Buffer {
  const [code, argument] = codeAndArgument(message)
  return Buffer.concat([Buffer.of(isForwarded ? code | FORWARDED_FLAG : code), argument])
}

/** Reads a body that is not empty. */
export function decodeMessageBody(body: Uint8Array): Result<AddressedMessage> {
  const [first] = body
  if (first === undefined) return refuse('an empty body is no message')
  const argument = body.subarray(1)
  const text = () => Buffer.from(argument).toString('utf8')
  const message = ((): Message | undefined => {
    switch (first & ~FORWARDED_FLAG) {
      case MESSAGE_CODE.networkVersion:
        return { kind: 'network-version', version: argument }
      case MESSAGE_CODE.addresses:
        return { kind: 'addresses', addresses: text() }
      case MESSAGE_CODE.closeTunnel:
        return { kind: 'close-tunnel' }
      case MESSAGE_CODE.tunnelDrained:
        return { kind: 'tunnel-drained' }
      case MESSAGE_CODE.nodeInformation:
        return { kind: 'node-information', information: text() }
      case MESSAGE_CODE.topology:
        return { kind: 'topology', topology: text() }
      case MESSAGE_CODE.log:
        return { kind: 'log', text: text() }
      case MESSAGE_CODE.dialRequest:
        return { kind: 'dial-request', addresses: text() }
      case MESSAGE_CODE.dialResult:
        return { kind: 'dial-result', results: text() }
      case MESSAGE_CODE.multicast:
        return { kind: 'multicast', state: argument }
      case MESSAGE_CODE.seenAt:
        return { kind: 'seen-at', address: text() }
      case MESSAGE_CODE.way:
        return { kind: 'way', text: text() }
      default:
        return undefined
    }
  })()
  return message
    ? ok({ message, isForwarded: (first & FORWARDED_FLAG) !== 0 })
    : refuse(`unknown code ${first & ~FORWARDED_FLAG}`)
}

/**
 * Whether a body can be the answer to a message of ours with the same code. What asks, or is never answered, was said by the
 * peer of its own accord. Of a network version it cannot be told.
 */
export function canBeAnswer(body: Uint8Array): boolean {
  const decoded = decodeMessageBody(body)
  if (!decoded.ok) return true
  const { message } = decoded.value
  switch (message.kind) {
    case 'network-version':
      return true
    case 'addresses':
    case 'node-information':
    case 'topology':
      return body.length > 1
    case 'way':
      return parseWay(message.text)?.kind !== 'question'
    case 'close-tunnel':
    case 'tunnel-drained':
    case 'log':
    case 'dial-request':
    case 'dial-result':
    case 'multicast':
    case 'seen-at':
      return false
  }
}

function codeAndArgument(message: Message): [number, Uint8Array] {
  switch (message.kind) {
    case 'network-version':
      return [MESSAGE_CODE.networkVersion, message.version]
    case 'addresses':
      return [MESSAGE_CODE.addresses, Buffer.from(message.addresses)]
    case 'close-tunnel':
      return [MESSAGE_CODE.closeTunnel, Buffer.alloc(0)]
    case 'tunnel-drained':
      return [MESSAGE_CODE.tunnelDrained, Buffer.alloc(0)]
    case 'node-information':
      return [MESSAGE_CODE.nodeInformation, Buffer.from(message.information)]
    case 'topology':
      return [MESSAGE_CODE.topology, Buffer.from(message.topology)]
    case 'log':
      return [MESSAGE_CODE.log, Buffer.from(message.text)]
    case 'dial-request':
      return [MESSAGE_CODE.dialRequest, Buffer.from(message.addresses)]
    case 'dial-result':
      return [MESSAGE_CODE.dialResult, Buffer.from(message.results)]
    case 'multicast':
      return [MESSAGE_CODE.multicast, message.state]
    case 'seen-at':
      return [MESSAGE_CODE.seenAt, Buffer.from(message.address)]
    case 'way':
      return [MESSAGE_CODE.way, Buffer.from(message.text)]
  }
}
