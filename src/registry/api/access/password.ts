import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'

/** Cost of scrypt (RFC 7914): 32 MiB and about a tenth of a second. */
const COST = { N: 2 ** 15, r: 8, p: 1 } as const
const SALT_LENGTH = 16
const KEY_LENGTH = 32
/** Memory for one more expensive than ours, which a later version may have stored. */
const MAX_MEMORY = 256 * 1024 * 1024
/** Shortest password that is taken. */
export const MIN_PASSWORD_LENGTH = 12
/** Longest: what follows costs nobody anything. */
export const MAX_PASSWORD_LENGTH = 1_024

/** Octets of a password that is made up. */
const MADE_LENGTH = 18

/** A password that nobody has chosen. */
export const newPassword = (): string => randomBytes(MADE_LENGTH).toString('base64url')

interface Cost {
  readonly N: number
  readonly r: number
  readonly p: number
}

/** What is stored of a password: `scrypt$N$r$p$salt$key`, in base64url. */
export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(SALT_LENGTH)
  const key = await derive(password, salt, COST)
  return ['scrypt', COST.N, COST.r, COST.p, salt.toString('base64url'), key.toString('base64url')].join('$')
}

/**
 * Whether it is the password. Where nothing is stored, it takes as long as if something were: who asks does not learn
 * which names there are.
 */
export async function isPassword(password: string, stored: string | undefined): Promise<boolean> {
  const parsed = parse(stored ?? '')
  const { cost, salt, key } = parsed ?? NOBODYS
  const derived = await derive(password, salt, cost)
  return timingSafeEqual(derived, key) && parsed !== undefined
}

const NOBODYS = { cost: COST, salt: Buffer.alloc(SALT_LENGTH), key: Buffer.alloc(KEY_LENGTH) } as const

function parse(stored: string): { cost: Cost; salt: Buffer; key: Buffer } | undefined {
  const [, N, r, p, salt = '', key = ''] =
    /^scrypt\$(\d{1,7})\$(\d{1,2})\$(\d{1,2})\$([\w-]+)\$([\w-]+)$/.exec(stored) ?? []
  const cost = { N: Number(N), r: Number(r), p: Number(p) }
  const bytes = Buffer.from(key, 'base64url')
  return bytes.length === KEY_LENGTH ? { cost, salt: Buffer.from(salt, 'base64url'), key: bytes } : undefined
}

/** The same letters are the same password, however a keyboard composes them (RFC 8265, 4.2). */
const derive = (password: string, salt: Buffer, cost: Cost): Promise<Buffer> =>
  new Promise((resolve, reject) => {
    scrypt(password.normalize('NFC'), salt, KEY_LENGTH, { ...cost, maxmem: MAX_MEMORY }, (error, key) =>
      error ? reject(error) : resolve(key),
    )
  })
