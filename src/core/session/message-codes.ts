/** First byte of a message between nodes, without the flag (protocol, section 6). */
export const MESSAGE_CODE = {
  networkVersion: 0,
  addresses: 1,
  closeTunnel: 2,
  tunnelDrained: 3,
  nodeInformation: 4,
  topology: 5,
  log: 7,
  // Not of the protocol that all nodes speak: others acknowledge them and do nothing.
  dialRequest: 96,
  dialResult: 97,
  multicast: 98,
  seenAt: 99,
  way: 100,
} as const

/** This exchange is forwarded for the registry. */
export const FORWARDED_FLAG = 0x80

/** UDP port of the nodes. */
export const NODE_PORT = 326
