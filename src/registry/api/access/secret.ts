import { createHash, randomBytes } from 'node:crypto'

const LENGTH = 32

/** A secret that nobody guesses: of a session, or a token. */
export const newSecret = (): string => randomBytes(LENGTH).toString('base64url')

/** What is stored of a secret: it has too many bits to be found by trying, so that one round of SHA-256 is enough. */
export const hashOfSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex')
