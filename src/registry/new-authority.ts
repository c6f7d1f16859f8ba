import { randomBytes, X509Certificate } from 'node:crypto'
import { access, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import { certificateFingerprint } from '../core/crypto/certificate.ts'
import { DAY_MS } from '../core/day.ts'
import { messageOf, Re6stError } from '../core/errors.ts'
import { uniqueLocalNetwork } from '../core/values/network-range.ts'
import { type Network, networkCidr } from '../core/values/prefix.ts'
import { makeDirectories } from '../platform/files.ts'
import { makeAuthority } from './crypto/authority-maker.ts'

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
  readonly also: (network: string) => readonly NewFile[]
  /** What to do where a file is there already, or cannot be written. */
  readonly remedy: string
}

/**
 * Makes an authority: its key, its certificate. What is there is not overwritten.
 * @throws Re6stError `FILE` when there is something already, or it cannot be written: nothing is left then
 */
export async function writeNewAuthority(
  { ca, key, also, remedy }: AuthorityFiles,
  { prefix, name, email, keyBits, days }: WantedAuthority,
  nowMs: number,
): Promise<WrittenAuthority> {
  const network = prefix ?? uniqueLocalNetwork(randomBytes)
  const others = also(networkCidr(network))
  // Before a key is made, which takes a while.
  for (const file of [key, ca, ...others.map(({ file }) => file)])
    if (await exists(file)) throw isThere(file, remedy)
  const notAfterMs = nowMs + days * DAY_MS
  const { caPem, keyPem } = await makeAuthority({ network, name, email, keyBits, nowMs, notAfterMs })
  await writeAll(
    [{ file: key, content: keyPem, mode: 0o600 }, { file: ca, content: caPem, mode: 0o644 }, ...others],
    remedy,
  )
  return {
    network: networkCidr(network),
    validUntil: new Date(notAfterMs).toISOString(),
    fingerprint: certificateFingerprint(new X509Certificate(caPem).raw),
  }
}

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  )

const isThere = (file: string, remedy: string): Re6stError =>
  new Re6stError('FILE', `${file} exists already, and is not overwritten: ${remedy}, or move it away`)

/** A file that is to be written. */
interface NewFile {
  readonly file: string
  readonly content: string
  readonly mode: number
}

/** All of them, or none. */
async function writeAll(files: readonly NewFile[], remedy: string): Promise<void> {
  const written: string[] = []
  let directory = ''
  try {
    for (const { file } of files) {
      directory = dirname(file)
      await makeDirectories(directory)
    }
    for (const { file, content, mode } of files) {
      const handle = await open(file, 'wx', mode)
      written.push(file)
      try {
        await handle.writeFile(content)
        await handle.sync()
      } finally {
        await handle.close()
      }
    }
  } catch (error) {
    for (const file of written) await rm(file, { force: true })
    const { code, path = directory } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' && path !== directory) throw isThere(path, remedy)
    throw new Re6stError(
      'FILE',
      code === 'EEXIST' || code === 'ENOTDIR'
        ? `${directory}: is no directory, or inside of what is none: ${remedy}`
        : `${directory}: cannot write there (${code ?? messageOf(error)}): run as its owner, or ${remedy}`,
      { cause: error },
    )
  }
}
