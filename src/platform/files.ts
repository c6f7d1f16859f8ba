import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  type Stats,
  statSync,
} from 'node:fs'
import { chmod, lchown, lstat, open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from '../core/errors.ts'

/**
 * Writes a file so that at any moment, also after a power cut, either the old or the new content is there, never half
 * of it. An existing file keeps its owner and mode; a new one gets `mode`.
 * @throws what the file system says: the old file is untouched then
 */
export async function replaceFile(path: string, content: string | Uint8Array, mode = 0o644): Promise<void> {
  await replace(path, content, mode, true)
  await syncDirectory(dirname(path))
}

/**
 * As `replaceFile`, for what says nothing after the next boot: it is there also after a kill -9, but the disk, which may take
 * tens of milliseconds, is not waited for. After a power cut it may be empty.
 */
export const replaceFileOfThisBoot = (path: string, content: string, mode = 0o644): Promise<void> =>
  replace(path, content, mode, false)

async function replace(
  path: string,
  content: string | Uint8Array,
  mode: number,
  isForLong: boolean,
): Promise<void> {
  const old = await stat(path).catch(() => undefined)
  const temporary = `${path}.${randomBytes(4).toString('hex')}.new`
  try {
    // Made with the final mode, so that a private key is never readable by others for a moment.
    const file = await open(temporary, 'wx', (old?.mode ?? mode) & 0o777)
    try {
      await file.writeFile(content)
      if (isForLong) await file.sync()
    } finally {
      await file.close()
    }
    await chmod(temporary, (old?.mode ?? mode) & 0o7777)
    if (old && process.getuid?.() === 0 && !isOwnedAs(await lstat(temporary), old))
      await lchown(temporary, old.uid, old.gid)
    await rename(temporary, path)
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  }
}

/** The rename itself survives a power cut only when the directory has been written. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, 'r')
  try {
    await directory.sync()
  } finally {
    await directory.close()
  }
}

/** Puts a file that is written in the place of another in its directory: it survives a power cut. @throws what the file system says */
export function putInPlaceSync(written: string, path: string): void {
  syncSync(written)
  renameSync(written, path)
  syncSync(dirname(path))
}

/** Removes a file: it is not there again after a power cut. @throws what the file system says */
export function removeFileSync(path: string): void {
  rmSync(path)
  syncSync(dirname(path))
}

/** What a path leads to; undefined: nothing, also where something above is no directory. @throws what else the file system says */
export const statIfThere = (path: string): Stats | undefined =>
  existsSync(path) ? statSync(path) : undefined

/**
 * Root makes a file for somebody else: for whom the one is that it takes the place of, or the directory. What is root's alone would keep
 * a daemon from its own file that runs as another user. Whoever may write to the directory may have put a link in its place: what that
 * leads to stays whose it is.
 * @param made beside `path`
 * @throws what the file system says
 */
export function keepOwnerSync(path: string, made: string): void {
  if (process.geteuid?.() !== 0) return
  const owned = statIfThere(path) ?? statSync(dirname(path))
  if (!isOwnedAs(lstatSync(made), owned)) lchownSync(made, owned.uid, owned.gid)
}

/** The kernel is not asked for what is so already: a service without privileges may not ask, not even that (systemd's `@privileged`). */
const isOwnedAs = (one: Stats, other: Stats): boolean => one.uid === other.uid && one.gid === other.gid

/**
 * Gives a file another name, too, at once.
 * @param otherwise on a file system without links, for the file of somebody else (protected_hardlinks), or when something has that name
 */
export function nameAlsoSync(path: string, other: string, otherwise: (error: unknown) => void): void {
  try {
    linkSync(path, other)
  } catch (error) {
    otherwise(error)
  }
}

/** Waits until a file, or the names in a directory, survive a power cut. @throws what the file system says */
export function syncSync(path: string): void {
  const file = openSync(path, 'r')
  try {
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** As `makeDirectoriesSync`. @throws what the file system says */
export const makeDirectories = async (path: string): Promise<void> => makeDirectoriesSync(path)

/**
 * Makes a directory, and those above it. Not by `mkdir` with `recursive`: where a file system has no room for
 * directories (`/proc/x`), that one tries for ever.
 * @param mode of the last one, if it is made
 * @throws what the file system says
 */
export function makeDirectoriesSync(path: string, mode?: number): void {
  const exists = (one: string) => statIfThere(one)?.isDirectory() === true
  try {
    mkdirSync(path, { mode })
  } catch (error) {
    if (exists(path)) return
    const above = dirname(path)
    if (codeOf(error) !== 'ENOENT' || exists(above)) throw error
    makeDirectoriesSync(above)
    mkdirSync(path, { mode })
  }
}
