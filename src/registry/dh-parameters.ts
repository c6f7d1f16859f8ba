/** DH parameters in PEM (PKCS #3: prime and generator 2), for nodes that still ask for some. */
export function dhParameters(prime: Uint8Array): string {
  const der = sequence([integer(prime), integer(Uint8Array.of(2))])
  const base64 = der.toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  return `-----BEGIN DH PARAMETERS-----\n${base64}\n-----END DH PARAMETERS-----\n`
}

const sequence = (elements: readonly Buffer[]): Buffer => element(0x30, Buffer.concat(elements))

/** A leading zero keeps a number with the highest bit set positive. */
const integer = (number: Uint8Array): Buffer =>
  element(0x02, Buffer.concat([(number[0] ?? 0) & 0x80 ? Buffer.of(0) : Buffer.of(), number]))

function element(tag: number, content: Buffer): Buffer {
  const { length } = content
  const header = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(header), content])
}
