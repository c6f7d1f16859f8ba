/** What a text is made into before it is kept where others may read it, and back again. */
export interface Seal {
  seal(text: string): Promise<string>
  /** @throws Error for what was not sealed by this one */
  open(sealed: string): Promise<string>
}

/** AES-GCM (NIST SP 800-38D, 8.2.2): random, new for each text. */
const NONCE_LENGTH = 12
const ALGORITHM = 'AES-GCM'

/**
 * Seals what is kept in a browser that others use, too: without the key, which is the registry's and is told to who has signed in, it
 * says nothing but how long it is. Undefined: this browser does not encrypt here, as without TLS elsewhere than on loopback.
 * @param key 32 octets, base64url
 */
export function sealOf(key: string): Seal | undefined {
  // Whatever its type says, it is there in secure contexts only.
  if (!(crypto.subtle as SubtleCrypto | undefined)) return undefined
  const imported = crypto.subtle.importKey('raw', octetsOf(key), ALGORITHM, false, ['encrypt', 'decrypt'])
  return {
    async seal(text) {
      const iv = crypto.getRandomValues(new Uint8Array(NONCE_LENGTH))
      const content = new TextEncoder().encode(text)
      const sealed = new Uint8Array(
        await crypto.subtle.encrypt({ name: ALGORITHM, iv }, await imported, content),
      )
      return textOf([...iv, ...sealed])
    },
    async open(sealed) {
      const octets = octetsOf(sealed)
      const [iv, content] = [octets.subarray(0, NONCE_LENGTH), octets.subarray(NONCE_LENGTH)]
      return new TextDecoder().decode(
        await crypto.subtle.decrypt({ name: ALGORITHM, iv }, await imported, content),
      )
    },
  }
}

const octetsOf = (text: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (one) => one.charCodeAt(0))

const textOf = (octets: readonly number[]): string =>
  btoa(octets.map((octet) => String.fromCharCode(octet)).join(''))
