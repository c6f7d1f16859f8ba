import { messageOf, Re6stError } from '../../core/errors.ts'
import { ipJson } from '../../platform/ip-json.ts'
import type { Logger } from '../../platform/log.ts'
import type { Processes } from '../../platform/processes.ts'
import { procSysctls, type Sysctls } from '../../platform/sysctls.ts'
import { type Deed, Journal } from './journal.ts'

/** What changes are made with. */
export interface KernelChangesInit {
  readonly processes: Processes
  readonly log: Logger
  /** Where it is written down what is to be undone. */
  readonly stateFile: string
  readonly sysctls?: Sysctls
}

/** Changes of the kernel, each of which can be undone, also by the next process after a kill -9. */
export class KernelChanges {
  readonly #processes: Processes
  readonly #log: Logger
  readonly #stateFile: string
  readonly #sysctls: Sysctls
  #journal: Journal | undefined
  #made = 0

  constructor({ processes, log, stateFile, sysctls = procSysctls }: KernelChangesInit) {
    this.#processes = processes
    this.#log = log
    this.#stateFile = stateFile
    this.#sysctls = sysctls
  }

  /** Undoes what a killed predecessor left. To be called first. */
  async open(): Promise<void> {
    const boot = (await this.#sysctls.read('kernel/random/boot_id')) ?? ''
    this.#journal = await Journal.open(this.#stateFile, boot, this.#log)
    if (this.deeds.length === 0) return
    this.#log.warn('a killed node left changes in the kernel: they are undone')
    await this.undo(this.deeds)
  }

  /** Undoes everything. Idempotent; nothing is done any more. */
  async close(): Promise<void> {
    if (this.#journal) await this.undo(this.deeds)
    this.#journal = undefined
  }

  /** What is to be undone, the oldest first. */
  get deeds(): readonly Deed[] {
    return this.#opened().deeds
  }

  /** How often something was done so far. */
  get made(): number {
    return this.#made
  }

  /** Does something with `ip` that is undone so. @throws Re6stError `SYSTEM` when `ip` fails */
  async do(command: readonly string[], undo: readonly string[]): Promise<void> {
    const deed: Deed = { kind: 'ip', undo }
    await this.note(deed)
    try {
      await this.ip(command)
    } catch (error) {
      await this.#opened().remove(deed)
      throw error
    }
    this.#made++
  }

  /** Writes a setting, to be restored. @throws Re6stError `SYSTEM` when it cannot be written */
  async set(path: string, value: string): Promise<void> {
    const before = (await this.#sysctls.read(path)) ?? ''
    const deed: Deed = { kind: 'sysctl', path, before, written: value }
    await this.note(deed)
    try {
      await this.#sysctls.write(path, value)
    } catch (error) {
      await this.#opened().remove(deed)
      throw new Re6stError('SYSTEM', `cannot set ${path} to ${value}: ${messageOf(error)}`, { cause: error })
    }
    this.#made++
  }

  /** Has something undone that happens with what is done next. What is noted already is undone once. */
  async note(deed: Deed): Promise<void> {
    await this.#opened().add(deed)
  }

  /** Undoes these, the last one first. What was undone before is left alone. */
  async undo(deeds: readonly Deed[]): Promise<void> {
    for (const deed of [...deeds].reverse())
      if (this.#journal?.deeds.includes(deed)) await this.#undoOne(this.#journal, deed)
  }

  /** A setting; undefined: there is none. */
  read(path: string): Promise<string | undefined> {
    return this.#sysctls.read(path)
  }

  /** Writes a setting of what goes as a whole: nothing is restored. */
  write(path: string, value: string): Promise<void> {
    return this.#sysctls.write(path, value)
  }

  /** Runs `ip`; nothing of it is undone. @throws Re6stError `SYSTEM` when it fails */
  async ip(command: readonly string[]): Promise<void> {
    try {
      await this.#processes.run('ip', command)
    } catch (error) {
      throw new Re6stError('SYSTEM', messageOf(error), { cause: error })
    }
  }

  /** What `ip` shows. */
  show(command: readonly string[]): Promise<readonly object[]> {
    return ipJson(this.#processes, ...command)
  }

  async #undoOne(journal: Journal, deed: Deed): Promise<void> {
    try {
      if (deed.kind === 'ip') await this.ip(deed.undo)
      else if ((await this.#sysctls.read(deed.path)) === deed.written)
        await this.#sysctls.write(deed.path, deed.before)
    } catch (error) {
      // It was never done, or someone else undid it, or its interface is gone.
      this.#log.debug({ reason: messageOf(error) }, 'nothing to undo')
    }
    await journal.remove(deed)
  }

  #opened(): Journal {
    if (!this.#journal) throw new Error('the kernel was not prepared')
    return this.#journal
  }
}
