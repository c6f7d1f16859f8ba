/** Who may call a method: anyone, a node with a session, or the operator of the registry. */
type Access = 'public' | 'authenticated' | 'private'

/** A method of the registry (protocol, section 4): who may call it, and its parameters with their defaults. */
interface Method {
  readonly access: Access
  /** In the order in which a client sends them; a text is the default of one that may be left out. */
  readonly parameters: Readonly<Record<string, string | undefined>>
}

/** All methods. An authenticated one has the caller's prefix as its first parameter, `cn`. */
export const METHODS = {
  hello: { access: 'public', parameters: { client_prefix: undefined, protocol: '1' } },
  getCa: { access: 'public', parameters: {} },
  requestToken: { access: 'public', parameters: { email: undefined } },
  requestCertificate: {
    access: 'public',
    parameters: { token: undefined, req: undefined, location: '', ip: '' },
  },
  renewCertificate: { access: 'authenticated', parameters: { cn: undefined } },
  getDh: { access: 'authenticated', parameters: { cn: undefined } },
  getNetworkConfig: { access: 'authenticated', parameters: { cn: undefined } },
  getCountry: { access: 'authenticated', parameters: { cn: undefined, address: undefined } },
  getBootstrapPeer: { access: 'authenticated', parameters: { cn: undefined } },
  isToken: { access: 'private', parameters: { token: undefined } },
  addToken: { access: 'private', parameters: { email: undefined, token: undefined } },
  deleteToken: { access: 'private', parameters: { token: undefined } },
  revoke: { access: 'private', parameters: { cn_or_serial: undefined } },
  updateHMAC: { access: 'private', parameters: {} },
  getNodePrefix: { access: 'private', parameters: { email: undefined } },
  getIPv6Address: { access: 'private', parameters: { email: undefined } },
  getIPv4Information: { access: 'private', parameters: { email: undefined } },
  versions: { access: 'private', parameters: {} },
  topology: { access: 'private', parameters: {} },
} as const satisfies Record<string, Method>

/** Name of a method. */
export type MethodName = keyof typeof METHODS

/** The header with the HMAC of a request or an answer, in base64. */
export const HMAC_HEADER = 'Re6stHMAC'

/**
 * The header by which a node says which certificate of the authority it has, with every authenticated call: SHA-256 of its DER in
 * hexadecimal. Not part of the protocol: others send none, and the HMAC does not cover it, so that it is for people to look at only.
 */
export const AUTHORITY_HEADER = 'Re6stCA'
