import {
  constants,
  createHash,
  createHmac,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto'
import { Re6stError } from '../errors.ts'

/** RSASSA-PKCS1-v1_5 with SHA-512. */
export const sign = (key: KeyObject, data: Uint8Array): Buffer => nodeSign('sha512', data, key)

/** The same, computed by a thread of Node's. */
export const signInThreadPool = (key: KeyObject, data: Uint8Array): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    nodeSign('sha512', data, key, (error, signature) => (error ? reject(error) : resolve(signature)))
  })

/** Whether `signature` is RSASSA-PKCS1-v1_5 with SHA-512 over `data`. Never throws. */
export function verifySignature(publicKey: KeyObject, data: Uint8Array, signature: Uint8Array): boolean {
  try {
    return nodeVerify('sha512', data, publicKey, signature)
  } catch {
    return false
  }
}

/** RSAES-PKCS1-v1_5. @throws when `data` is longer than the modulus less 11 bytes */
export const encrypt = (publicKey: KeyObject, data: Uint8Array): Buffer =>
  publicEncrypt({ key: publicKey, padding: constants.RSA_PKCS1_PADDING }, data)

/** Decrypts what `encrypt` made. Never throws: what cannot be decrypted gives bytes that look like a message. */
export type Decryptor = (ciphertext: Uint8Array) => Buffer

/*
 * RSAES-PKCS1-v1_5 decryption (RFC 8017, 7.2.2) with implicit rejection (draft-irtf-cfrg-rsa-guidance): wrong padding
 * does not give an error but a pseudo-random message, derived from the key and the ciphertext. So nobody learns from
 * our answer, or from its time, whether a padding was right. Node refuses RSA_PKCS1_PADDING where its OpenSSL has no
 * implicit rejection of its own; OpenSSL does the exponentiation (RSA_NO_PADDING: blinded, in constant time), and what
 * follows has no branch and no index that depends on the padding before the message is chosen.
 */

/** 0x00 0x02, at least eight bytes of padding, 0x00. */
const HEADER_LENGTH = 2
const MIN_PADDING_LENGTH = 8
/** How many candidates for the length of a synthetic message are drawn: one that fits is found but for 2^-128. */
const LENGTH_CANDIDATES = 128

/** A decryptor for one private key. */
export function makeDecryptor(privateKey: KeyObject): Decryptor {
  const keyLength = Math.ceil((privateKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
  const exponentHash = hashOfExponent(privateKey, keyLength)
  return (ciphertext) => {
    const seed = createHmac('sha256', exponentHash).update(ciphertext).digest()
    const padded = rawDecrypt(privateKey, ciphertext, keyLength)
    const result = removePadding(padded, seed, keyLength)
    padded.fill(0)
    return result
  }
}

function hashOfExponent(privateKey: KeyObject, keyLength: number): Buffer {
  const exponent = Buffer.from(privateKey.export({ format: 'jwk' }).d ?? '', 'base64url')
  const padded = Buffer.concat([Buffer.alloc(Math.max(0, keyLength - exponent.length)), exponent])
  const hash = createHash('sha256').update(padded).digest()
  padded.fill(0)
  exponent.fill(0)
  return hash
}

/** The padded message; zeros, which are no valid padding, for a number that is not below the modulus. */
function rawDecrypt(privateKey: KeyObject, ciphertext: Uint8Array, keyLength: number): Buffer {
  try {
    return privateDecrypt({ key: privateKey, padding: constants.RSA_NO_PADDING }, ciphertext)
  } catch {
    return Buffer.alloc(keyLength)
  }
}

function removePadding(padded: Buffer, seed: Buffer, keyLength: number): Buffer {
  const message = pseudoRandom(seed, 'message', keyLength)
  const syntheticLength = chooseLength(pseudoRandom(seed, 'length', 2 * LENGTH_CANDIDATES), keyLength)

  let good = isEqual(padded[0] ?? 1, 0) & isEqual(padded[1] ?? 0, 2)
  let found = 0
  let separator = 0
  for (let at = HEADER_LENGTH; at < keyLength; at++) {
    const isZero = isEqual(padded[at] ?? 1, 0)
    separator = select(isZero & (found ^ 1), at, separator)
    found |= isZero
  }
  good &= found & (isLess(separator, HEADER_LENGTH + MIN_PADDING_LENGTH) ^ 1)

  const start = select(good, separator + 1, keyLength - syntheticLength)
  for (let at = 0; at < keyLength; at++) message[at] = select(good, padded[at] ?? 0, message[at] ?? 0)
  return message.subarray(start)
}

/** The last of the candidates that is a possible length. */
function chooseLength(candidates: Buffer, keyLength: number): number {
  const longest = keyLength - HEADER_LENGTH - MIN_PADDING_LENGTH
  let mask = longest
  for (const shift of [1, 2, 4, 8]) mask |= mask >> shift
  let length = 0
  for (let at = 0; at < candidates.length; at += 2) {
    const candidate = candidates.readUInt16BE(at) & mask
    length = select(isLess(candidate, longest), candidate, length)
  }
  return length
}

/** HMAC-SHA-256 in counter mode over label and length in bits, as the draft defines it. */
function pseudoRandom(seed: Buffer, label: string, length: number): Buffer {
  const blocks: Buffer[] = []
  const [counter, bits] = [Buffer.alloc(2), Buffer.alloc(2)]
  bits.writeUInt16BE(length * 8)
  for (let block = 0; block * 32 < length; block++) {
    counter.writeUInt16BE(block)
    blocks.push(createHmac('sha256', seed).update(counter).update(label).update(bits).digest())
  }
  return Buffer.concat(blocks).subarray(0, length)
}

/** 1 if equal, else 0; without a branch. For non-negative integers below 2^31. */
const isEqual = (a: number, b: number): number => {
  const difference = a ^ b
  return (((difference | -difference) >> 31) + 1) | 0
}

/** 1 if a < b, else 0; without a branch. */
const isLess = (a: number, b: number): number => ((a - b) >> 31) & 1

/** `a` if the condition is 1, `b` if it is 0; without a branch. */
const select = (condition: number, a: number, b: number): number => (a & -condition) | (b & ~-condition)

/**
 * Checks that this machine's OpenSSL does what we rely on: a round trip, and no error for damaged ciphertext.
 * @throws Re6stError `SYSTEM`
 */
export function selfTestDecryption(privateKey: KeyObject, publicKey: KeyObject): void {
  const decrypt = makeDecryptor(privateKey)
  const message = Buffer.from('re6stnet self-test')
  const ciphertext = encrypt(publicKey, message)
  const damaged = Buffer.from(ciphertext)
  damaged[damaged.length - 1] = (damaged.at(-1) ?? 0) ^ 1
  if (!decrypt(ciphertext).equals(message) || decrypt(damaged).equals(message))
    throw new Re6stError(
      'SYSTEM',
      'RSA decryption does not work with the OpenSSL of this Node.js: use another build',
    )
}
