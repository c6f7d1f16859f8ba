/*
 * How a conversation with an OpenVPN server begins, as far as it shows that there is one: the client's first packet
 * of the control channel, and the server's answer to it (P_CONTROL_HARD_RESET_…_V2; the opcode is in the upper five
 * bits of the first byte). Over TCP, each packet has its length in front, two bytes.
 */

const CLIENT_RESET = 7
const SERVER_RESET = 8
const KEY_ID_BITS = 3
export const SESSION_ID_LENGTH = 8
/** No acknowledgements (one byte), and packet number 0 (four). */
const FIRST_PACKET = Buffer.alloc(5)

/** The first packet of a client. @param sessionId eight random bytes */
export function hardReset(sessionId: Uint8Array, { isStream }: { readonly isStream: boolean }): Buffer {
  const packet = Buffer.concat([Buffer.of(CLIENT_RESET << KEY_ID_BITS), sessionId, FIRST_PACKET])
  return isStream ? Buffer.concat([Buffer.of(0, packet.length), packet]) : packet
}

/** Whether this is how a server answers it. */
export function isHardResetAnswer(answer: Uint8Array, { isStream }: { readonly isStream: boolean }): boolean {
  const opcode = answer[isStream ? 2 : 0]
  return opcode !== undefined && opcode >> KEY_ID_BITS === SERVER_RESET
}
