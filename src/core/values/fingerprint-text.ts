/** A digest as openssl prints it, with its algorithm: `sha256:0C:7A:…`. */
export const fingerprintText = (algorithm: string, digest: Uint8Array): string =>
  `${algorithm}:${Buffer.from(digest)
    .toString('hex')
    .toUpperCase()
    .replace(/..(?=.)/g, '$&:')}`
