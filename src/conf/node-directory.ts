import { createPrivateKey, type KeyObject } from 'node:crypto'
import { access, open, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AS_ROOT, codeOf, fileTroubleOf, messageOf, Re6stError } from '../core/errors.ts'
import { makeDirectories, replaceFile } from '../platform/files.ts'

/** Space that all files together need, with room to spare: keys and certificates have a few kilobytes. */
const NEEDED_BYTES = 64 * 1024

/** The directory in which a node's files are made. */
export class NodeDirectory {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  file(name: 'ca.crt' | 'cert.crt' | 'cert.key' | 're6stnet.conf'): string {
    return join(this.path, name)
  }

  /**
   * Makes sure that files can be written here, before anything is asked for that cannot be asked for twice.
   * @throws Re6stError `FILE`, with what to do
   */
  async ensureWritable(): Promise<void> {
    const probe = join(this.path, `.re6st-conf.${process.pid}`)
    try {
      await makeDirectories(this.path)
      // Written out, not only opened: a full disk shows when the data goes there.
      const file = await open(probe, 'wx', 0o600)
      try {
        await file.writeFile(Buffer.alloc(NEEDED_BYTES))
        await file.sync()
      } finally {
        await file.close()
      }
    } catch (error) {
      throw this.#unwritable(error)
    } finally {
      await rm(probe, { force: true }).catch(() => {})
    }
  }

  /** The content of a file, or undefined if there is none. @throws Re6stError `FILE` if it cannot be read */
  async read(name: Parameters<NodeDirectory['file']>[0]): Promise<string | undefined> {
    try {
      return await readFile(this.file(name), 'utf8')
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined
      throw new Re6stError('FILE', `${this.file(name)} cannot be read: ${fileTroubleOf(error)}`, {
        cause: error,
      })
    }
  }

  /**
   * The key that is there, if any.
   * @param bits what it must have: sessions with the registry need keys as long as its own
   * @throws Re6stError `FILE` if it is not one
   */
  async readKey(bits: number): Promise<KeyObject | undefined> {
    const pem = await this.read('cert.key')
    if (pem === undefined) return undefined
    const unusable = (why: string, cause?: unknown) =>
      new Re6stError('FILE', `${this.file('cert.key')} ${why}: move it away, and run again`, { cause })
    let key: KeyObject
    try {
      key = createPrivateKey(pem)
    } catch (error) {
      throw unusable('is not a private key without password, in PEM', error)
    }
    if (key.asymmetricKeyType !== 'rsa') throw unusable('is not an RSA key')
    const { modulusLength } = key.asymmetricKeyDetails ?? {}
    if (modulusLength !== bits) throw unusable(`has ${modulusLength} bits, and the CA's key ${bits}`)
    return key
  }

  /** Writes a file as a whole or not at all. @throws Re6stError `FILE` */
  async write(name: Parameters<NodeDirectory['file']>[0], content: string, mode = 0o644): Promise<void> {
    try {
      await replaceFile(this.file(name), content, mode)
    } catch (error) {
      throw this.#unwritable(error)
    }
  }

  /** Writes a file unless there is one. Says whether it did. @throws Re6stError `FILE` */
  async writeNew(name: Parameters<NodeDirectory['file']>[0], content: string): Promise<boolean> {
    const exists = await access(this.file(name)).then(
      () => true,
      () => false,
    )
    if (!exists) await this.write(name, content)
    return !exists
  }

  #unwritable(error: unknown): Re6stError {
    const trouble = codeOf(error) || messageOf(error)
    return new Re6stError('FILE', `${this.path}: ${remedyFor(trouble)}`, { cause: error })
  }
}

function remedyFor(trouble: string): string {
  switch (trouble) {
    case 'ENOSPC':
    case 'EDQUOT':
      return 'the disk is full: free some space, and run again'
    case 'EEXIST':
    case 'ENOTDIR':
      return 'it is not a directory: give another by --dir'
    case 'EACCES':
      return `no permission to write there: ${AS_ROOT}, or give another directory by --dir`
    default:
      return `cannot write there (${trouble}): run as its owner, or give another directory by --dir`
  }
}
