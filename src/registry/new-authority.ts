import { randomBytes, X509Certificate } from 'node:crypto'
import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import { certificateFingerprint } from '../core/crypto/certificate.ts'
import { DAY_MS } from '../core/day.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import { uniqueLocalNetwork } from '../core/values/network-range.ts'
import { type Network, networkCidr } from '../core/values/prefix.ts'
import { makeAuthority } from './crypto/authority-maker.ts'
import { type NewFile, NewFiles, undoNewFiles } from './new-files.ts'

/** An authority that was made, and is in its files. */
export interface WrittenAuthority {
  readonly network: string
  /** End of its certificate, in ISO 8601. */
  readonly validUntil: string
  /** Of its certificate, as `re6st-conf --fingerprint` takes it. */
  readonly fingerprint: string
}

/** What an authority is to be like. */
export interface WantedAuthority {
  /** Undefined: a random one of `fd00::/8`. */
  readonly prefix: Network | undefined
  readonly name: string
  readonly email: string | undefined
  readonly keyBits: number
  readonly days: number
}

/** Where it is to be. */
export interface AuthorityFiles {
  readonly ca: string
  readonly key: string
  /** What else is written, if all of it can be. */
  readonly also?: (network: string) => readonly NewFile[]
  /** What must be there before anybody can start with it: called when only the names are missing. What it throws is thrown. */
  readonly ready?: (authority: WrittenAuthority) => Promise<void>
  /** What to do where a file is there already, or cannot be written. */
  readonly remedy: string
}

/**
 * Makes an authority: its key, its certificate. What is there is not overwritten. The certificate gets its name last, when all the rest is
 * there: no registry starts without it. What was killed before that is undone by the next attempt.
 * @throws Re6stError `FILE` when there is something already, or it cannot be written; what `ready` throws: nothing is left then
 */
export async function writeNewAuthority(
  { ca, key, also = () => [], ready = async () => {}, remedy }: AuthorityFiles,
  { prefix, name, email, keyBits, days }: WantedAuthority,
  nowMs: number,
): Promise<WrittenAuthority> {
  const network = prefix ?? uniqueLocalNetwork(randomBytes)
  const others = also(networkCidr(network))
  const paths = [...others.map(({ file }) => file), key]
  const written = <T>(write: () => T): T => {
    try {
      return write()
    } catch (error) {
      throw refusalOf(error, [...paths, ca], remedy)
    }
  }
  using files = written(() => NewFiles.of(paths, ca))
  // Before a key is made, which takes a while.
  for (const file of [...paths, ca]) if (existsSync(file)) throw isThere(file, remedy)
  const notAfterMs = nowMs + days * DAY_MS
  const { caPem, keyPem } = await makeAuthority({ network, name, email, keyBits, nowMs, notAfterMs })
  const made = {
    network: networkCidr(network),
    validUntil: new Date(notAfterMs).toISOString(),
    fingerprint: certificateFingerprint(new X509Certificate(caPem).raw),
  }
  const authority = [
    { file: key, content: keyPem, mode: 0o600 },
    { file: ca, content: caPem, mode: 0o644 },
  ]
  written(() => files.write([...others, ...authority]))
  await ready(made)
  written(() => files.place())
  return made
}

/** Undoes what was killed while an authority was made, before it was one. @throws Re6stError `FILE` */
export function undoNewAuthority({ ca, key }: Pick<AuthorityFiles, 'ca' | 'key'>, remedy: string): void {
  try {
    undoNewFiles([key], ca)
  } catch (error) {
    throw refusalOf(error, [key, ca], remedy)
  }
}

const isThere = (file: string, remedy: string): Re6stError =>
  new Re6stError('FILE', `${file} exists already, and is not overwritten: ${remedy}, or move it away`)

/** Why files cannot be written, and what to do. */
function refusalOf(error: unknown, files: readonly string[], remedy: string): Re6stError {
  if (error instanceof Re6stError) return error
  const { code, path = files[0] ?? '', syscall } = error as NodeJS.ErrnoException
  if (code === 'EEXIST' && files.includes(path)) return isThere(path, remedy)
  const directory = syscall === 'mkdir' || code === 'ENOTDIR' ? path : dirname(path)
  return new Re6stError(
    'FILE',
    code === 'EEXIST' || code === 'ENOTDIR'
      ? `${directory}: is no directory, or inside of what is none: ${remedy}`
      : `${directory}: cannot write there (${code ?? messageOf(error)}): run as its owner, or ${remedy}`,
    { cause: error },
  )
}
