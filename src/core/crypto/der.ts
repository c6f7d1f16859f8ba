/** An element of DER: its tag and its content. */
interface DerElement {
  readonly tag: number
  readonly content: Uint8Array
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
    found.push({ tag, content: bytes.subarray(start, start + length) })
    at = start + length
  }
  return found
}
