/** Tags of DER (X.690, 8.1.2) that keys, requests and certificates are made of. */
export const DER_TAG = {
  integer: 0x02,
  bitString: 0x03,
  null: 0x05,
  objectIdentifier: 0x06,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  /** `[0]`, explicit. */
  context0: 0xa0,
} as const

/** An element of DER: its tag and its content. */
interface DerElement {
  readonly tag: number
  readonly content: Uint8Array
  /** All of it, as it stands there. */
  readonly raw: Uint8Array
}

/** The elements of DER (X.690) one after another; stops where the bytes are no DER. */
export function elements(bytes: Uint8Array): readonly DerElement[] {
  const found: DerElement[] = []
  let at = 0
  while (at + 2 <= bytes.length) {
    const tag = bytes[at] ?? 0
    const short = bytes[at + 1] ?? 0
    const lengthBytes = short < 0x80 ? 0 : short & 0x7f
    if (lengthBytes > 4) break
    let length = lengthBytes === 0 ? short : 0
    for (let index = 0; index < lengthBytes; index++) length = length * 256 + (bytes[at + 2 + index] ?? 0)
    const start = at + 2 + lengthBytes
    if (start + length > bytes.length) break
    found.push({
      tag,
      content: bytes.subarray(start, start + length),
      raw: bytes.subarray(at, start + length),
    })
    at = start + length
  }
  return found
}

/** An element of DER. */
export function derElement(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const length = contents.reduce((sum, content) => sum + content.length, 0)
  const lengthBytes: number[] = []
  for (let left = length; left > 0; left = Math.floor(left / 256)) lengthBytes.unshift(left & 0xff)
  const header = length < 0x80 ? [tag, length] : [tag, 0x80 | lengthBytes.length, ...lengthBytes]
  return Buffer.concat([Buffer.from(header), ...contents])
}

/** An INTEGER that is not negative. */
export function derInteger(value: bigint): Buffer {
  const hex = value.toString(16)
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex')
  const [first = 0] = bytes
  // Its first bit would make it negative.
  return derElement(DER_TAG.integer, first < 0x80 ? bytes : Buffer.concat([Buffer.of(0), bytes]))
}

/** The content of the first PEM of these kinds; what stands before and after it is ignored. Undefined when there is none. */
export function pemContent(text: string, ...labels: readonly [string, ...string[]]): Buffer | undefined {
  const begin = new RegExp(`^-----BEGIN (?:${labels.join('|')})-----\\r?\\n`, 'm').exec(text)
  if (!begin) return undefined
  const start = begin.index + begin[0].length
  const end = text.indexOf('-----END ', start)
  return end < 0 ? undefined : Buffer.from(text.slice(start, end), 'base64')
}

/** PEM. */
export const pemOf = (label: string, der: Uint8Array): string =>
  `-----BEGIN ${label}-----\n${Buffer.from(der)
    .toString('base64')
    .replace(/.{1,64}/g, '$&\n')}-----END ${label}-----\n`
