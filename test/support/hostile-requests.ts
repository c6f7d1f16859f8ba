import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import { vectors } from './vectors.ts'

const pki = vectors<{ keys: Record<string, string> }>('pki.json')

/** A DER element. */
export function der(tag: number, ...content: readonly (Uint8Array | string)[]): Buffer {
  const bytes = Buffer.concat(content.map((one) => Buffer.from(one as string)))
  const { length } = bytes
  const header = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(header), bytes])
}

/** DER of an object identifier. */
export function derOid(oid: string): Buffer {
  const [first = 0, second = 0, ...rest] = oid.split('.').map(Number)
  const base128 = (number: number): number[] => {
    const groups = [number & 0x7f]
    for (let left = number >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  }
  return der(0x06, Buffer.from([40 * first + second, ...rest.flatMap(base128)]))
}

/** ASN.1 tags of values. */
export const TAG = {
  boolean: 0x01,
  bitString: 0x03,
  octetString: 0x04,
  utf8: 0x0c,
  printable: 0x13,
  teletex: 0x14,
  ia5: 0x16,
  universal: 0x1c,
  bmp: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const

/** An attribute of a subject: OID, tag and bytes of the value. */
export type Attribute = readonly [oid: string, tag: number, value: string | Uint8Array]

/** A signed certificate request of a recorded key, with whatever subject. */
export function requestWith(
  attributes: readonly Attribute[],
  {
    key = createPrivateKey(pki.keys['node-a'] ?? ''),
    spki = createPublicKey(key).export({ format: 'der', type: 'spki' }),
    algorithm = der(TAG.sequence, derOid('1.2.840.113549.1.1.13'), der(0x05)),
    signer = (info) => sign('sha512', info, key),
  }: {
    readonly key?: KeyObject
    readonly spki?: Buffer
    readonly algorithm?: Buffer
    readonly signer?: (info: Buffer) => Buffer
  } = {},
): string {
  const subject = der(
    TAG.sequence,
    ...attributes.map(([oid, tag, value]) => der(TAG.set, der(TAG.sequence, derOid(oid), der(tag, value)))),
  )
  const info = der(TAG.sequence, der(0x02, Buffer.of(0)), subject, spki, der(0xa0))
  const signature = der(TAG.bitString, Buffer.of(0), signer(info))
  const base64 = der(TAG.sequence, info, algorithm, signature).toString('base64')
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64.replace(/.{64}/g, '$&\n')}\n-----END CERTIFICATE REQUEST-----\n`
}
