import { readFile, rm } from 'node:fs/promises'
import { isDeepStrictEqual } from 'node:util'
import { messageOf } from '../../core/errors.ts'
import { replaceFileOfThisBoot } from '../../platform/files.ts'
import type { Logger } from '../../platform/log.ts'

/** One thing that was done to the kernel, as what undoes it. */
export type Deed =
  /** Undone by `ip <arguments>`. */
  | { readonly kind: 'ip'; readonly undo: readonly string[] }
  /** Undone by writing `before`, if it is still what we wrote. */
  | { readonly kind: 'sysctl'; readonly path: string; readonly before: string; readonly written: string }

interface Content {
  /** Deeds do not outlive the boot in which they were done. */
  readonly boot: string
  readonly deeds: readonly Deed[]
}

/**
 * What was done to the kernel and is to be undone, in a file: after kill -9 the next start finds it. A deed is written
 * down before it is done, so that no moment to be killed at leaves one that nobody knows of. On a full disk it is only
 * in memory: a node that did not start then could not be reached to make space.
 */
export class Journal {
  readonly #file: string
  readonly #boot: string
  readonly #log: Logger
  #deeds: readonly Deed[] = []
  #isWritable = true

  private constructor(file: string, boot: string, log: Logger) {
    this.#file = file
    this.#boot = boot
    this.#log = log
  }

  /** Opens the journal and reads what a predecessor left in it. A file that makes no sense is taken for an empty one. */
  static async open(file: string, boot: string, log: Logger): Promise<Journal> {
    const journal = new Journal(file, boot, log)
    const text = await readFile(file, 'utf8').catch(() => undefined)
    // An empty one is of before a power cut.
    if (text === undefined || text === '') return journal
    const content = contentOf(text)
    if (content === undefined)
      log.warn(`${file} cannot be read: what a killed node left in the kernel is not known`)
    else if (content.boot === boot) journal.#deeds = content.deeds
    return journal
  }

  /** What is to be undone, the oldest first. */
  get deeds(): readonly Deed[] {
    return this.#deeds
  }

  /** To be called before it is done. One that is done again, because others undid it, is there once. */
  async add(deed: Deed): Promise<void> {
    if (!this.#deeds.some((each) => isDeepStrictEqual(each, deed))) await this.#write([...this.#deeds, deed])
  }

  /** To be called after it was undone, or when it could not be done. */
  async remove(deed: Deed): Promise<void> {
    await this.#write(this.#deeds.filter((each) => !isDeepStrictEqual(each, deed)))
  }

  async #write(deeds: readonly Deed[]): Promise<void> {
    this.#deeds = deeds
    const content: Content = { boot: this.#boot, deeds }
    try {
      if (deeds.length === 0) await rm(this.#file, { force: true })
      else await replaceFileOfThisBoot(this.#file, `${JSON.stringify(content)}\n`, 0o600)
      this.#isWritable = true
    } catch (error) {
      if (this.#isWritable)
        this.#log.warn(
          { reason: messageOf(error) },
          `${this.#file} cannot be written: if this node is killed now, its changes in the kernel stay`,
        )
      this.#isWritable = false
    }
  }
}

function contentOf(text: string): Content | undefined {
  try {
    const { boot, deeds } = JSON.parse(text) as Partial<Content>
    return typeof boot === 'string' && Array.isArray(deeds) && deeds.every(isDeed)
      ? { boot, deeds }
      : undefined
  } catch {
    return undefined
  }
}

function isDeed(value: unknown): value is Deed {
  const { kind, undo, path, before, written } = (value ?? {}) as Record<string, unknown>
  if (kind === 'ip') return Array.isArray(undo) && undo.every((word) => typeof word === 'string')
  return kind === 'sysctl' && [path, before, written].every((text) => typeof text === 'string')
}
