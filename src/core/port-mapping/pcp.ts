import { isIPv4 } from 'node:net'
import { ok, type Result, refuse } from '../result.ts'
import type { MappedProtocol, MappingWish } from './mapping.ts'
import type { GatewayTrouble } from './trouble.ts'

/** Gateways listen here, for PCP (RFC 6887, section 19.1) and for NAT-PMP (RFC 6886, section 1.2) alike. */
export const GATEWAY_PORT = 5351
/** Gateways announce here that they restarted, or have another address, to 224.0.0.1. */
export const ANNOUNCEMENT_PORT = 5350
/** "All hosts", to which gateways announce. */
export const ANNOUNCEMENT_GROUP = '224.0.0.1'

/** Bytes of the number by which a gateway knows that a mapping is ours. */
export const NONCE_LENGTH = 12

const VERSION = 2
const OPCODE_MAP = 1
const RESPONSE_FLAG = 0x80
const HEADER_LENGTH = 24
const MAP_LENGTH = 36
/** No PCP message is longer (section 7). */
const MAX_LENGTH = 1100

/** IANA's numbers of the transport protocols. */
const PROTOCOL_NUMBERS: Readonly<Record<MappedProtocol, number>> = { tcp: 6, udp: 17 }

/** Results that mean more than "no" (section 7.4). */
const SUCCESS = 0
const RESULT_TROUBLES: Readonly<Record<number, GatewayTrouble>> = {
  1: { kind: 'silent' },
  2: { kind: 'refused', reason: 'not authorized' },
  3: { kind: 'nonsense', reason: 'it calls our request malformed' },
  4: { kind: 'silent' },
  7: { kind: 'behind-nat', address: undefined },
  8: { kind: 'unable', reason: 'no resources' },
  9: { kind: 'refused', reason: 'transport protocol not supported' },
  10: { kind: 'refused', reason: 'our quota of ports is used up' },
  11: { kind: 'taken' },
  12: { kind: 'refused', reason: 'there is another NAT between it and this machine' },
}

/** What a MAP request says. Lifetime 0 removes the mapping. */
export interface PcpMapRequest extends MappingWish {
  /** Our address, as the gateway must see it. */
  readonly clientAddress: string
  readonly nonce: Uint8Array
}

/** What a gateway answered to a MAP request. */
export interface PcpMapAnswer {
  readonly protocol: number
  readonly internalPort: number
  readonly nonce: Uint8Array
  readonly outcome:
    | {
        readonly kind: 'mapped'
        readonly externalPort: number
        readonly externalAddress: string
        readonly leaseSeconds: number
      }
    | { readonly kind: 'trouble'; readonly trouble: GatewayTrouble }
}

/** A MAP request (sections 7.1 and 11.1). @param request its addresses are IPv4 */
export function encodePcpMap(request: PcpMapRequest): Uint8Array {
  const bytes = Buffer.alloc(HEADER_LENGTH + MAP_LENGTH)
  bytes[0] = VERSION
  bytes[1] = OPCODE_MAP
  bytes.writeUInt32BE(request.leaseSeconds, 4)
  mappedAddress(request.clientAddress).copy(bytes, 8)
  bytes.set(request.nonce.subarray(0, NONCE_LENGTH), HEADER_LENGTH)
  bytes[HEADER_LENGTH + 12] = PROTOCOL_NUMBERS[request.protocol]
  bytes.writeUInt16BE(request.internalPort, HEADER_LENGTH + 16)
  bytes.writeUInt16BE(request.externalPort, HEADER_LENGTH + 18)
  mappedAddress('0.0.0.0').copy(bytes, HEADER_LENGTH + 20)
  return bytes
}

/** Asks a gateway only whether it is there (section 14.1.2). */
export function encodePcpAnnounce(clientAddress: string): Uint8Array {
  const bytes = Buffer.alloc(HEADER_LENGTH)
  bytes[0] = VERSION
  mappedAddress(clientAddress).copy(bytes, 8)
  return bytes
}

/** Whether a datagram is an answer, and so from a gateway that speaks PCP; undefined: it is none at all. */
export const speaksPcp = ([version, opcode = 0]: Uint8Array): boolean | undefined =>
  (opcode & RESPONSE_FLAG) === 0 ? undefined : version === VERSION

/** The answer to a MAP request. A refusal to speak this version at all is one from any version (section 9). */
export function decodePcpMap(datagram: Uint8Array): Result<PcpMapAnswer | 'other-version'> {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength)
  const [version, opcode = 0] = bytes
  if (bytes.length < 4) return refuse('too short for an answer')
  if ((opcode & RESPONSE_FLAG) === 0) return refuse('not an answer')
  if (version !== VERSION) return ok('other-version')
  if (bytes.length > MAX_LENGTH) return refuse('longer than PCP allows')
  if (opcode !== (RESPONSE_FLAG | OPCODE_MAP)) return refuse('not an answer about a mapping')
  const result = bytes[3]
  if (bytes.length < HEADER_LENGTH + MAP_LENGTH) return refuse('cut off')
  const body = bytes.subarray(HEADER_LENGTH)
  const answer = {
    nonce: Buffer.from(body.subarray(0, NONCE_LENGTH)),
    protocol: body[12] ?? 0,
    internalPort: body.readUInt16BE(16),
  }
  if (result !== SUCCESS) {
    const trouble = RESULT_TROUBLES[result ?? 0] ?? { kind: 'unable', reason: `PCP result ${result}` }
    return ok({ ...answer, outcome: { kind: 'trouble', trouble } })
  }
  const externalAddress = unmappedAddress(body.subarray(20, 36))
  if (externalAddress === undefined) return refuse('the external address is not IPv4')
  return ok({
    ...answer,
    outcome: {
      kind: 'mapped',
      externalPort: body.readUInt16BE(18),
      externalAddress,
      leaseSeconds: bytes.readUInt32BE(4),
    },
  })
}

/** Whether an answer belongs to a request (section 11.4). */
export const answersPcpMap = (answer: PcpMapAnswer, request: PcpMapRequest): boolean =>
  answer.protocol === PROTOCOL_NUMBERS[request.protocol] &&
  answer.internalPort === request.internalPort &&
  Buffer.compare(answer.nonce, request.nonce) === 0

const MAPPED_PREFIX = Buffer.from('00000000000000000000ffff', 'hex')

/** IPv4 addresses travel as ::ffff:a.b.c.d (section 5). */
const mappedAddress = (address: string): Buffer =>
  Buffer.concat([MAPPED_PREFIX, Buffer.from(isIPv4(address) ? address.split('.').map(Number) : [0, 0, 0, 0])])

const unmappedAddress = (bytes: Buffer): string | undefined =>
  bytes.subarray(0, MAPPED_PREFIX.length).equals(MAPPED_PREFIX)
    ? bytes.subarray(MAPPED_PREFIX.length).join('.')
    : undefined
