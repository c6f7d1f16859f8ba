import { ok, type Result, refuse } from '../result.ts'
import type { MappedProtocol, MappingWish } from './mapping.ts'
import type { GatewayTrouble } from './trouble.ts'

const VERSION = 0
const RESPONSE_FLAG = 0x80
const OPCODE_ADDRESS = 0
const OPCODES: Readonly<Record<MappedProtocol, number>> = { udp: 1, tcp: 2 }
const ADDRESS_ANSWER_LENGTH = 12
const MAPPING_ANSWER_LENGTH = 16

/** Results (RFC 6886, section 3.5). */
const SUCCESS = 0
const RESULT_TROUBLES: Readonly<Record<number, GatewayTrouble>> = {
  1: { kind: 'silent' },
  2: { kind: 'refused', reason: 'not authorized' },
  3: { kind: 'behind-nat', address: undefined },
  4: { kind: 'unable', reason: 'no resources' },
  5: { kind: 'silent' },
}

/** What a gateway answered. */
export type NatPmpAnswer =
  | { readonly kind: 'address'; readonly externalAddress: string }
  | {
      readonly kind: 'mapped'
      readonly protocol: MappedProtocol
      readonly internalPort: number
      readonly externalPort: number
      readonly leaseSeconds: number
    }
  | {
      readonly kind: 'trouble'
      /** About what it was asked. */
      readonly about: 'address' | MappedProtocol
      readonly trouble: GatewayTrouble
    }

/** Asks for the external address (section 3.2). */
export const encodeNatPmpAddress = (): Uint8Array => Uint8Array.of(VERSION, OPCODE_ADDRESS)

/** Asks for a mapping (section 3.3). Lifetime 0 removes it (section 3.4): the external port must be 0 then. */
export function encodeNatPmpMapping(wish: MappingWish): Uint8Array {
  const bytes = Buffer.alloc(12)
  bytes[0] = VERSION
  bytes[1] = OPCODES[wish.protocol]
  bytes.writeUInt16BE(wish.internalPort, 4)
  bytes.writeUInt16BE(wish.externalPort, 6)
  bytes.writeUInt32BE(wish.leaseSeconds, 8)
  return bytes
}

/** An answer of a gateway. */
export function decodeNatPmp(datagram: Uint8Array): Result<NatPmpAnswer> {
  const bytes = Buffer.from(datagram.buffer, datagram.byteOffset, datagram.byteLength)
  if (bytes.length < 4) return refuse('too short for an answer')
  const [version, opcode = 0] = bytes
  if (version !== VERSION) return refuse('another version')
  const about = aboutOf(opcode)
  if (about === undefined) return refuse('not an answer to what we ask')
  const result = bytes.readUInt16BE(2)
  if (result !== SUCCESS) {
    const trouble = RESULT_TROUBLES[result] ?? { kind: 'unable', reason: `NAT-PMP result ${result}` }
    return ok({ kind: 'trouble', about, trouble })
  }
  if (about === 'address') {
    if (bytes.length < ADDRESS_ANSWER_LENGTH) return refuse('cut off')
    return ok({ kind: 'address', externalAddress: bytes.subarray(8, 12).join('.') })
  }
  if (bytes.length < MAPPING_ANSWER_LENGTH) return refuse('cut off')
  return ok({
    kind: 'mapped',
    protocol: about,
    internalPort: bytes.readUInt16BE(8),
    externalPort: bytes.readUInt16BE(10),
    leaseSeconds: bytes.readUInt32BE(12),
  })
}

function aboutOf(opcode: number): 'address' | MappedProtocol | undefined {
  switch (opcode) {
    case RESPONSE_FLAG | OPCODE_ADDRESS:
      return 'address'
    case RESPONSE_FLAG | OPCODES.udp:
      return 'udp'
    case RESPONSE_FLAG | OPCODES.tcp:
      return 'tcp'
    default:
      return undefined
  }
}
